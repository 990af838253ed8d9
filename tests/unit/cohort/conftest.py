"""A small valid cohort folder, and a way to write others."""

from pathlib import Path

import pytest

PATIENTS = "patient_id\tsyndrome\np1\tFLE\np2\tTLE\np3\tTLE\n"
RECORDINGS = (
    "recording_id\tpatient_id\tview\tpath\tregion\tstart_datetime\n"
    "r1-large\tp1\tlarge\tvideos/r1.mp4\tn/a\t2026-03-01T14:00:00\n"
    "r1-small\tp1\tsmall\tvideos/r1.mp4\t0 0 0.4 0.4\t2026-03-01T14:00:00\n"
    "r2\tp2\tlarge\tvideos/r2.mp4\tn/a\tn/a\n"
    "r3\tp3\tlarge\tvideos/r3.mp4\tn/a\tn/a\n"
)
SEIZURES = (
    "seizure_id\trecording_id\tonset\tclonic_onset\toffset\tuse\tannotator\tseizure_type\n"
    "s1\tr1-large r1-small\t10\t30\t50\ttrain\tn/a\tTCS\n"
    "s2\tr2\t5,5\tn/a\t0:25.5\tn/a\tn/a\tfocal\n"
    "s3\tr3\t60.0\t80\t97.5\tevaluate\tn/a\ttcs\n"
    "s4\tr3\t120\tn/a\t130\ttrain\tn/a\tFOS\n"
)


def write_folder(folder: Path, *, patients=PATIENTS, recordings=RECORDINGS, seizures=SEIZURES) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in (("patients", patients), ("recordings", recordings), ("seizures", seizures)):
        if text is not None:
            (folder / f"{name}.tsv").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def write(tmp_path):
    """Write a cohort folder with some tables changed."""

    def written(**tables):
        return write_folder(tmp_path / "cohort", **tables)

    return written


@pytest.fixture
def folder(write):
    """A valid cohort folder without videos."""
    return write()


@pytest.fixture
def raises_at_once():
    """Check that one error names each of several things."""

    def check(error, *messages):
        for message in messages:
            assert message in str(error.value)

    return check
