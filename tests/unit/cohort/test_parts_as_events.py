"""The third class as events: stretches of a recording before and after its seizures."""

import numpy as np
import pytest
from gray16 import WRITERS, drawn, write_video

from semioscope.cohort import TASKS, check_cohort, events_of, make_task, read_cohort, seizures_of, summarise
from semioscope.cohort import render_summary as render
from semioscope.core.errors import CohortError, ConfigError

TASK = TASKS["fle-vs-tle-vs-nonepileptic"]
FPS = 4
SECONDS = 30
PATIENTS = "patient_id\tsyndrome\np1\tFLE\np2\tTLE\np3\tTLE\n"
RECORDINGS = "recording_id\tpatient_id\tpath\nr1\tp1\tvideos/r1.mkv\nr2\tp2\tvideos/r1.mkv\n"
SEIZURES = "seizure_id\trecording_id\tonset\toffset\ns1\tr1\t10\t20\n"


@pytest.fixture
def cohort_of(write):
    """Write a cohort whose recording r1 lasts 30 s, with some tables changed."""

    def made(*, kind="video", **tables):
        folder = write(**{"patients": PATIENTS, "recordings": RECORDINGS, "seizures": SEIZURES} | tables)
        WRITERS[kind](folder / "videos" / "r1", drawn(FPS * SECONDS), fps=FPS)
        return read_cohort(folder)

    return made


def times(event):
    return [(view.recording_id, view.onset_seconds, view.offset_seconds) for view in event.views]


def by_id(selection):
    return {event.event_id: event for event in selection.events}


def test_a_seizure_has_a_part_on_each_side(cohort_of):
    selection = events_of(cohort_of(), TASK)
    assert [event.event_id for event in selection.events] == ["s1", "s1-pre", "s1-post"]
    assert [event.y_true for event in selection.events] == [0, 2, 2]
    assert {event.patient_id for event in selection.events} == {"p1"}
    _, before, after = selection.events
    assert times(before) == [("r1", 0.0, pytest.approx(9.9))]
    assert times(after) == [("r1", pytest.approx(20.1), pytest.approx(30.0))]
    assert (selection.num_parts, selection.seizures, selection.parts) == (
        2, selection.events[:1], selection.events[1:],
    )  # fmt: skip
    assert selection.warnings == ()


def test_parts_reach_so_far(cohort_of):
    parts = events_of(cohort_of(), TASK, part_seconds=2.5).parts
    assert [times(part)[0][1:] for part in parts] == [
        (pytest.approx(7.5), pytest.approx(9.9)), (pytest.approx(20.1), pytest.approx(22.5)),
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="seconds must be a finite number above 0, got 0"):
        events_of(cohort_of(), TASK, part_seconds=0.0)


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_of_recording_tells_its_length(cohort_of, kind):
    path = {"video": "videos/r1.mkv", "folder": "videos/r1", "array": "videos/r1.npy"}[kind]
    cohort = cohort_of(kind=kind, recordings=f"recording_id\tpatient_id\tpath\nr1\tp1\t{path}\n")
    assert times(events_of(cohort, TASK).parts[1])[0][2] == pytest.approx(SECONDS)


def test_a_parts_list_lasts_to_the_end_of_its_last_file(cohort_of):
    cohort = cohort_of(recordings="recording_id\tpatient_id\tpath\nr1\tp1\tvideos/r1.parts.tsv\n")
    (cohort.folder / "videos" / "r1.parts.tsv").write_text(
        "path\tstart_seconds\nr1.mkv\t0\nr1.mkv\t40\n", encoding="utf-8"
    )
    assert times(events_of(cohort, TASK).parts[1])[0][2] == pytest.approx(70.0)


def test_two_classes_open_nothing(cohort_of, monkeypatch):
    import semioscope.video

    def opened(path):
        raise AssertionError(path)

    cohort = cohort_of()
    monkeypatch.setattr(semioscope.video, "probe", opened)
    two = events_of(cohort, TASKS["fle-vs-tle"])
    assert two == seizures_of(cohort, TASKS["fle-vs-tle"])
    assert [event.event_id for event in two.events] == ["s1"]
    assert events_of(cohort, TASKS["fle-vs-tle"], part_seconds=5.0) == two
    with pytest.raises(AssertionError):
        events_of(cohort, TASK)


