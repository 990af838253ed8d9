"""The rule ``patient``: every fold tests as many patients of each class as can be, then as many events."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_up_events import event, event_rows, events_from

from semioscope.core.errors import CohortError
from semioscope.splits import FoldConfig, SelectionConfig, make_folds


def plan_of(events, *, num_folds=5, seed=0, num_classes=2):
    config = FoldConfig(rule="patient", num_folds=num_folds)
    return make_folds(events, config, SelectionConfig(on="none"), seed=seed, num_classes=num_classes)


def numbers_of(plan, events, y_true):
    """How many patients of a class, and how many of its events, each fold tests."""
    of = {one.event_id: one for one in events}
    own = [[of[name] for name in fold.test if of[name].y_true == y_true] for fold in plan.folds]
    return [len({one.patient_id for one in fold}) for fold in own], [len(fold) for fold in own]


def ward(numbers, *, seed, parts=False, most_seizures=12):
    """Patients with seizures of one class each, ``numbers`` of each class; with parts, all have those too."""
    rng = np.random.default_rng(seed)
    events = []
    for y_true, number in enumerate(numbers):
        for patient in range(number):
            owner = f"c{y_true}-p{patient:03d}"
            events += [event(f"{owner}-{k}", owner, y_true) for k in range(rng.integers(1, most_seizures))]
            if parts:
                events += [event(f"{owner}-{part}", owner, len(numbers)) for part in ("before", "after")]
    return events


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        ((15, 11), ([3, 3, 3, 3, 3], [2, 2, 2, 2, 3])),  # Karácsony 2022
        ((20, 15), ([4, 4, 4, 4, 4], [3, 3, 3, 3, 3])),  # Karácsony 2020
    ],
)
def test_the_cohorts_of_the_papers(numbers, wanted, parts):
    for seed in range(4):
        events = ward(numbers, seed=seed, parts=parts)
        plan = plan_of(events, seed=seed, num_classes=3 if parts else 2)
        for y_true, per_fold in enumerate(wanted):
            patients, seizures = numbers_of(plan, events, y_true)
            assert sorted(patients) == per_fold
            # patients with 1 to 11 seizures: the seizures are even too, as far as that goes
            assert np.ptp(seizures) <= 4
        assert np.ptp([len({plan.patient_of[name] for name in fold.test}) for fold in plan.folds]) <= 1


@given(
    numbers=st.lists(st.integers(2, 9), min_size=2, max_size=4),
    parts=st.booleans(),
    num_folds=st.integers(2, 8),
    seed=st.integers(0, 2**40),
)
@settings(max_examples=60, deadline=None)
def test_patients_of_one_class_each_are_even_whatever_their_seizures(numbers, parts, num_folds, seed):
    num_folds = min(num_folds, sum(numbers))
    events = ward(numbers, seed=seed, parts=parts, most_seizures=30)
    plan = plan_of(events, num_folds=num_folds, seed=seed, num_classes=len(numbers) + parts)
    for y_true in range(len(numbers)):
        assert np.ptp(numbers_of(plan, events, y_true)[0]) <= 1
    assert all(fold.test for fold in plan.folds)


@given(rows=event_rows(most_patients=14), num_folds=st.integers(2, 5), seed=st.integers(0, 2**40))
@settings(max_examples=60, deadline=None)
def test_patients_with_events_of_two_classes_count_in_both(rows, num_folds, seed):
    events = [event(one.event_id, one.patient_id, one.y_true) for one in events_from(rows)]
    assume(len({one.patient_id for one in events}) >= num_folds)
    plan = plan_of(events, num_folds=num_folds, seed=seed)
    for y_true in (0, 1):
        assert np.ptp(numbers_of(plan, events, y_true)[0]) <= 1


def test_no_fold_may_hold_all_that_a_class_has_to_train_on_and_that_comes_first():
    """Of the three patients of class 1 only two can be trained on: they part."""
    events = [event(f"a{n}", f"a{n}", 0) for n in range(3)]
    events += [event("b0", "b0", 1), event("b1", "b1", 1), event("b2", "b2", 1, uses=("evaluate",))]
    for seed in range(20):
        plan = plan_of(events, num_folds=2, seed=seed)
        assert all({"b0", "b1"} & set(fold.test) for fold in plan.folds)


def test_seizures_are_shared_out_among_folds_with_equally_many_patients():
    """Four patients with 9, 9, 1 and 1 seizures of a class go to two folds as 9 + 1 and 9 + 1."""
    events = []
    for y_true in (0, 1):
        for patient, number in enumerate((9, 9, 1, 1)):
            owner = f"c{y_true}-p{patient}"
            events += [event(f"{owner}-{k}", owner, y_true) for k in range(number)]
    plan = plan_of(events, num_folds=2)
    for y_true in (0, 1):
        assert numbers_of(plan, events, y_true) == ([2, 2], [10, 10])


def test_patients_come_before_seizures():
    """One patient has as many seizures as all others: the folds have equally many patients all the same."""
    events = [event(f"a0-{k}", "a0", 0) for k in range(9)]
    events += [event(f"a{n}", f"a{n}", 0) for n in range(1, 10)]
    events += [event(f"b{n}", f"b{n}", 1) for n in range(10)]
    plan = plan_of(events, num_folds=2)
    patients, seizures = numbers_of(plan, events, 0)
    assert patients == [5, 5]
    assert sorted(seizures) == [5, 13]


def test_the_seed_decides_who_goes_together():
    events = ward((15, 11), seed=0)
    plans = [plan_of(events, seed=seed) for seed in (0, 0, 1, 2, 3)]
    assert plans[0] == plans[1]
    assert len({plan.folds[0].test for plan in plans}) > 2


def test_a_patient_with_parts_only_is_dealt_too():
    events = [*ward((4, 4), seed=0, parts=True), event("alone", "alone", 2)]
    plan = plan_of(events, num_folds=4, num_classes=3)
    for y_true in (0, 1):
        assert numbers_of(plan, events, y_true)[0] == [1, 1, 1, 1]
    assert Counter(name for fold in plan.folds for name in fold.test)["alone"] == 1


def test_one_patient_of_a_class_is_refused_as_before():
    events = ward((6, 1), seed=0)
    with pytest.raises(CohortError, match=r"two patients with events of class 1 to train on, got 1"):
        plan_of(events)
