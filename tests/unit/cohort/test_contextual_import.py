"""Long videos without seizures become rows of a cohort; nothing is copied."""

import os
import shutil
from datetime import datetime

import pytest
from tiny import call

from semioscope.cohort import check_cohort, import_contextual, read_cohort
from semioscope.core.errors import CohortError, ConfigError
from semioscope.video import VideoWriter

TABLES = {
    "patients": "patient_id\tsex\np1\tf\n",
    "recordings": "recording_id\tpatient_id\tpath\nr1\tp1\tn/a\n",
    "seizures": "seizure_id\trecording_id\tonset\toffset\tseizure_type\ns1\tr1\t0\t20\tES\n",
}


def write_video(path, *, seconds=11, level=0):
    """Write 2 pictures a second, the file's own."""
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, width=32, height=32, fps=2) as writer:
        for number in range(round(seconds * 2)):
            writer.write(np.full((32, 32, 3), (level * 40 + number) % 256, np.uint8))


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ward") / "videos"
    for number, (name, seconds) in enumerate(
        [("p1/day/a.mp4", 11), ("p1/night/a.mp4", 12), ("p2/a.mkv", 6), ("p2/p2_b.mp4", 2)]
    ):
        write_video(folder / name, seconds=seconds, level=number)
    (folder / "p2" / "notes.txt").write_text("lunch at noon")
    (folder / ".trash" / "p9").mkdir(parents=True)
    shutil.copy(folder / "p2/a.mkv", folder / ".trash/p9/x.mkv")
    return folder


@pytest.fixture
def ward(originals, tmp_path):
    return shutil.copytree(originals, tmp_path / "ward")


def paths(folder):
    return {name: recording.path for name, recording in read_cohort(folder).recordings.items()}


def test_folders_name_the_patients_and_nothing_is_copied(ward, tmp_path):
    cohort = tmp_path / "cohort"
    result = import_contextual(ward, cohort, patient_from="folder", view="ceiling")
    assert paths(cohort) == {
        "p1-a": "../ward/p1/day/a.mp4", "p1-a-2": "../ward/p1/night/a.mp4", "p2-a": "../ward/p2/a.mkv",
        "p2_b": "../ward/p2/p2_b.mp4",
    }  # fmt: skip
    recordings = read_cohort(cohort).recordings.values()
    assert {(recording.role, recording.view) for recording in recordings} == {("contextual", "ceiling")}
    assert [patient.patient_id for patient in read_cohort(cohort).patients] == ["p1", "p2"]
    assert sorted(path.name for path in cohort.iterdir()) == [
        "patients.tsv",
        "recordings.tsv",
        "seizures.tsv",
    ]
    assert (result.num_new, result.num_patients, result.left_out, result.written) == (4, 2, (), True)
    assert result.total_seconds == pytest.approx(31, abs=0.1)
    assert result.notes == (
        "1 other file passed over",
        "1 file shorter than an excerpt of 10 s, which will be padded: p2/a.mkv",
        "1 file shorter than 5 s, the least that makes an excerpt: p2/p2_b.mp4",
    )
    assert [problem for problem in check_cohort(cohort) if problem.severity == "error"] == []


def test_a_pattern_finds_the_patient_in_the_path(ward, tmp_path):
    import_contextual(ward, tmp_path / "one", patient_from="regex", pattern="(p[0-9])/")
    named = "(?P<patient>p[0-9])/(day|night)?"
    import_contextual(ward, tmp_path / "two", patient_from="regex", pattern=named)
    one, two = read_cohort(tmp_path / "one"), read_cohort(tmp_path / "two")
    assert (one.patients, one.recordings) == (two.patients, two.recordings)
    assert len(one.recordings) == 4
    result = import_contextual(ward, tmp_path / "three", patient_from="regex", pattern="(p[0-9])/night")
    assert [str(found).split(": ")[0] for found in result.left_out] == [
        "p1/day/a.mp4",
        "p2/a.mkv",
        "p2/p2_b.mp4",
    ]
    assert "must find the patient in its path, but does not" in str(result.left_out[0])