def test_no_part_spans_or_touches_any_seizure(cohort_of):
    """Of s1 (used), s2 (of no class), s3 (use = no) and s4 (a part that was cut by hand)."""
    cohort = cohort_of(
        seizures="seizure_id\trecording_id\tonset\toffset\tuse\tsyndrome\n"
        "s1\tr1\t10\t12\ttrain\tn/a\ns2\tr1\t14\t15\ttrain\tother\ns3\tr1\t4\t5\tno\tn/a\n"
        "s4\tr1\t25\t26\ttrain\tpre-ictal\n"
    )
    selection = events_of(cohort, TASK)
    assert [(event.event_id, event.y_true) for event in selection.events] == [
        ("s1", 0), ("s4", 2), ("s1-pre", 2), ("s1-post", 2),
    ]  # fmt: skip
    assert [times(part)[0][1:] for part in selection.parts] == [
        (pytest.approx(7.5), pytest.approx(9.9)), (pytest.approx(12.1), pytest.approx(13.0)),
    ]  # fmt: skip
    seizures = [view.interval for seizure in cohort.seizures for view in seizure.views]
    for part in selection.parts:
        for seizure in seizures:
            inside = part.views[0].interval
            assert inside.end_seconds < seizure.start_seconds or inside.start_seconds > seizure.end_seconds


def test_a_seizure_in_another_view_of_the_same_file_ends_a_part_too(cohort_of):
    montage = (
        "recording_id\tpatient_id\tpath\tregion\nr1\tp1\tvideos/r1.mkv\tn/a\n"
        "r2\tp1\tvideos/r1.mkv\t0 0 0.5 0.5\n"
    )
    rows = "seizure_id\trecording_id\tonset\toffset\tuse\ns1\tr1 r2\t10\t20\ttrain\ns2\tr2\t26\t28\ttrain\n"
    found = by_id(events_of(cohort_of(recordings=montage, seizures=rows), TASK))
    after = (pytest.approx(20.1), pytest.approx(23.0))
    assert times(found["s1-post"]) == [("r1", *after), ("r2", *after)]
    assert [name for name, *_ in times(found["s2-pre"])] == ["r2"]
    other = rows.replace("s2\tr2", "s2\tr3")
    apart = montage + "r3\tp2\tvideos/r1.mkv\t0.5 0.5 0.5 0.5\n"
    found = by_id(events_of(cohort_of(recordings=apart, seizures=other), TASK))
    assert times(found["s1-post"])[0][2] == pytest.approx(30.0)  # of another patient in the same picture


def test_views_keep_their_use(cohort_of):
    rows = [f"{name}\tp1\tvideos/r1.mkv\n" for name in ("r1", "r2", "r3")]
    recordings = "recording_id\tpatient_id\tpath\n" + "".join(rows)
    rows = (
        "seizure_id\trecording_id\tonset\toffset\tuse\n"
        "s1\tr1\t10\t20\ttrain\ns1\tr2\t10\t20\tevaluate\ns1\tr3\t10\t20\tno\n"
    )
    for part in events_of(cohort_of(recordings=recordings, seizures=rows), TASK).parts:
        assert [(view.recording_id, view.use) for view in part.views] == [("r1", "train"), ("r2", "evaluate")]
        assert all(view.clonic_onset_seconds is None for view in part.views)


def test_only_seizures_have_a_least_length(cohort_of):
    rows = SEIZURES + "s2\tr1\t24\t25\n"
    selection = events_of(cohort_of(seizures=rows), TASK, min_duration_seconds=5.0)
    assert [event.event_id for event in selection.events] == ["s1", "s1-pre", "s1-post"]
    assert selection.reasons == {"shorter than 5 s": 1}
    assert selection.parts[1].duration_seconds == pytest.approx(1.9)


def test_what_is_dropped_is_told(cohort_of):
    rows = "seizure_id\trecording_id\tonset\toffset\ns1\tr1\t0\t2\ns2\tr1\t29\t29.7\n"
    selection = events_of(cohort_of(seizures=rows), TASK)
    assert [event.event_id for event in selection.parts] == ["s1-post", "s2-pre"]
    assert selection.warnings == (
        "1 part before or after a seizure was shorter than 0.33 s, and dropped.",
        "On 1 side of seizures their recording leaves no room for a part without one.",
    )


