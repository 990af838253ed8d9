"""Reading and writing cohorts."""

import dataclasses
import math
import random
import string
import unicodedata
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semioscope.cohort import Annotation, Cohort, new_cohort, read_cohort, write_cohort
from semioscope.cohort.cohort import without_rows
from semioscope.core.errors import CohortError
from semioscope.core.records import EventView, Patient, Recording, Region, Seizure

IDS = st.text(string.ascii_letters + string.digits, min_size=1, max_size=6)
LABEL = (
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=8)
    .map(lambda text: " ".join(unicodedata.normalize("NFC", text).split()))
    .filter(lambda text: text and text.casefold() != "n/a")
)
LABELS = st.dictionaries(st.sampled_from(["seizure_type", "side", "comment"]), LABEL)


def draw_region(draw):
    if draw(st.booleans()):
        return None
    x, y = draw(st.floats(0, 0.9)), draw(st.floats(0, 0.9))
    return Region(x=x, y=y, width=draw(st.floats(0.01, 1 - x)), height=draw(st.floats(0.01, 1 - y)))


def draw_view(draw, recording_id):
    onset = draw(st.floats(0, 1e5))
    offset = draw(st.floats(onset + 0.5, onset + 1e4))
    clonic = draw(st.none() | st.floats(onset, offset).filter(lambda value: onset < value < offset))
    use = draw(st.sampled_from(["train", "evaluate", "no"]))
    return EventView(
        recording_id=recording_id,
        onset_seconds=onset,
        offset_seconds=offset,
        clonic_onset_seconds=clonic,
        use=use,
    )


def draw_cohort(draw, folder):
    """Draw a cohort; not a strategy, since the type checker of the tests uses random numbers."""
    patient_ids = draw(st.lists(IDS, min_size=1, max_size=3, unique_by=str.casefold))
    patients = tuple(Patient(patient_id=name, labels=draw(LABELS)) for name in patient_ids)
    recordings = {
        f"r{number}": Recording(
            recording_id=f"r{number}",
            patient_id=draw(st.sampled_from(patient_ids)),
            view=draw(st.sampled_from(["main", "large", "small"])),
            path=draw(st.none() | st.sampled_from(["videos/a.mp4", "videos/größe 2.mkv"])),
            region=draw_region(draw),
            blank=draw_region(draw),
            depth_offset_seconds=draw(st.floats(-10, 10)) + 0.0,
            start_datetime=draw(st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1))),
        )
        for number in range(draw(st.integers(1, 4)))
    }
    seizures = []
    for number in range(draw(st.integers(1, 3))):
        owner = draw(st.sampled_from(sorted({recording.patient_id for recording in recordings.values()})))
        own = [name for name, recording in recordings.items() if recording.patient_id == owner]
        names = draw(st.lists(st.sampled_from(own), min_size=1, unique=True))
        views = tuple(draw_view(draw, name) for name in names)
        seizures.append(Seizure(seizure_id=f"s{number}", patient_id=owner, views=views, labels=draw(LABELS)))
    return Cohort(folder=folder, patients=patients, recordings=recordings, seizures=tuple(seizures))


def table_bytes(folder):
    return [(folder / f"{name}.tsv").read_bytes() for name in ("patients", "recordings", "seizures")]


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_what_is_written_is_read(tmp_path_factory, data):
    cohort = draw_cohort(data.draw, tmp_path_factory.mktemp("cohort"))
    write_cohort(cohort)
    read = read_cohort(cohort.folder)
    assert read.patients == cohort.patients
    assert read.recordings == cohort.recordings
    assert without_rows(read.seizures) == cohort.seizures
    assert read.annotations == cohort.annotations
    assert read.hash == cohort.hash
    before = table_bytes(cohort.folder)
    write_cohort(read)
    assert table_bytes(cohort.folder) == before