def test_a_table_says_whose_each_file_is(ward, tmp_path):
    table = tmp_path / "who.csv"
    table.write_text(
        "Patient;Datei;Kamera;Beginn Aufnahme;Raum\n"
        "A 7;p1/day/a.mp4;Decke;2026-03-01T08:00:00;3\n"
        "B;p2_b.mp4;;;\n"
        "B;p2/gone.mp4;;;\n"
        ";p2/a.mkv;;;\n"
        "B;a.mp4;;;\n"
        "B;p2/a.mkv;;8 Uhr;\n"
        "B;;;;\n"
    )
    result = import_contextual(ward, tmp_path / "cohort", patient_from="table", table=table)
    cohort = read_cohort(tmp_path / "cohort")
    assert paths(tmp_path / "cohort") == {"A-7-a": "../ward/p1/day/a.mp4", "B-p2_b": "../ward/p2/p2_b.mp4"}
    first = cohort.recordings["A-7-a"]
    assert (first.view, first.start_datetime) == ("Decke", datetime(2026, 3, 1, 8))
    assert cohort.recordings["B-p2_b"].view == "main"
    said = "\n".join(map(str, result.left_out))
    assert "who.csv row 4: names p2/gone.mp4, but there is no such video below" in said
    assert "who.csv row 5: must have a patient_id, but has none" in said
    assert "who.csv row 6: names a.mp4, but 2 files have that name" in said
    assert "who.csv row 7: start_datetime must be" in said
    assert "who.csv row 8: must have a path, but has none" in said
    assert "p2/a.mkv: must" not in said
    assert "p1/night/a.mp4: must have a row in who.csv, but has none" in said
    assert "patient ids got - in place of other signs: 'A 7' -> A-7" in result.notes
    assert "columns of who.csv left out: Raum" in result.notes


def test_a_file_of_two_patients_is_nobodys(ward, tmp_path):
    table = tmp_path / "who.csv"
    table.write_text("patient,path\nA,p1/day/a.mp4\nB,p1/day/a.mp4\nA,p2/a.mkv\n")
    result = import_contextual(ward, tmp_path / "cohort", patient_from="table", table=table)
    assert list(paths(tmp_path / "cohort")) == ["A-a"]
    assert "row 3: gives p1/day/a.mp4 to patient B, but row 2 gives it to A" in str(result.left_out[0])


def test_what_is_there_stays_and_is_not_added_twice(ward, tmp_path):
    cohort = ward / "p1" / "cohort"  # a cohort among the videos, whose small copies are none
    cohort.mkdir()
    for name, text in TABLES.items():
        (cohort / f"{name}.tsv").write_text(text)
    write_video(cohort / "derived" / "small.mp4", level=5)
    before = (cohort / "seizures.tsv").read_bytes()
    first = import_contextual(ward, cohort, patient_from="folder")
    assert (first.num_new, first.num_known) == (4, 0)
    assert read_cohort(cohort).patients[0].labels == {"sex": "f"}
    assert read_cohort(cohort).patients[1].labels == {}
    assert (cohort / "seizures.tsv").read_bytes() == before
    tables = {path.name: path.read_bytes() for path in cohort.glob("*.tsv")}
    shutil.copy(ward / "p2" / "a.mkv", ward / "p2" / "renamed.mkv")
    again = import_contextual(ward, cohort, patient_from="folder")
    assert (again.num_new, again.num_known, again.left_out) == (0, 5, ())
    assert "5 files in the cohort already, not added again" in again.notes
    assert {path.name: path.read_bytes() for path in cohort.glob("*.tsv")} == tables
    write_video(ward / "p3" / "new.mp4", level=4)
    assert import_contextual(ward, cohort, patient_from="folder").num_new == 1
    assert paths(cohort)["p3-new"] == "../../p3/new.mp4"


def test_one_video_of_two_patients_is_left_out(ward, tmp_path):
    (ward / "p3").mkdir()
    shutil.copy(ward / "p2" / "a.mkv", ward / "p3" / "copy.mkv")
    result = import_contextual(ward, tmp_path / "cohort", patient_from="folder")
    message = "p3/copy.mkv: is of patient p3, but shows the same video as a.mkv of patient p2"
    assert message in str(result.left_out[0])
    table = tmp_path / "who.csv"
    table.write_text("patient,path\nx,p2/a.mkv\nx,p3/copy.mkv\n")
    with pytest.raises(
        CohortError, match="is of patient x, but is in the cohort as one of patient p2"
    ) as caught:
        import_contextual(ward, tmp_path / "cohort", patient_from="table", table=table)
    assert "p3/copy.mkv: is of patient x, but shows the same video as a.mkv of patient p2" in str(
        caught.value
    )


def test_two_names_of_one_id_are_told(ward, tmp_path):
    os.rename(ward / "p1", ward / "p-2")
    os.rename(ward / "p2", ward / "p 2")
    result = import_contextual(ward, tmp_path / "cohort", patient_from="folder")
    assert "is of patient 'p-2', but the id p-2 is that of 'p 2'. Rename one" in str(result.left_out[0])
    assert result.num_patients == 1


