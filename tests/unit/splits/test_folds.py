import itertools
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_events import event, event_rows, events_from, random_cohort
from pydantic import ValidationError

from semioscope.core.errors import CohortError, ConfigError
from semioscope.core.wording import numbered
from semioscope.splits import (
    FOLD_RULES,
    PATIENT_RULES,
    REPEATING_RULES,
    FoldConfig,
    SelectionConfig,
    make_folds,
)

SEEDS = st.integers(0, 2**40)


def plan_of(events, rule="patient", on="inner", *, num_folds=3, seed=0, num_classes=2, fraction=0.2):
    return make_folds(
        events,
        FoldConfig(rule=rule, num_folds=num_folds),
        SelectionConfig(on=on, fraction=fraction),
        seed=seed,
        num_classes=num_classes,
    )


def patients(plan, names):
    return {plan.patient_of[name] for name in names}


@pytest.mark.parametrize("rule", FOLD_RULES)
@pytest.mark.parametrize("on", ["inner", "test", "none"])
@given(rows=event_rows(), seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_laws_of_every_rule(rule, on, rows, seed):
    events = events_from(rows)
    try:
        plan = plan_of(events, rule, on, num_folds=2, seed=seed)
    except ConfigError:
        # rules by seizure may put all that a class has to train on into one fold; places may be too few
        if rule in PATIENT_RULES - REPEATING_RULES:
            raise
        return
    class_of = {one.event_id: one.y_true for one in events}
    assert plan.selection == ("none" if rule == "leave-one-patient-out" else on)
    trainable = {one.event_id for one in events if one.views[0].use == "train"}
    tested = [name for fold in plan.folds for name in fold.test]
    assert set(tested) == set(class_of)
    assert rule in REPEATING_RULES or len(tested) == len(class_of)
    assert [fold.index for fold in plan.folds] == list(range(len(plan.folds)))
    for fold in plan.folds:
        assert fold.test
        assert list(fold.train) == sorted(fold.train)
        assert set(fold.train) | set(fold.validation) <= trainable
        assert not set(fold.train) & set(fold.test)
        assert {class_of[name] for name in fold.train} == {0, 1}
        if rule in PATIENT_RULES:
            assert not patients(plan, fold.train) & patients(plan, fold.test)
        if plan.selection == "inner":
            assert not patients(plan, fold.train) & patients(plan, fold.validation)
            assert not set(fold.validation) & set(fold.test)
            assert set(fold.train) | set(fold.validation) == trainable - set(fold.test)
            assert not fold.validation or {class_of[name] for name in fold.validation} == {0, 1}
            if rule in PATIENT_RULES:
                assert not patients(plan, fold.validation) & patients(plan, fold.test)
        elif plan.selection == "test":
            assert set(fold.validation) == set(fold.test) & trainable
        else:
            assert fold.validation == ()


@given(rows=event_rows(), seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_inner_split_is_left_out_only_where_no_split_exists(rows, seed):
    events = events_from(rows)
    plan = plan_of(events, "patient", seed=seed, num_folds=len({one.patient_id for one in events}))
    class_of = {one.event_id: one.y_true for one in events}
    for fold in plan.folds:
        if fold.validation:
            continue
        owners = sorted(patients(plan, fold.train))
        classes = [{class_of[n] for n in fold.train if plan.patient_of[n] == owner} for owner in owners]
        for side in itertools.product([False, True], repeat=len(owners)):
            left = set().union(*(c for c, s in zip(classes, side, strict=True) if s))
            right = set().union(*(c for c, s in zip(classes, side, strict=True) if not s))
            assert not left == right == {0, 1}
    unsplit = [fold.index for fold in plan.folds if not fold.validation]
    assert any("no inner split" in note and numbered("Fold", unsplit) in note for note in plan.notes) == bool(
        unsplit
    )


@pytest.mark.parametrize("rule", FOLD_RULES)
def test_plan_depends_on_seed_but_not_on_the_order_of_events(rule):
    events = random_cohort(1, evaluate=0.1)
    plan = plan_of(events, rule, seed=5, num_folds=5)
    shuffled = [events[position] for position in np.random.default_rng(0).permutation(len(events))]
    assert plan_of(shuffled, rule, seed=5, num_folds=5) == plan
    tests = {plan_of(events, rule, seed=seed, num_folds=5).folds[0].test for seed in range(4)}
    assert (len(tests) > 1) == (rule in ("patient", "patients-per-class", "seizure"))


def test_patient_folds_are_more_alike_than_those_of_scikit_learn():
    from sklearn.model_selection import StratifiedGroupKFold

    ours, theirs = [], []
    for seed in range(12):
        events = sorted(random_cohort(seed, num_patients=40), key=lambda one: one.event_id)
        y_true = np.array([one.y_true for one in events])
        position = {one.event_id: number for number, one in enumerate(events)}

        def uneven(folds, y_true=y_true):
            share = [np.bincount(y_true[fold], minlength=2) / np.bincount(y_true) for fold in folds]
            return np.std(share, axis=0).max()

        plan = plan_of(events, num_folds=10, seed=seed)
        ours.append(uneven([[position[name] for name in fold.test] for fold in plan.folds]))
        splitter = StratifiedGroupKFold(10, shuffle=True, random_state=seed)
        groups = [one.patient_id for one in events]
        theirs.append(uneven([test for _, test in splitter.split(y_true, y_true, groups)]))
    assert all(a <= b + 1e-12 for a, b in zip(ours, theirs, strict=True))
    assert np.mean(ours) < 0.5 * np.mean(theirs)


def test_inner_split_takes_about_the_asked_share_of_patients_and_classes():
    events = random_cohort(2, num_patients=60)
    class_of = {one.event_id: one.y_true for one in events}
    for fraction in (0.1, 0.2, 0.4):
        plan = plan_of(events, num_folds=5, fraction=fraction)
        for fold in plan.folds:
            inner, rest = patients(plan, fold.validation), patients(plan, fold.train)
            assert len(inner) / len(inner | rest) == pytest.approx(fraction, abs=0.03)
            for y_true in (0, 1):
                number = sum(class_of[name] == y_true for name in fold.validation)
                total = number + sum(class_of[name] == y_true for name in fold.train)
                assert number / total == pytest.approx(fraction, abs=0.03)


def test_inner_splits_of_folds_and_seeds_differ():
    events = random_cohort(3, num_patients=30)
    plans = [plan_of(events, "patient", seed=seed, num_folds=30) for seed in range(2)]
    assert len({fold.validation for plan in plans for fold in plan.folds}) > 30


@pytest.mark.parametrize("on", ["inner", "test", "none"])
def test_leave_one_patient_out_selects_nothing(on):
    plan = plan_of(random_cohort(3), "leave-one-patient-out", on=on)
    assert plan.selection == "none"
    assert all(fold.validation == () for fold in plan.folds)
    assert any("selects nothing" in note for note in plan.notes) == (on != "none")


def test_seizure_rule_balances_class_and_duration():
    events = random_cohort(4, num_patients=40)
    of = {one.event_id: one for one in events}
    plan = plan_of(events, "seizure", num_folds=10)
    for y_true in (0, 1):
        assert np.ptp([sum(of[name].y_true == y_true for name in fold.test) for fold in plan.folds]) <= 1
    total = [sum(of[name].duration_seconds for name in fold.test) for fold in plan.folds]
    assert np.ptp(total) < 0.05 * np.mean(total)


def test_released_rule_deals_like_the_published_code():
    # a literal deal: tonic-clonic first, then the others, one position for both
    events = random_cohort(5, num_patients=9)
    groups = [[one for one in events if one.y_true == 1], [one for one in events if one.y_true == 0]]
    expected, position = [set() for _ in range(4)], 0
    for group in groups:
        for one in sorted(group, key=lambda e: (e.patient_id, e.event_id)):
            expected[position].add(one.event_id)
            position = (position + 1) % 4
    dropped = event("sz-000-99", "p000", 1, uses=("no", "no"))
    plan = plan_of([*events, dropped], "released", "test", num_folds=4, seed=77)
    assert [set(fold.test) for fold in plan.folds] == expected
    assert plan.notes == ("1 event is in no fold: all its views have use = no.",)


def test_released_rule_keeps_a_seizure_with_one_view_left():
    events = [event(f"e{n}", f"p{n}", n % 2, uses=("no", "train")) for n in range(8)]
    assert len(plan_of(events, "released", num_folds=2).patient_of) == 8


def test_evaluation_only_events_are_tested_and_never_trained_on():
    events = [*random_cohort(6), event("only", "p005", 1, uses=("evaluate", "no"))]
    plan = plan_of(events, num_folds=5)
    assert sum("only" in fold.test for fold in plan.folds) == 1
    assert not any("only" in (*fold.train, *fold.validation) for fold in plan.folds)


def test_unlabelled_events_are_left_out_and_said():
    plan = plan_of([*random_cohort(6), event("what", "p005", None)])
    assert "what" not in plan.patient_of
    assert plan.notes == ("1 event is in no fold: no class under this task.",)


def test_leave_one_patient_out_has_a_fold_per_patient():
    plan = plan_of(random_cohort(7), "leave-one-patient-out", num_folds=2)
    assert [patients(plan, fold.test) for fold in plan.folds] == [{f"p{n:03d}"} for n in range(20)]


def test_more_folds_than_patients():
    events = random_cohort(0, num_patients=4)
    with pytest.raises(
        ConfigError,
        match=r"at most the number of patients, 4, got 10\. Use --set folds.num_folds=4 or .*leave-one",
    ):
        plan_of(events, num_folds=10)


@pytest.mark.parametrize("rule", ["seizure", "released"])
def test_more_folds_than_events(rule):
    events = [event(f"e{n}", f"p{n}", n % 2) for n in range(4)]
    with pytest.raises(ConfigError, match="at most the number of events, 4, got 5"):
        plan_of(events, rule, num_folds=5)


@pytest.mark.parametrize("rule", sorted(PATIENT_RULES))
def test_a_class_with_one_patient(rule):
    events = [event(f"e{n}", f"p{n}", 0) for n in range(6)] + [event(f"t{n}", "p2", 1) for n in range(3)]
    with pytest.raises(CohortError, match=r"two patients with events of class 1 to train on, got 1 \(p2\)"):
        plan_of(events, rule)


def test_a_class_without_events():
    with pytest.raises(CohortError, match=r"class 1 to train on, got 0:"):
        plan_of([event(f"e{n}", f"p{n}", 0) for n in range(6)])


@pytest.mark.parametrize("rule", ["seizure", "released"])
def test_a_class_with_one_event(rule):
    events = [event(f"e{n}", f"p{n}", int(n == 0)) for n in range(6)]
    with pytest.raises(
        CohortError, match=f"The {rule} rule needs at least two events of class 1 to train on, got 1"
    ):
        plan_of(events, rule)


def test_a_training_fold_that_must_lack_a_class():
    pairs = {"p0": (0, 1), "p1": (1, 2), "p2": (0, 2)}  # any two folds put two of the three patients together
    events = [event(f"{p}-{c}", p, c) for p, classes in pairs.items() for c in classes]
    with pytest.raises(
        ConfigError, match=r"all 3 classes, but fold \d of the patient rule has none to train on"
    ):
        plan_of(events, num_folds=2, num_classes=3)


def test_no_events_at_all():
    with pytest.raises(CohortError, match=r"got none \(of 1: 1 with use = no, 0 without a class\)"):
        plan_of([event("a", "p", 0, uses=("no",))])


def test_two_events_of_one_name():
    with pytest.raises(CohortError, match="its own id, got a twice"):
        plan_of([event("a", "p", 0), event("a", "q", 1)])


def test_a_class_that_the_task_does_not_have():
    with pytest.raises(CohortError, match="must lie in 0 to 1, got 2 for a"):
        plan_of([event("a", "p", 2)])


def test_an_unknown_rule_that_went_past_the_config():
    config = FoldConfig.model_construct(rule="patents", num_folds=3)
    with pytest.raises(ConfigError, match=r"Unknown fold rule 'patents'\. Did you mean patient"):
        make_folds([event("a", "p", 0)], config, SelectionConfig(), seed=0, num_classes=2)


@pytest.mark.parametrize("bad", [{"rule": "patents"}, {"num_folds": 1}, {"folds": 3}])
def test_fold_settings_are_checked(bad):
    with pytest.raises(ValidationError, match=next(iter(bad))):
        FoldConfig(**bad)


@pytest.mark.parametrize("bad", [{"on": "train"}, {"fraction": 0.0}, {"fraction": 1.0}])
def test_selection_settings_are_checked(bad):
    with pytest.raises(ValidationError, match=next(iter(bad))):
        SelectionConfig(**bad)


@pytest.mark.parametrize("rule", FOLD_RULES)
def test_a_cohort_of_the_published_size_is_quick(rule):
    events = random_cohort(8, num_patients=68, most_events=5)
    config = FoldConfig(rule=rule, num_folds=10, patients_per_class=4)
    began = time.process_time()
    make_folds(events, config, SelectionConfig(), seed=0, num_classes=2)
    assert time.process_time() - began < 5


def test_import_is_light():
    heavy = "{'torch', 'sklearn', 'scipy', 'matplotlib'}"
    code = f"import sys, semioscope.splits; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