def test_a_cohort_is_read_as_it_is_meant(folder):
    cohort = read_cohort(folder)
    assert [patient.labels for patient in cohort.patients] == [{"syndrome": s} for s in ("FLE", "TLE", "TLE")]
    assert cohort.recordings["r1-small"].region == Region(x=0, y=0, width=0.4, height=0.4)
    assert cohort.recordings["r1-small"].start_datetime == datetime(2026, 3, 1, 14)
    first, second = cohort.seizures[:2]
    assert [view.recording_id for view in first.views] == ["r1-large", "r1-small"]
    assert (first.patient_id, first.row, first.labels) == ("p1", 2, {"seizure_type": "TCS"})
    assert (second.views[0].onset_seconds, second.views[0].offset_seconds) == (5.5, 25.5)
    assert second.views[0].use == "train"
    assert cohort.seizures[2].views[0].use == "evaluate"
    assert cohort.video_path("r2") == folder / "videos/r2.mp4"


def test_clock_times_count_per_recording(write):
    recordings = (
        "recording_id\tpatient_id\tpath\tstart_datetime\n"
        "a\tp1\ta.mp4\t2026-03-01T23:59:50\nb\tp1\tb.mp4\t2026-03-01T23:59:40\n"
    )
    seizures = "seizure_id\trecording_id\tonset_clock\toffset_clock\ns1\ta,b\t00:00:05\t2026-03-02T00:01:05\n"
    cohort = read_cohort(write(recordings=recordings, seizures=seizures))
    assert [(view.onset_seconds, view.offset_seconds) for view in cohort.seizures[0].views] == [
        (15, 75),
        (25, 85),
    ]


def test_the_hash_is_of_what_the_tables_mean(folder, write):
    hash_before = read_cohort(folder).hash
    lines = (folder / "seizures.tsv").read_text().splitlines()
    random.Random(0).shuffle(rows := lines[1:])
    changed = "\n".join([lines[0], *rows]).replace("5,5", "0:05.50").replace("10\t30", "10.0\t00:00:30")
    assert read_cohort(write(seizures=changed)).hash == hash_before
    assert read_cohort(write(seizures=changed.replace("97.5", "97.6"))).hash != hash_before
    assert read_cohort(write(patients="patient_id\np1\np2\np3\n")).hash != hash_before


def test_all_problems_come_at_once(write, raises_at_once):
    seizures = (
        "seizure_id\trecording_id\tonset\tclonic_onset\toffset\tseizure_type\n"
        "s1\tr1-large\t60\t52\t97.5\tTCS\n"
        "s2\tr9\t1\tn/a\t2\tFOS\n"
        "s3\tr2\t9\tn/a\t3\tFOS\n"
        "s4\tr2 r3\t9\tn/a\t30\tFOS\n"
        "s5\tr1-large\t1\tn/a\t2\tFOS\n"
        "s5\tr1-small\t1\tn/a\t2\tTCS\n"
        "s6\tr3\tsoon\tn/a\t2\tTCS\n"
        "s7\tr3\t1\tn/a\t2\tTCS\ns7\tr3\t1\tn/a\t2\tTCS\n"
    )
    recordings = (
        "recording_id\tpatient_id\tpath\tregion\nr1-large\tp1\ta\tn/a\nr1-small\tp1\ta\t0 0 2 1\nr2\tp2\t/abs\tn/a\n"
        "r3\tp4\tb\\c\tn/a\n"
    )
    with pytest.raises(CohortError, match="The tables of cohort cohort have 11 problems") as error:
        read_cohort(write(recordings=recordings, seizures=seizures))
    raises_at_once(
        error,
        "recordings.tsv row 3 (recording r1-small): region: A region needs four fractions",
        "recordings.tsv row 4 (recording r2): path must be relative to the cohort folder",
        "recordings.tsv row 5 (recording r3): patient_id must be a row of patients.tsv, got 'p4'. Did you mean p",
        "recordings.tsv row 5 (recording r3): path must have / between folders, got 'b\\\\c'. Write 'b/c'.",
        "seizures.tsv row 2 (seizure s1): clonic_onset 52.0 must lie between onset 60.0 and offset 97.5. "
        "Correct the row or leave clonic_onset n/a.",
        "seizures.tsv row 3 (seizure s2): recording_id must be a row of recordings.tsv, got 'r9'. Did you mean r",
        "seizures.tsv row 4 (seizure s3): offset 3.0 must come after onset 9.0",
        "seizures.tsv row 8 (seizure s6): onset must be a time such as 75.2 (seconds), 1:15.2 or "
        "00:01:15.2, got 'soon'",
    )


