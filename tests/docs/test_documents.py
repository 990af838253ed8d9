"""What the documents promise exists: commands, options, settings, make targets, links, names, columns."""

import ast
import importlib
import inspect
import itertools
import re
import shutil
import subprocess

import pytest
from command_tree import option_names, parse
from documents import DOCUMENTS, PROGRAMS, ROOT, blocks, command_lines, inline, links, path_of

SEMIOSCOPE = [found for found in command_lines() if "semioscope" in found.words[0]] + inline("semioscope ")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PYTHON = blocks("python")


def test_there_is_something_to_test():
    assert {path.name for path in DOCUMENTS} >= {"README.md", "CONTRIBUTING.md", "formats.md", "glossary.md"}
    assert len(command_lines()) >= 15
    assert len(SEMIOSCOPE) >= 12
    assert len(PYTHON) == 1


@pytest.mark.parametrize("found", command_lines(), ids=str)
def test_every_line_of_a_block_of_commands_is_known(found):
    assert found.words[0] in PROGRAMS


@pytest.mark.parametrize("found", SEMIOSCOPE, ids=str)
def test_every_command_is_parsed_by_the_real_parser(found):
    for words in alternatives(found.words[1:]):
        parse(words)


def alternatives(words):
    """Return the commands of ``cohort new | check`` or ``a|b``: one for each choice in the last word."""
    if "|" in words:
        place = words.index("|")
        first = words[:place]
        return [first, *alternatives([*first[:-1], *words[place + 1 :]])]
    if words and "|" in words[-1]:
        return [[*words[:-1], choice] for choice in words[-1].split("|")]
    return [words]


def test_alternatives():
    assert alternatives(["cohort", "new", "|", "check"]) == [["cohort", "new"], ["cohort", "check"]]
    assert alternatives(["x", "a|b"]) == [["x", "a"], ["x", "b"]]


@pytest.mark.parametrize("found", inline("--"), ids=str)
def test_every_option_exists(found):
    named = [word for word in found.words if word.startswith("--")]
    assert set(named) <= option_names()


def test_every_setting_exists():
    from semioscope.recipes import apply_overrides, make_config

    given = [
        word
        for found in [*inline(), *command_lines()]
        for before, word in zip(found.text.split(), found.text.split()[1:], strict=False)
        if before == "--set" and "key=" not in word and "KEY=" not in word and found not in PRETRAINED
    ]
    assert given
    config = make_config("gestures-2021")
    assert apply_overrides(config, given) != config


def settings_of(found):
    words = found.words
    return [word for before, word in itertools.pairwise(words) if before == "--set"]


PRETRAINED = [found for found in SEMIOSCOPE if found.words[1:2] == ["pretrain"] and settings_of(found)]


@pytest.mark.parametrize("found", PRETRAINED, ids=str)
def test_every_setting_of_pretraining_exists(found):
    from semioscope.recipes import make_pretraining_config

    recipe = found.words[2]
    made = make_pretraining_config(recipe, settings_of(found))
    assert made != make_pretraining_config(recipe)


def test_every_progress_mode_exists():
    from semioscope.core.progress import make_progress

    modes = [mode for found in inline("--progress ") for mode in found.words[1].split("|")]
    assert modes
    assert all(make_progress(mode) is not None for mode in modes)


MAKE = [found for found in [*command_lines(), *inline("make")] if found.words[0] == "make"]


@pytest.mark.parametrize("found", MAKE, ids=str)
def test_every_make_target_exists(found):
    targets = [word for word in found.words[1:] if "=" not in word]
    for target in targets:
        assert re.search(rf"^{target}:", MAKEFILE, flags=re.MULTILINE), target


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_can_read_its_file():
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", "demo", "test", "bench"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "semioscope demo demo" in done.stdout
    assert 'pytest -n 2 --dist worksteal -m "not slow"' in done.stdout


