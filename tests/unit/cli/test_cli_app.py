"""The command line as a whole: help, names, errors, exit codes, interruption."""

import io
import json
import os
import re
import signal
import subprocess
import sys

import pytest
import typer
from command_tree import PATHS, parse, tree, walk
from tiny import call

from semioscope import __version__
from semioscope.cli import app as application
from semioscope.cli.saying import as_a_step, say, say_next, wrapped
from semioscope.core.errors import ConfigError

PLACES = ("--cohort", "x", "--out", "y")
NAMES = ["semioscope " + " ".join(path) for path in PATHS]


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
@pytest.mark.parametrize("columns", [80, 100])
def test_help_is_whole(path, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERMINAL_WIDTH", str(columns))
    shown = call(*path, "--help")
    assert shown.exit_code == 0
    assert shown.out == call(*path, "-h").out
    assert not re.search(r"\w\.\.\.$", shown.out, flags=re.MULTILINE), "a sentence is cut"
    assert max(map(len, shown.out.splitlines())) <= columns


@pytest.mark.parametrize(("path", "command"), list(walk()), ids=NAMES)
def test_everything_has_help(path, command):
    assert command.help
    for parameter in command.params:
        assert parameter.help, f"{path}: {parameter.name}"
        assert parameter.help.rstrip("])").endswith((".", "all", "first", "video", "'s", "features")), (
            parameter.help
        )


@pytest.mark.parametrize(("path", "command"), list(walk()), ids=NAMES)
def test_values_are_named_for_what_they_are(path, command):
    for parameter in command.params:
        if parameter.param_type_name == "option" and not parameter.is_flag:
            assert parameter.metavar, f"{path}: {parameter.name}"


def test_commands_come_in_the_order_of_use():
    names = set(tree().commands)
    assert names == set(application.COMMANDS)
    shown = call("--help").out
    places = [re.search(rf"^  {name} ", shown, flags=re.MULTILINE).start() for name in application.COMMANDS]
    assert places == sorted(places)
    assert "Begin with: semioscope demo DIR." in shown


def test_without_words_it_shows_help():
    shown = call()
    assert "Commands:" in shown.text


def test_version():
    assert call("--version").out == f"semioscope {__version__}\n"


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (["rnu"], "run"),
        (["predit", "x.mp4"], "predict"),
        (["cohort", "chek", "x"], "check"),
        (["weights", "fech"], "fetch"),
        (["run", "--cohrt", "x"], "--cohort"),
        (["predict", "x", "--modle", "y"], "--model"),
        (["cohort", "check", "x", "--progres", "quiet"], "--progress"),
    ],
)
def test_misspelt_commands_and_options_name_the_nearest(words, nearest):
    shown = call(*words)
    assert shown.exit_code == 2
    assert shown.out == ""
    assert "Error: No such" in shown.err
    assert nearest in shown.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["run", "gestures", *PLACES],
            "Unknown recipe 'gestures'. Did you mean gestures-2021 or",
        ),
        (
            ["run", "gestures-2021", *PLACES, "--protocol", "papr"],
            "Did you mean paper?",
        ),
        (["bench", "engine"], "Unknown benchmark 'engine'. Did you mean engines?"),
        (["synth", "x", "--progress", "jsn"], "Unknown progress mode 'jsn'. Did you mean json?"),
        (["weights", "verify", "motoin"], "Unknown backbone 'motoin'. Did you mean motion?"),
        (["cohort", "summary", "x", "--task", "fos-tcs"], "Did you mean fos-vs-tcs"),
    ],
)
def test_misspelt_values_name_the_nearest(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = call(*words)
    assert shown.exit_code == 2
    assert message in shown.err
    assert shown.err.startswith("Error: ")
    assert shown.err.count("\n") == 1, "one sentence in one line"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "gestures-2021"], "Missing option '--out'"),
        (["synth", "x", "--patients", "0"], "greater than or equal to 1"),
        (["extract", "x", "--stride", "often"], "--stride"),
    ],
)
def test_wrong_usage_is_two(words, message):
    shown = call(*words)
    assert (shown.exit_code, shown.out) == (2, "")
    assert message in shown.err


def broken(monkeypatch, error):
    """Let ``semioscope cohort check`` meet an error."""

    def meet(*arguments, **options):
        raise error

    monkeypatch.setattr("semioscope.cohort.check_cohort", meet)


def run_check(*before, progress="quiet"):
    from typer.testing import CliRunner

    return CliRunner().invoke(application.app, [*before, "cohort", "check", "x", "--progress", progress])