def test_rows_of_one_seizure_must_fit(write, raises_at_once):
    seizures = (
        "seizure_id\trecording_id\tonset\toffset\tseizure_type\n"
        "s4\tr2 r3\t9\t30\tFOS\ns5\tr1-large\t1\t2\tFOS\ns5\tr1-small\t1\t2\tTCS\n"
        "s7\tr3\t1\t2\tTCS\ns7\tr3\t1\t2\tTCS\n"
    )
    with pytest.raises(CohortError) as error:
        read_cohort(write(seizures=seizures))
    raises_at_once(
        error,
        "seizures.tsv row 2 (seizure s4): the recordings of one seizure must be of one patient, but s4 is used for "
        "p2 (row 2), p3 (row 2)",
        "seizures.tsv row 4 (seizure s5): seizure_type must agree over the rows of one seizure, but is "
        "'TCS' here and "
        "'FOS' in row 3",
        "seizures.tsv row 6 (seizure s7): recording r3 must occur once per seizure and annotator, but the same "
        "annotator has it in row 5 too",
    )


@pytest.mark.parametrize("region", ["0 0 1", "0.5 0 0.6 1", "a b c d", "0 0 0 1"])
def test_regions_must_lie_in_the_picture(write, region):
    recordings = f"recording_id\tpatient_id\tpath\tblank\nr1-large\tp1\ta\t{region}\n"
    with pytest.raises(CohortError, match="blank: A region needs four fractions"):
        read_cohort(write(recordings=recordings))


def test_regions_may_have_decimal_commas(write):
    recordings = "recording_id\tpatient_id\tpath\tregion\nr1\tp1\ta\t0,5 0 0,5 1\n"
    cohort = read_cohort(
        write(recordings=recordings, seizures="seizure_id\trecording_id\tonset\toffset\ns\tr1\t1\t2\n")
    )
    assert cohort.recordings["r1"].region == Region(x=0.5, y=0, width=0.5, height=1)


@pytest.mark.parametrize("table", ["patients", "recordings", "seizures"])
def test_tables_with_a_header_only_are_refused(write, folder, table):
    header = (folder / f"{table}.tsv").read_text().splitlines()[0]
    with pytest.raises(CohortError, match=f"{table}.tsv: must have at least one row below the header"):
        read_cohort(write(**{table: header + "\n"}))


@pytest.mark.parametrize("table", ["patients", "recordings", "seizures"])
def test_absent_tables_are_one_problem_each(folder, table):
    (folder / f"{table}.tsv").unlink()
    with pytest.raises(CohortError, match=f"have 1 problem:\n{table}.tsv: must exist, but does not"):
        read_cohort(folder)


def test_a_contextual_cohort_has_no_seizures(write):
    recordings = "recording_id\tpatient_id\tpath\trole\nr1\tp1\ta.mp4\tcontextual\n"
    cohort = read_cohort(write(recordings=recordings, seizures="seizure_id\trecording_id\tonset\toffset\n"))
    assert cohort.seizures == ()