def test_broken_files_are_listed_and_left_out(ward, tmp_path):
    (ward / "p2" / "broken.mp4").write_bytes(b"no video at all" * 50)
    (ward / "p2" / "empty.avi").write_bytes(b"")
    shown = call(
        "cohort", "import", "contextual", ward, tmp_path / "c", "--patient-from", "folder", "--progress", "quiet"
    )  # fmt: skip
    assert shown.exit_code == 1
    assert "4 contextual recordings added, 0.01 h, of 2 patients, to" in shown.out
    assert "left out  p2/broken.mp4: " in shown.out
    assert "left out  p2/empty.avi: " in shown.out
    assert len(paths(tmp_path / "c")) == 4


def test_a_parts_list_is_one_recording(ward, tmp_path):
    parts = "path\tstart_seconds\nday/a.mp4\t0\nnight/a.mp4\t20\n"
    (ward / "p1" / "week.parts.tsv").write_text(parts)
    result = import_contextual(ward, tmp_path / "cohort", patient_from="folder")
    assert paths(tmp_path / "cohort")["p1-week"] == "../ward/p1/week.parts.tsv"
    assert result.num_new == 3
    assert import_contextual(ward, tmp_path / "cohort", patient_from="folder").num_new == 0


def test_a_preview_writes_nothing(ward, tmp_path):
    shown = call(
        "cohort", "import", "contextual", ward, tmp_path / "c", "--patient-from", "folder", "--preview",
        "--progress", "quiet",
    )  # fmt: skip
    assert shown.exit_code == 0
    assert "recordings.tsv, 4 rows:" in shown.out
    assert "../ward/p1/night/a.mp4" in shown.out
    assert shown.out.splitlines()[-1] == "Nothing was written. Next: the same command without --preview."
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"patient_from": "folders"}, "Unknown source of patients .* Did you mean folder"),
        (
            {"patient_from": "regex"},
            "--pattern must be given with --patient-from regex, .* lacks it. Add --pattern",
        ),
        (
            {"patient_from": "folder", "pattern": "(p)"},
            "has it with --patient-from folder. Leave --pattern out",
        ),
        ({"patient_from": "table"}, "--table must be given with --patient-from table"),
        ({"patient_from": "regex", "pattern": "p1"}, "must have one group in brackets .* got 'p1' with 0"),
        ({"patient_from": "regex", "pattern": "(p)(1)"}, "got .* with 2"),
        ({"patient_from": "regex", "pattern": "(p"}, "--pattern must be a regular expression, got"),
    ],
)
def test_options_that_do_not_fit_are_refused(ward, tmp_path, words, message):
    with pytest.raises(ConfigError, match=message):
        import_contextual(ward, tmp_path / "cohort", **words)
    assert not (tmp_path / "cohort").exists()


def test_nothing_to_import_is_an_error(ward, tmp_path):
    cohort = tmp_path / "cohort"
    with pytest.raises(CohortError, match=r"No video below .* can be taken; nothing was written") as caught:
        import_contextual(ward / "p2", cohort, patient_from="folder")
    assert "a.mkv: must lie in a folder that is named after its patient" in str(caught.value)
    with pytest.raises(CohortError, match="must be a folder of videos, but does not exist"):
        import_contextual(tmp_path / "none", cohort, patient_from="folder")
    with pytest.raises(CohortError, match="must be a folder of videos, but is a file"):
        import_contextual(ward / "p2" / "a.mkv", cohort, patient_from="folder")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CohortError, match=r"must hold videos .* holds none among 0 files"):
        import_contextual(tmp_path / "empty", cohort, patient_from="folder")
    table = tmp_path / "who.csv"
    table.write_text("patient,room\np1,3\n")
    with pytest.raises(CohortError, match="none was recognised as path; columns: patient, room"):
        import_contextual(ward, cohort, patient_from="table", table=table)
    assert not cohort.exists()


def test_a_cohort_with_faulty_tables_is_left_alone(ward, tmp_path):
    (tmp_path / "patients.tsv").write_text("patient_id\n-\n")
    with pytest.raises(CohortError, match="must be in order before an import"):
        import_contextual(ward, tmp_path, patient_from="folder")


def test_contextual_video_that_comes_later_leaves_the_digest_of_a_cohort_as_it_is(ward, tmp_path):
    folder = tmp_path / "cohort"
    folder.mkdir()
    (folder / "patients.tsv").write_text("patient_id\tepilepsy\np1\tES\np9\tPNES\n")
    (folder / "recordings.tsv").write_text("recording_id\tpatient_id\tview\tpath\nr1\tp1\tmain\tr1.mp4\n")
    (folder / "seizures.tsv").write_text("seizure_id\trecording_id\tonset\toffset\ns1\tr1\t3\t40\n")
    before = read_cohort(folder).hash
    assert import_contextual(ward, folder, patient_from="folder").num_new == 4
    assert [patient.patient_id for patient in read_cohort(folder).patients] == ["p1", "p9", "p2"]
    assert read_cohort(folder).hash == before
