"""The fold rule with as many tested patients of each class in every fold (Karácsony 2022)."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_events import event

from semioscope.core.errors import CohortError, ConfigError
from semioscope.splits import FoldConfig, SelectionConfig, make_folds
from semioscope.splits.places import own_classes, patient_classes, places_of


def ward(num_frontal, num_temporal, *, parts=False):
    """Patients with one to three seizures of a class; with parts, each also has events of class 2."""
    events = []
    for number in range(num_frontal + num_temporal):
        y_true, owner = int(number >= num_frontal), f"p{number:03d}"
        events += [event(f"{owner}-sz{k}", owner, y_true) for k in range(1 + number % 3)]
        if parts:
            events += [event(f"{owner}-{part}", owner, 2) for part in ("before", "after")]
    return events


def plan_of(events, *, num_folds=5, patients_per_class=3, on="test", seed=0, num_classes=2):
    return make_folds(
        events,
        FoldConfig(rule="patients-per-class", num_folds=num_folds, patients_per_class=patients_per_class),
        SelectionConfig(on=on),
        seed=seed,
        num_classes=num_classes,
    )


def times_tested(plan, owners):
    counts = Counter(owner for fold in plan.folds for owner in {plan.patient_of[name] for name in fold.test})
    return sorted(counts[owner] for owner in owners)


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_cohort_of_the_paper(parts, seed):
    """15 + 11 patients in 5 folds of 3 + 3: each frontal one once, four temporal ones twice."""
    events = ward(15, 11, parts=parts)
    plan = plan_of(events, seed=seed, num_classes=3 if parts else 2)
    frontal = sorted({one.patient_id for one in events if one.y_true == 0})
    temporal = sorted({one.patient_id for one in events if one.y_true == 1})
    assert times_tested(plan, frontal) == [1] * 15
    assert times_tested(plan, temporal) == [1] * 7 + [2] * 4
    assert plan.notes == (
        "4 patients are tested in more than one fold (fold-wise scores and those of slices count each time; pooled "
        "scores of events take the mean of their folds).",
    )
    for fold in plan.folds:
        tested = {plan.patient_of[name] for name in fold.test}
        assert len(tested & set(frontal)) == len(tested & set(temporal)) == 3
        # a patient's parts go where the seizures go
        assert set(fold.test) == {one.event_id for one in events if one.patient_id in tested}
        assert set(fold.train) == {one.event_id for one in events if one.patient_id not in tested}
        assert fold.validation == fold.test


@given(
    numbers=st.tuples(st.integers(4, 14), st.integers(4, 14)),
    places=st.integers(1, 3),
    extra_folds=st.integers(0, 3),
    parts=st.booleans(),
    on=st.sampled_from(["inner", "test", "none"]),
    seed=st.integers(0, 2**40),
)
@settings(max_examples=40, deadline=None)
def test_laws(numbers, places, extra_folds, parts, on, seed):
    events = ward(*numbers, parts=parts)
    options = {"num_folds": max(2, -(-max(numbers) // places)) + extra_folds, "patients_per_class": places}
    options |= {"on": on, "seed": seed, "num_classes": 3 if parts else 2}
    plan = plan_of(events, **options)
    order = np.random.default_rng(seed).permutation(len(events))
    assert plan_of([events[k] for k in order], **options) == plan
    own = {one.patient_id: one.y_true for one in events if one.y_true < 2}
    for fold in plan.folds:
        sides = [
            {plan.patient_of[name] for name in side} for side in (fold.train, fold.validation, fold.test)
        ]
        assert not sides[0] & sides[2]
        assert not sides[0] & sides[1]
        assert not sides[1] & sides[2] or on == "test"
        assert Counter(own[owner] for owner in sides[2]) == {0: places, 1: places}
    repeated = 0
    for y_true, number in enumerate(numbers):
        counts = times_tested(plan, [owner for owner, mine in own.items() if mine == y_true])
        assert len(counts) == number
        assert counts[0] >= 1
        assert counts[-1] - counts[0] <= 1
        repeated += sum(count > 1 for count in counts)
    notes = [note for note in plan.notes if "tested in more than one fold" in note]
    assert [int(note.split()[0]) for note in notes] == ([repeated] if repeated else [])


def test_who_appears_twice_depends_on_the_seed():
    events = ward(15, 11)
    plans = [plan_of(events, seed=seed) for seed in range(6)]
    twice = [
        frozenset(name for name in plan.patient_of if sum(name in fold.test for fold in plan.folds) > 1)
        for plan in plans
    ]
    assert len(set(twice)) > 3


def test_a_patient_with_seizures_of_two_classes_takes_one_place():
    events = [
        *ward(6, 6),
        *(event(f"p000-t{k}", "p000", 1) for k in range(2)),
    ]  # 1 frontal, 2 temporal seizures
    plan = plan_of(events, num_folds=3)
    of_class = [{f"p{n:03d}" for n in range(1, 6)}, {"p000", *(f"p{n:03d}" for n in range(6, 12))}]
    for fold in plan.folds:
        tested = {plan.patient_of[name] for name in fold.test}
        assert [len(tested & members) for members in of_class] == [3, 3]
        assert ("p000-sz0" in fold.test) == ("p000-t0" in fold.test) == ("p000" in tested)


@pytest.mark.parametrize(
    ("number", "own"),
    [
        ([[2, 0], [0, 1], [1, 1]], (0, 1)),  # two classes are never fewer
        ([[1, 1], [0, 1], [2, 1]], (0, 1)),
        ([[2, 0, 4], [0, 1, 4]], (0, 1)),  # everybody has parts
        ([[2, 0, 0], [0, 1, 4], [0, 2, 1]], (0, 1)),  # the parts of one class only
        ([[0, 4, 2], [2, 4, 0], [1, 3, 0]], (0, 2)),  # whatever its number
        ([[2, 0, 4], [0, 1, 4], [1, 1, 4], [3, 0, 4]], (0, 1)),  # one patient has both
        ([[2, 0, 4], [0, 1, 4], [3, 0, 4], [0, 0, 4]], (0, 1)),  # one patient has parts only
        ([[2, 0, 0], [0, 1, 0], [0, 0, 3]], (0, 1, 2)),  # three kinds of patients
        ([[2, 0, 0, 4], [0, 1, 0, 4], [0, 0, 3, 4]], (0, 1, 2)),
    ],
)
def test_a_class_of_parts_is_nobodys_own(number, own):
    assert own_classes(np.array(number)) == own


def test_class_of_a_patient_is_that_of_most_events_of_equals_the_lower():
    number = np.array([[1, 2, 9], [2, 2, 9], [0, 1, 0], [1, 0, 9]])
    assert patient_classes(number, list("abcd")).tolist() == [1, 0, 1, 0]


def test_a_patient_with_parts_only_is_refused():
    events = [*ward(6, 6, parts=True), event("alone", "p999", 2)]
    with pytest.raises(
        CohortError,
        match=r"but patient p999 has events of class 2 only, .* \(1 such patient\)\. Leave their",
    ):
        plan_of(events, num_folds=3, num_classes=3)


def test_too_few_places():
    with pytest.raises(
        ConfigError,
        match=r"4 folds with 3 patients of each class have 12 places for 15 patients of class 0\. Use "
        r"--set folds.num_folds=5 or --set folds.patients_per_class=4\.",
    ):
        plan_of(ward(15, 11), num_folds=4)
    for wanted in ({"num_folds": 5}, {"num_folds": 4, "patients_per_class": 4}):
        assert len(plan_of(ward(15, 11), **wanted).folds) == wanted["num_folds"]


def test_nobody_left_to_train_on():
    with pytest.raises(
        ConfigError, match=r"got 3 and 3 patients of class 1\. Use --set folds.patients_per_class=2, or"
    ):
        plan_of(ward(9, 3))
    with pytest.raises(ConfigError, match=r"got 1 and 0 patients of class 2\. Add patients, or --set"):
        places_of(0, 3, 1, class_index=2)


def test_a_class_that_no_patient_has_most_of_is_refused():
    events = [event(f"p{n}-{k}", f"p{n}", int(k == 0)) for n in range(6) for k in range(3)]
    with pytest.raises(ConfigError, match=r"got 1 and 0 patients of class 1\. Add patients"):
        plan_of(events, num_folds=6, patients_per_class=1)


@given(st.integers(2, 30), st.integers(2, 12), st.integers(1, 6))
def test_places_are_taken_in_turn(num_patients, num_folds, per_class):
    if num_patients <= per_class or num_folds * per_class < num_patients:
        return
    places = places_of(num_patients, num_folds, per_class, class_index=0)
    assert places.shape == (num_folds, per_class)
    assert all(len(set(row)) == per_class for row in places.tolist())
    counts = np.bincount(places.ravel(), minlength=num_patients)
    assert counts.min() >= 1
    assert np.ptp(counts) <= 1