def test_recordings_that_cannot_be_opened_are_told(cohort_of):
    recordings = RECORDINGS + "r3\tp3\tvideos/gone.mkv\nr4\tp3\tn/a\n"
    rows = SEIZURES + "s2\tr3\t1\t2\ns3\tr4\t1\t2\ns4\tr3\t4\t5\n"
    selection = events_of(cohort_of(recordings=recordings, seizures=rows), TASK)
    assert [event.event_id for event in selection.events] == ["s1", "s2", "s3", "s4", "s1-pre", "s1-post"]
    gone, absent = selection.warnings
    assert gone.startswith(
        "recordings.tsv (recording r3): its parts before and after seizures take no part: gone.mkv"
    )
    assert "Recording r4 must have a video for this, but its path in recordings.tsv is n/a" in absent
    assert {problem.severity for problem in selection.problems} == {"warning"}


def test_a_recording_that_does_not_tell_its_length(cohort_of, monkeypatch):
    import semioscope.video

    class Info:
        duration_seconds = float("nan")

    cohort = cohort_of()
    monkeypatch.setattr(semioscope.video, "probe", lambda path: Info())
    selection = events_of(cohort, TASK)
    assert selection.num_parts == 0
    assert "r1.mkv must tell how long it is, but does not." in selection.warnings[0]


def test_parts_lie_where_depth_runs_too(cohort_of):
    """Depth begins half a second later and ends two seconds earlier."""
    header = "recording_id\tpatient_id\tpath\tdepth_path\tdepth_offset_seconds\n"
    cohort = cohort_of(recordings=header + "r1\tp1\tvideos/r1.mkv\tvideos/r1-depth.mkv\t0.5\n")
    (told,) = events_of(cohort, TASK).warnings
    assert "r1-depth.mkv" in told
    write_video(cohort.folder / "videos" / "r1-depth", drawn(FPS * SECONDS - 10), fps=FPS)
    before, after = events_of(cohort, TASK).parts
    assert times(before) == [("r1", 0.5, pytest.approx(9.9))]
    assert times(after) == [("r1", pytest.approx(20.1), pytest.approx(28.0))]
    late = cohort_of(recordings=header + "r1\tp1\tvideos/r1.mkv\tvideos/r1-depth.mkv\t40\n")
    (told,) = events_of(late, TASK).warnings
    assert "infrared and depth of r1 must share some time, but do not." in told


def test_parts_need_ids_of_their_own(cohort_of):
    cohort = cohort_of(seizures=SEIZURES + "s1-post\tr1\t24\t25\n")
    message = (
        r"seizures.tsv row 3: s1-post must not be the id of a seizure.*after s1 has this id. Give it another"
    )
    with pytest.raises(CohortError, match=message):
        events_of(cohort, TASK)
    assert len(events_of(cohort, TASKS["fle-vs-tle"]).events) == 2


def test_own_tasks_can_have_parts(cohort_of):
    content = {
        "name": "own",
        "table": "both",
        "column": "syndrome",
        "classes": {"n": ["none"], "e": ["FLE", "TLE"]},
    }
    assert [
        event.y_true for event in events_of(cohort_of(), make_task(content | {"parts_class": "n"})).events
    ] == [1, 0, 0]
    with pytest.raises(ConfigError, match="Unknown class in parts_class 'x'"):
        make_task(content | {"parts_class": "x"})


def test_figures_of_a_cohort_are_of_seizures(cohort_of):
    figures = summarise(cohort_of(), TASK, min_duration_seconds=0.0)
    assert (figures["num_events"], figures["classes"]["nonepileptic"]["num_used"]) == (1, 0)
    assert (
        "Figures are of seizures. Parts of recordings beside them (nonepileptic) are not counted."
        in render(figures)
    )


def test_parts_belong_to_every_patient_with_a_seizure(cohort_of):
    rows = SEIZURES + "s2\tr2\t3\t5\n"
    found = [str(problem) for problem in check_cohort(cohort_of(seizures=rows).folder, task=TASK)]
    assert any("class FLE of task" in problem and "has 1 patient" in problem for problem in found)
    assert not any("class nonepileptic" in problem for problem in found)


def test_a_recording_is_opened_once(cohort_of, monkeypatch):
    import semioscope.video

    opened = []
    probe = semioscope.video.probe
    cohort = cohort_of(seizures=SEIZURES + "s2\tr1\t24\t25\n")
    monkeypatch.setattr(semioscope.video, "probe", lambda path: opened.append(path) or probe(path))
    assert events_of(cohort, TASK).num_parts == 4
    assert len(opened) == 1


def test_the_last_frame_is_inside(cohort_of):
    """A part ends with the recording, so that its last stored frame belongs to it."""
    cohort = cohort_of()
    write_video(cohort.folder / "videos" / "r1", drawn(45), times=np.arange(45) * 0.5)
    assert events_of(cohort, TASK).parts[1].views[0].offset_seconds > 22.0
