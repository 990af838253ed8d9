"""A class without slices is refused before features are made, and only if it has none for certain."""

import re
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semioscope.cohort import TASKS, EventSelection
from semioscope.core.errors import ConfigError
from semioscope.core.records import Event, EventView
from semioscope.plans import SlicePlan, slices_of
from semioscope.runs.slice_supply import check_slice_supply, pace_notes, slice_notes, sliceless_notes
from semioscope.splits import FoldPlan
from semioscope.splits.records import Fold

B05 = SlicePlan(stride=30, leftovers=False)


def seizure(name: str, y_true: int, seconds: float, *, use: str = "train", onset: float = 0.0) -> Event:
    view = EventView(
        recording_id=f"r-{name}",
        onset_seconds=onset,
        offset_seconds=onset + seconds,
        use=use,  # type: ignore[arg-type]
    )
    return Event(event_id=name, patient_id=f"P-{name}", y_true=y_true, views=(view,))


def selected(*events: Event) -> EventSelection:
    task = TASKS["fle-vs-tle-vs-nonepileptic"]
    return EventSelection(task=task, min_duration_seconds=0.0, events=events, left_out=(), problems=())


def folds(*train: tuple[str, ...]) -> FoldPlan:
    made = tuple(
        Fold(index=index, train=names, validation=(), test=("tested",)) for index, names in enumerate(train)
    )
    return FoldPlan(rule="patient", seed=0, selection="none", cohort_hash="", folds=made, patient_of={})


def check(
    *events: Event,
    train: tuple[tuple[str, ...], ...] = (),
    plan: SlicePlan = B05,
    rate: float = 30.0,
    part_seconds: float = 0.0,
) -> None:
    distances = {view.recording_id: 1 / rate for event in events for view in event.views}
    everybody = tuple(event.event_id for event in events)
    check_slice_supply(
        selected(*events),
        folds(*(train or (everybody,))),
        plan,
        distances,
        least_frames=9,
        part_seconds=part_seconds,
    )


LONG = (seizure("a", 0, 5.0), seizure("b", 1, 5.0))


def test_a_class_of_short_parts_is_named_with_longer_parts_as_remedy() -> None:
    with pytest.raises(ConfigError, match="nonepileptic has none: a slice takes 60 stored frames") as told:
        check(*LONG, seizure("c", 2, 1.5))
    assert "about 45 (1.5 s at 30 frames per second)" in str(told.value)
    assert "--set events.part_seconds=2.5 or more" in str(told.value)
    assert "--set slices.leftovers=true" in str(told.value)


def test_its_remedies_are_taken() -> None:
    check(*LONG, seizure("c", 2, 2.5))
    check(*LONG, seizure("c", 2, 1.5), plan=SlicePlan())
    check(*LONG, seizure("c", 2, 1.5), plan=B05.model_copy(update={"slice_frames": 40}))


def test_seizures_are_not_made_longer_by_parts() -> None:
    with pytest.raises(ConfigError, match="TLE has none") as told:
        check(LONG[0], seizure("b", 1, 1.0), seizure("c", 2, 5.0))
    assert "part_seconds" not in str(told.value)


def test_a_fold_that_trains_without_a_slice_of_a_class_is_named() -> None:
    events = (*LONG, seizure("c", 2, 5.0), seizure("d", 2, 1.0))
    with pytest.raises(ConfigError, match="nonepileptic has none in the training of fold 1"):
        check(*events, train=(("a", "b", "c"), ("a", "b", "d")))
    with pytest.raises(ConfigError, match=r"its longest event there holds about 30 \(1\.0 s") as told:
        check(*events, train=(("a", "b", "d"),))
    assert "slices.slice_frames=29." in str(told.value), (
        "only c has a slice: no folds can train and test on it"
    )
    both = (*events, seizure("e", 2, 5.0))
    with pytest.raises(ConfigError, match=r"slices\.slice_frames=29 or other folds \(another --set seed"):
        check(*both, train=(("a", "b", "d"), ("a", "b", "c", "e")))
    with pytest.raises(ConfigError, match="no event of it trains there") as told:
        check(*events, train=(("a", "b"),))
    check(*events, train=(("a", "b", "c"), ("a", "b", "c", "d")))


def test_views_that_are_only_evaluated_train_nothing() -> None:
    with pytest.raises(ConfigError, match="nonepileptic has none"):
        check(*LONG, seizure("c", 2, 5.0, use="evaluate"))


def test_recordings_of_unknown_rate_are_left_to_the_reading() -> None:
    events = (*LONG, seizure("c", 2, 0.2))
    distances = {"r-a": 1 / 30, "r-b": 1 / 30}
    check_slice_supply(selected(*events), folds(("a", "b", "c")), B05, distances, least_frames=9)


def test_events_that_hold_no_slice_are_named_before_the_work() -> None:
    events = (*LONG, seizure("c", 2, 0.2), seizure("d", 2, 0.2))
    distances = dict.fromkeys(("r-a", "r-b", "r-c"), 1 / 30)
    (note,) = sliceless_notes(events, SlicePlan(), distances)
    assert note.startswith(
        "1 event holds no slice (c): a slice takes 10 stored frames or more. What holds none"
    )
    assert "smaller slices.min_frames" in note
    assert sliceless_notes(LONG, SlicePlan(), distances) == []
    assert "slices.leftovers=true" in sliceless_notes(events, B05, distances)[0]