def test_what_is_done_without_make_is_what_make_does():
    lines = [found.text for found in command_lines() if found.text.startswith(".venv/bin/semioscope demo")]
    assert lines == [".venv/bin/semioscope demo demo"]
    for found in command_lines():
        if found.words[0].startswith("VIRTUAL_ENV="):
            assert found.text.partition("/bin/uv ")[2] in MAKEFILE
    assert (ROOT / "requirements.lock").exists()


@pytest.mark.parametrize("found", [link for link in links() if "://" not in link.text], ids=str)
def test_every_local_link_leads_somewhere(found):
    target, _, heading = found.text.partition("#")
    path = path_of(found.document).parent / target if target else path_of(found.document)
    assert path.exists()
    if heading:
        text = path.read_text(encoding="utf-8")
        titles = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
        assert heading in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_of_the_documents_is_reachable():
    reached = {(path_of(link.document).parent / link.text.partition("#")[0]).resolve() for link in links()}
    assert {path.resolve() for path in DOCUMENTS if path.name != "README.md"} <= reached


def test_the_picture_is_a_small_png():
    picture = ROOT / "docs" / "images" / "report.png"
    assert picture.read_bytes().startswith(b"\x89PNG\r\n")
    assert picture.stat().st_size < 200_000


PLACES = [found for found in inline() if re.fullmatch(r"(tests|docs|src|benchmarks)/[\w/.\-]+", found.text)]


@pytest.mark.parametrize("found", PLACES, ids=str)
def test_every_file_that_is_named_exists(found):
    assert (ROOT / found.text).exists()


@pytest.mark.parametrize(
    "found", [found for found in inline() if found.document == "architecture.md"], ids=str
)
def test_every_name_of_the_architecture_exists(found):
    source = ROOT / "src" / "semioscope"
    name = re.sub(r"\(.*", "", found.text)
    package, _, rest = name.partition(".")
    if "/" in name and (source / package.partition("/")[0]).is_dir():
        assert (source / name).exists()
    elif rest and (source / package).is_dir() and re.fullmatch(r"[\w.]+", rest):
        for last in rest.split("."):
            module = importlib.import_module(f"semioscope.{package}")
            if hasattr(module, last):
                continue
            importlib.import_module(f"semioscope.{package}.{last}")
            package = f"{package}.{last}"


def test_the_tables_of_the_formats_have_the_columns_of_the_code():
    from semioscope.core import formats

    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    for name in ("PATIENTS", "RECORDINGS", "SEIZURES"):
        schema = getattr(formats, name)
        section = text.split(f"### `{schema.file}`")[1].split("###")[0]
        cells = re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
        written = {column for cell in cells for column in re.findall(r"`(\w+)`", cell)}
        assert written == {column for column in schema.names if "*" not in column}


def test_the_python_of_the_documents_uses_what_exists():
    """The names and signatures; ``test_the_python_runs`` runs it."""
    from semioscope import backbones

    for found in PYTHON:
        module = ast.parse(found.text)
        for node in module.body:
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    assert hasattr(
                        importlib.import_module(node.module), alias.name
                    ) or importlib.import_module(f"{node.module}.{alias.name}")
        calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
        load = next(call for call in calls if getattr(call.func, "attr", "") == "load")
        words = {keyword.arg: ast.literal_eval(keyword.value) for keyword in load.keywords}
        name = ast.literal_eval(load.args[0])
        inspect.signature(backbones.load).bind(name, **words)
        spec = backbones.backbone_spec(name)
        assert f"(1, 1, {spec.num_features})" in found.text
        assert f"({spec.frames_per_clip}, {spec.input_size}, {spec.input_size}, 3)" in found.text
        assert callable(backbones.Backbone.preprocess)
        assert callable(backbones.Backbone.__call__)


@pytest.mark.slow
@pytest.mark.parametrize("found", PYTHON, ids=str)
def test_the_python_runs(found, capsys):
    exec(compile(found.text, found.document, "exec"), {})
    wanted = [line.partition("  # ")[2] for line in found.text.splitlines() if line.startswith("print(")]
    assert capsys.readouterr().out.split("\n")[:-1] == wanted
