"""Feature sets on the command line: drawn, imported, fetched."""

import hashlib
import zipfile

import pytest
from tiny import call

from semioscope.cli.synth import parse_place
from semioscope.core.errors import ConfigError

SMALL = ("--seizures", "3", "--patients", "2", "--minutes", "0.9", "--progress", "quiet")


def test_drawn_then_imported(tmp_path):
    made, cohort = tmp_path / "set", tmp_path / "cohort"
    shown = call("synth", "features", made, *SMALL)
    assert shown.exit_code == 0, shown.text
    assert "mean nothing clinically" in shown.out
    assert shown.out.splitlines()[-1] == f"Next: semioscope cohort import gestures-features {made} COHORT"
    shown = call("cohort", "import", "gestures-features", made, cohort, "--store", tmp_path / "store")
    assert shown.exit_code == 0, shown.text
    lines = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert "of these, not discarded in both views 3 183" in lines
    assert f"vectors in {tmp_path / 'store'}." in shown.out
    assert shown.out.splitlines()[-1] == f"Next: semioscope cohort summary {cohort}"
    assert "import: done in" in shown.err
    assert call("cohort", "check", cohort, "--progress", "quiet").exit_code == 0
    assert call("cohort", "summary", cohort).exit_code == 0


def test_a_view_with_a_gap_is_listed_and_the_exit_code_says_so(tmp_path):
    made, cohort = tmp_path / "set", tmp_path / "cohort"
    call("synth", "features", made, *SMALL)
    view = min((made / "features_fpc_8_fps_15").iterdir())
    (view / "000005.pth").unlink()
    shown = call("cohort", "import", "gestures-features", made, cohort, "--progress", "quiet")
    assert shown.exit_code == 1
    assert f"{view.name} must hold one .pth file per start frame" in " ".join(shown.out.split())
    assert f"1 view left out, listed in {cohort / 'failures.tsv'}." in shown.out
    assert shown.out.splitlines()[-1] == f"Next: semioscope cohort summary {cohort}"
    assert call("cohort", "check", cohort, "--progress", "quiet").exit_code == 0


def test_a_set_that_is_not_whole(tmp_path):
    call("synth", "features", tmp_path / "set", *SMALL)
    (tmp_path / "set" / "seizures.csv").unlink()
    shown = call(
        "cohort", "import", "gestures-features", tmp_path / "set", tmp_path / "c", "--progress", "quiet"
    )
    assert shown.exit_code == 1
    assert "but lacks seizures.csv" in shown.out
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["features", "x", "--size", "320x180"], "must be asked for without --size"),
        (["features", "x", "--hold-out", "1", "--fps", "15"], "without --fps and --hold-out"),
        (["x", "--minutes", "3"], "A cohort of videos must be asked for without --minutes"),
        (["features"], "synth needs one folder, or the word features and one folder, got 'features'"),
        (["features", "x", "--seizures", "1", "--patients", "1"], "--seizures must be 2 or more"),
    ],
)
def test_what_has_no_meaning_is_refused(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = call("synth", *words)
    assert shown.exit_code == 2
    assert message in shown.err
    assert list(tmp_path.iterdir()) == []


def test_places():
    assert parse_place(["x"]) == (False, parse_place(["features", "x"])[1])
    assert str(parse_place(["./features"])[1]) == "features"
    with pytest.raises(ConfigError, match="got 'a b'"):
        parse_place(["a", "b"])


def test_fetched_from_a_file_that_was_brought(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("SEMIOSCOPE_DATA_URL", "http://127.0.0.1:9")
    folder = tmp_path / "data"
    shown = call("cohort", "fetch", "gestures-features", folder, "--progress", "quiet")
    assert shown.exit_code == 1
    assert "download the file 28668096 of https://doi.org/10.5522/04/14781771" in shown.out
    folder.mkdir(exist_ok=True)
    path = folder / "gestures-features.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("seizures.csv", "x")
    shown = call("cohort", "fetch", "gestures-features", folder, "--progress", "quiet")
    assert shown.exit_code == 0, shown.text
    assert hashlib.sha256(path.read_bytes()).hexdigest() in shown.out
    assert "1 file unpacked" in shown.out
    assert shown.out.splitlines()[-1] == f"Next: semioscope cohort import gestures-features {folder} COHORT"