def test_an_event_at_the_edge_may_hold_none() -> None:
    """0.3 s hold 9 or 10 frames at 30 per second."""
    distances = dict.fromkeys(("r-c", "r-d", "r-e"), 1 / 30)
    edge = (seizure("c", 2, 0.32), seizure("d", 2, 0.32))
    (note,) = sliceless_notes(edge, SlicePlan(), distances)
    assert note.startswith("2 events may hold no slice, by a frame (c, d): a slice takes 10")
    (note,) = sliceless_notes((*edge, seizure("e", 2, 0.1)), SlicePlan(), distances)
    assert note.startswith("1 event holds no slice (e) and 2 events may hold none, by a frame (c, d): ")


@pytest.mark.parametrize(
    ("seconds", "plan", "told"),
    [
        (0.2, SlicePlan(), "No setting helps, as the backbone sees 9 frames or more"),
        (0.29, SlicePlan(), r"Use --set slices\.min_frames=9\."),
        (0.2, B05, "No setting helps"),
        (0.29, B05, r"Use --set slices\.slice_frames=9\."),
        (1.0, B05, r"Use --set slices\.leftovers=true or --set slices\.slice_frames=29\."),
    ],
)
def test_every_setting_that_is_named_helps(seconds: float, plan: SlicePlan, told: str) -> None:
    events = (LONG[0], seizure("b", 1, seconds), seizure("c", 2, 5.0))
    with pytest.raises(ConfigError, match=told) as refused:
        check(*events, plan=plan)
    for key, value in re.findall(r"--set slices\.(\w+)=(\w+)", str(refused.value)):
        check(*events, plan=SlicePlan.model_validate(plan.model_dump() | {key: value}))


def test_a_setting_helps_every_fold_though_no_event_has_a_slice() -> None:
    """The shortest of what the folds train on counts, not the longest event of the cohort."""
    events = (*(seizure(name, 0, 9.0) for name in "ab"), *(seizure(name, 1, 9.0) for name in "cd"),
              seizure("e", 2, 4.0), seizure("f", 2, 3.5))  # fmt: skip
    plan, train = SlicePlan(slice_frames=150, leftovers=False), (("a", "c", "e"), ("b", "d", "f"))
    with pytest.raises(ConfigError, match=r"holds about 120 .*slice_frames=104\.") as told:
        check(*events, plan=plan, train=train, part_seconds=78.0)
    assert "part_seconds" not in str(told.value), "parts are to be longer than that already"
    check(*events, plan=plan.model_copy(update={"slice_frames": 104}), train=train)


def test_a_class_that_may_be_lost_as_a_whole_is_told() -> None:
    events = (*LONG, seizure("c", 2, 0.32), seizure("d", 2, 0.32))
    distances = {view.recording_id: 1 / 30 for event in events for view in event.views}
    told = slice_notes(selected(*events), SlicePlan(), distances)
    assert (
        told[1] == "Every event of nonepileptic is among these: a class without any slice cannot be trained."
    )
    assert (
        len(slice_notes(selected(*events, seizure("e", 2, 3.0)), SlicePlan(), distances | {"r-e": 1 / 30}))
        == 1
    )


def test_patients_who_are_kept_back_are_named_as_the_cause() -> None:
    events = (*LONG, seizure("c", 2, 5.0), seizure("d", 2, 0.1))  # too short for any setting
    kept = Fold(index=0, train=("a", "b", "d"), validation=("c",), test=("tested",))
    plan = FoldPlan(rule="patient", seed=0, selection="inner", cohort_hash="", folds=(kept,), patient_of={})
    distances = {view.recording_id: 1 / 30 for event in events for view in event.views}
    with pytest.raises(ConfigError, match=r" or --set selection\.on=none \(nobody is kept back"):
        check_slice_supply(selected(*events), plan, SlicePlan(), distances, least_frames=9)


@given(
    onset=st.floats(0, 50),
    seconds=st.floats(0.2, 6),
    phase=st.floats(0, 1),
    rate=st.sampled_from([5.0, 15.0, 25.0, 30.0, 59.94]),
    plan=st.sampled_from([SlicePlan(), B05, SlicePlan(slice_frames=16, min_frames=12)]),
)
def test_what_has_a_slice_is_never_refused(
    onset: float, seconds: float, phase: float, rate: float, plan: SlicePlan
) -> None:
    """Law: whatever the first frame's time, an event whose frames make a slice passes."""
    times = (np.arange(int(60 * rate)) + phase) / rate
    shown = int(((times >= onset) & (times < onset + seconds)).sum())
    event = seizure("c", 2, seconds, onset=onset)
    if len(slices_of(shown, plan)):
        check(*LONG, event, plan=plan, rate=rate)
        assert not any("holds no slice" in note for note in sliceless_notes([event], plan, {"r-c": 1 / rate}))
    else:
        assert sliceless_notes([event], plan, {"r-c": 1 / rate})


@pytest.mark.parametrize(
    ("rates", "told"),
    [
        ({"a": 30.0}, None),
        ({"a": 30.0, "b": 29.97}, None),
        (
            {"a": 10.0, "b": 30.0},
            "1 recording of 2 (a) with 10 frames per second: a slice of 60 frames lasts 6 s",
        ),
        ({"a": 10.0, "b": 25.0}, "2 recordings of 2 (a, b) with 10 to 25 frames per second"),
        (dict.fromkeys("abcd", 15.0), "4 recordings of 4 (a, b, c, ...) with 15 frames per second"),
    ],
)
def test_other_frame_rates_are_told_before_the_work(rates: Mapping[str, float], told: str | None) -> None:
    notes = pace_notes(SlicePlan(), {name: 1 / rate for name, rate in rates.items()})
    assert [told in note for note in notes if told] == ([True] if told else [])
    assert bool(notes) == (told is not None)