def test_a_wrong_folder_says_how_to_make_one(tmp_path):
    with pytest.raises(
        CohortError, match=r"must be a cohort folder, but does not exist.*semioscope cohort new"
    ):
        read_cohort(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(CohortError, match="must be a cohort folder, but is a file"):
        read_cohort(tmp_path / "file")


def test_ids_that_differ_in_case_are_a_warning(write):
    cohort = read_cohort(write(patients="patient_id\np1\nP1\np2\np3\n"))
    assert "patient_id differs from 'p1' only in case" in str(cohort.warnings[0])


def annotation(annotator, onset, clonic, offset, *, recording="r1", label="TCS", use="train"):
    labels = {"seizure_type": label} if label else {}
    return Annotation(
        seizure_id="s1", recording_id=recording, onset_seconds=onset, clonic_onset_seconds=clonic,
        offset_seconds=offset, annotator=annotator, labels=labels, use=use,
    )  # fmt: skip


def merged(*annotations):
    from semioscope.cohort.annotations import merge_annotations

    recordings = {n: Recording(recording_id=n, patient_id="p1", view=n, path=None) for n in ("r1", "r2")}
    return merge_annotations(annotations, recordings)


def test_annotators_are_merged_by_median_and_majority():
    (seizure,), problems = merged(
        annotation("a", 10.0, 30.0, 50.0),
        annotation("b", 12.0, None, 52.0, label="fos", use="no"),
        annotation("c", 20.0, 34.0, 60.0, label="tcs"),
        annotation("a", 11.0, None, 50.0, recording="r2"),
        annotation("b", 13.0, None, 54.0, recording="r2", label="FOS"),
    )
    first, second = seizure.views
    assert problems == ()
    assert (first.onset_seconds, first.clonic_onset_seconds, first.offset_seconds) == (12, 32, 52)
    assert (second.onset_seconds, second.clonic_onset_seconds, second.offset_seconds) == (12, None, 52)
    assert first.use == "train"
    assert seizure.labels == {"seizure_type": "TCS"}


def test_a_tie_leaves_the_label_out_and_takes_the_stricter_use():
    (seizure,), problems = merged(
        annotation("a", 1.0, 2.0, 3.0), annotation("b", 1.0, None, 3.0, label="FOS", use="evaluate")
    )
    assert seizure.labels == {}
    assert seizure.views[0].use == "evaluate"
    assert seizure.views[0].clonic_onset_seconds == 2
    assert "the annotators disagree on seizure_type ('TCS', 'FOS'), so it is n/a" in str(problems[0])
    assert problems[0].severity == "warning"


def test_merged_times_that_contradict_are_a_problem():
    seizures, problems = merged(annotation("a", 0.0, 50.0, 60.0), annotation("b", 0.0, None, 20.0))
    assert seizures == ()
    assert "the times merged over the annotators contradict each other: clonic_onset 50.0" in str(problems[0])


@given(st.permutations([1.0, 2.0, 4.0, 8.0, 16.0]))
def test_the_order_of_annotators_does_not_matter(onsets):
    (seizure,), _ = merged(*(annotation(str(onset), onset, None, 50 + onset) for onset in onsets))
    assert seizure.views[0].onset_seconds == 4
    assert seizure.views[0].offset_seconds == 54


def test_rows_without_annotator_are_kept_as_annotations(folder):
    cohort = read_cohort(folder)
    assert len(cohort.annotations) == 5
    assert {row.annotator for row in cohort.annotations} == {""}


def test_a_new_cohort_is_empty_and_asks_for_rows(tmp_path):
    new_cohort(tmp_path / "new")
    assert (tmp_path / "new" / "videos").is_dir()
    assert (tmp_path / "new" / "patients.tsv").read_text() == "patient_id\n"
    with pytest.raises(CohortError, match="have 3 problems"):
        read_cohort(tmp_path / "new")


def test_a_cohort_is_not_made_over_another(folder, tmp_path):
    with pytest.raises(
        CohortError, match=r"cohort must not be a cohort yet, but has patients.tsv, recordings.tsv"
    ):
        new_cohort(folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(CohortError, match="file must be a folder, but is a file"):
        new_cohort(tmp_path / "file")


def test_recordings_without_video_say_so(folder):
    cohort = read_cohort(folder)
    nothing = Recording(recording_id="f", patient_id="p1", view="main", path=None)
    with pytest.raises(CohortError, match="Recording f must have a video for this, but its path"):
        cohort.video_path(nothing)
    with pytest.raises(CohortError, match=r"Unknown recording 'r22'. Did you mean r2"):
        cohort.video_path("r22")


def test_numbers_of_numpy_are_written_like_others(folder):
    import numpy as np

    cohort = read_cohort(folder)
    views = tuple(
        dataclasses.replace(view, onset_seconds=np.float64(view.onset_seconds))
        for view in cohort.seizures[0].views
    )
    seizure = dataclasses.replace(cohort.seizures[0], views=views)
    changed = dataclasses.replace(cohort, seizures=(seizure, *cohort.seizures[1:]), annotations=())
    assert changed.hash == cohort.hash
    assert math.isfinite(changed.annotations[0].onset_seconds)