def test_errors_are_sentences_and_debug_shows_more(monkeypatch):
    monkeypatch.delenv(application.DEBUG_VARIABLE, raising=False)
    broken(monkeypatch, ConfigError("seed must be whole, got 1.5. Write a whole number."))
    shown = run_check()
    assert (shown.exit_code, shown.stderr) == (
        2,
        "Error: seed must be whole, got 1.5. Write a whole number.\n",
    )
    detailed = run_check("--debug")
    assert detailed.exit_code == 2
    assert "Traceback (most recent call last)" in detailed.stderr
    assert detailed.stderr.endswith(shown.stderr)
    assert "Traceback" not in run_check().stderr, "--debug must not stay for the next command"
    monkeypatch.setenv(application.DEBUG_VARIABLE, "1")
    assert "Traceback" in run_check().stderr


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            PermissionError(13, "Permission denied", "out"),
            "out: Permission denied. Check the path, the rights",
        ),
        (OSError(28, "No space left on device"), "No space left on device. Check the path"),
        (KeyError("fold"), "Unexpected KeyError: 'fold'. This is a fault of semioscope. Please report it"),
        (ValueError("a\n  b"), "Unexpected ValueError: a b."),
        (AssertionError(), "Unexpected AssertionError. This is a fault"),
    ],
)
def test_other_errors_are_sentences_too(error, message, monkeypatch):
    broken(monkeypatch, error)
    shown = run_check()
    assert shown.exit_code == 2
    assert message in shown.stderr
    assert shown.stderr.count("\n") == 1
    assert "Traceback" not in shown.stderr


def test_in_json_mode_errors_are_json_lines(monkeypatch):
    broken(monkeypatch, ConfigError("no"))
    assert json.loads(run_check(progress="json").stderr) == {
        "event": "message",
        "level": "error",
        "text": "no",
    }
    broken(monkeypatch, KeyboardInterrupt())
    assert json.loads(run_check(progress="json").stderr)["level"] == "warning"


def test_a_closed_pipe_is_left_to_the_caller():
    def closed():
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        application.guarded("x", closed)()
    with pytest.raises(typer.Exit):
        application.guarded("x", lambda: (_ for _ in ()).throw(typer.Exit(1)))()


def test_ctrl_c_is_130_and_a_sentence(monkeypatch, tmp_path):
    broken(monkeypatch, KeyboardInterrupt())
    shown = run_check()
    assert shown.exit_code == 130
    assert shown.stderr == "\nStopped. Nothing was left half written; the same command begins anew.\n"

    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("semioscope.synthetic.make_cohort", stop)
    for command in ("synth", "demo"):
        shown = call(command, tmp_path / "x")
        assert shown.exit_code == 130
        assert "What was finished is kept; the same command goes on from here." in shown.err


def test_resumed_commands_exist():
    last = {path[-1] for path in PATHS if path}
    assert last >= application.RESUMED


def test_it_runs_as_a_module():
    command = [sys.executable, "-m", "semioscope", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"semioscope {__version__}\n"


def test_parsing_in_tests_is_the_real_one():
    path, values = parse(["run", "r", "--cohort", "c", "--out", "o", "--set", "a=1", "--set", "b=2"])
    assert path == ("run",)
    assert list(values["settings"]) == ["a=1", "b=2"]
    with pytest.raises(Exception, match="No such option: --cohrt"):
        parse(["run", "r", "--cohrt", "c"])


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


def test_sentences_fit_a_terminal_and_commands_stay_whole(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "30")
    text = "Sentences are broken between words, and long/paths/are/not/broken/at/all."
    terminal = Terminal(io.BytesIO(), encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        say(text, is_error=True)
    terminal.flush()
    shown = terminal.buffer.getvalue().decode()
    assert shown.split() == text.split()
    assert shown.count("\n") == 3
    say(text)
    say_next("semioscope cohort check a-folder-with-a-long-name")
    with as_a_step():
        say_next("never shown")
    assert capsys.readouterr().out == f"{text}\nNext: semioscope cohort check a-folder-with-a-long-name\n"


@pytest.mark.parametrize("width", [10, 37, 200])
def test_wrapping_keeps_every_word(width):
    text = "a first sentence, of some length\n  and an indented one\n\nend"
    assert wrapped(text, width).split() == text.split()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_end_is_a_sentence(number, capsys):
    """Ctrl-C and what schedulers send end a command alike; afterwards the signal means what it meant before."""
    before = signal.getsignal(number)
    with pytest.raises(typer.Exit) as ended:
        application.guarded("run", lambda: os.kill(os.getpid(), number))()
    assert ended.value.exit_code == 130
    assert (
        "Stopped. What was finished is kept; the same command goes on from here." in capsys.readouterr().err
    )
    assert signal.getsignal(number) == before
