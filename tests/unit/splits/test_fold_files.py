import dataclasses
import json

import pytest
from made_up_events import event, random_cohort

from semioscope.core.errors import ConfigError, LeakageError, StoreError
from semioscope.splits import (
    FOLD_RULES,
    FoldConfig,
    SelectionConfig,
    check_leakage,
    make_folds,
    read_folds,
    write_folds,
)
from semioscope.splits.records import UNSPLIT, unsplit_note

EVENTS = random_cohort(0, num_patients=8, evaluate=0.2)


def made(rule="patient", on="inner"):
    return make_folds(
        EVENTS,
        FoldConfig(rule=rule, num_folds=3, patients_per_class=2),
        SelectionConfig(on=on),
        seed=1,
        num_classes=2,
        cohort_hash="abc",
    )


def edited(path, change, plan=None):
    write_folds(plan or made(), path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("rule", FOLD_RULES)
@pytest.mark.parametrize("on", ["inner", "test", "none"])
def test_what_is_written_is_read(tmp_path, rule, on):
    plan = made(rule, on)
    write_folds(plan, tmp_path / "folds.json")
    assert read_folds(tmp_path / "folds.json", events=EVENTS[::-1]) == plan


def test_equal_plans_are_equal_bytes(tmp_path):
    for name in "ab":
        write_folds(made(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_edited_file_in_another_order_is_fine(tmp_path):
    path = edited(tmp_path / "f.json", lambda c: c["folds"][1]["train"].reverse())
    assert read_folds(path, events=EVENTS) == made()


def test_an_edited_patient_on_both_sides_is_refused_by_name(tmp_path):
    plan = made()
    owner = next(
        p for p in sorted({plan.patient_of[n] for n in plan.folds[0].test})
        if sum(plan.patient_of[n] == p for n in plan.folds[0].test) > 1
    )  # fmt: skip

    def leak(content):
        name = next(n for n in content["folds"][0]["test"] if content["patient_of"][n] == owner)
        content["folds"][0]["test"].remove(name)
        content["folds"][0]["train"].append(name)
        content["folds"][1]["train"] = [
            n for n in content["folds"][1]["train"] if content["patient_of"][n] != owner
        ]
        content["folds"][1]["validation"] = []
        content["folds"][1]["test"].append(name)

    path = edited(tmp_path / "f.json", leak)
    with pytest.raises(
        LeakageError, match=rf"rule patient\), but fold 0 has patient {owner} in train and in test"
    ):
        read_folds(path, events=EVENTS)


def test_a_file_that_lies_about_the_patient_is_refused(tmp_path):
    name = EVENTS[0].event_id
    path = edited(tmp_path / "f.json", lambda c: c["patient_of"].update({name: "p007"}))
    with pytest.raises(
        ConfigError, match=rf"{name} is of patient p007 in the file and of p000 in the cohort"
    ):
        read_folds(path, events=EVENTS)


@pytest.mark.parametrize("rule", FOLD_RULES)
def test_an_event_on_both_sides_is_refused_under_every_rule(tmp_path, rule):
    trainable = {one.event_id for one in EVENTS if one.views[0].use == "train"}
    plan = made(rule)
    name = next(n for n in plan.folds[0].test if n in trainable)
    path = edited(tmp_path / "f.json", lambda c: c["folds"][0]["train"].append(name), plan)
    with pytest.raises(
        LeakageError, match=rf"one set of a fold only, but fold 0 has {name} in train and in test"
    ):
        read_folds(path, events=EVENTS)


def _plan(rule, selection, *, train=(), validation=(), test=()):
    plan = made(rule)
    fold = dataclasses.replace(plan.folds[0], train=train, validation=validation, test=test)
    owners = {"a1": "a", "a2": "a", "b1": "b", "b2": "b"}
    return dataclasses.replace(plan, folds=(fold,), selection=selection, patient_of=owners)


@pytest.mark.parametrize(
    ("first", "second"), [("train", "test"), ("train", "validation"), ("validation", "test")]
)
def test_check_names_patients_of_any_pair_of_sets(first, second):
    sets = {first: ("a1", "b1"), second: ("a2", "b2")}
    with pytest.raises(LeakageError, match=f"patients a, b in {first} and in {second}"):
        check_leakage(_plan("patient", "inner", **sets), allow_shared_patients=False)


def test_sharing_patients_needs_both_the_plan_and_the_settings():
    shared = _plan("seizure", "inner", train=("a1",), test=("a2",))
    check_leakage(shared, allow_shared_patients=True)
    with pytest.raises(LeakageError, match="patient a in train and in test"):
        check_leakage(shared, allow_shared_patients=False)
    with pytest.raises(LeakageError, match="patient a in train and in test"):
        check_leakage(dataclasses.replace(shared, rule="patient"), allow_shared_patients=True)


def test_selection_on_the_test_fold_is_declared():
    plan = _plan("patient", "test", train=("b1",), validation=("a1",), test=("a1", "a2"))
    check_leakage(plan, allow_shared_patients=False)
    with pytest.raises(LeakageError, match="a1 in validation and in test"):
        check_leakage(dataclasses.replace(plan, selection="inner"), allow_shared_patients=False)


def test_an_event_without_a_patient():
    with pytest.raises(LeakageError, match="fold 0 names c1, which patient_of does not"):
        check_leakage(_plan("patient", "inner", train=("a1",), test=("c1",)), allow_shared_patients=False)


def test_long_lists_are_cut():
    plan = _plan("patient", "inner", train=tuple(f"c{n:02d}" for n in range(14)))
    with pytest.raises(LeakageError, match="c09 and 4 more"):
        check_leakage(plan, allow_shared_patients=False)


def test_other_events(tmp_path):
    write_folds(made(), tmp_path / "folds.json")
    fewer = [one for one in EVENTS if one.event_id != "sz-000-00"]
    with pytest.raises(
        ConfigError, match=r"folds.json must name only events of this run, but sz-000-00 are none"
    ):
        read_folds(tmp_path / "folds.json", events=fewer)
    more = [*EVENTS, event("new", "p000", 1)]
    with pytest.raises(
        ConfigError, match=r"must test every event of this run, but leaves out new\. Use the folds"
    ):
        read_folds(tmp_path / "folds.json", events=more)


def test_an_event_tested_twice(tmp_path):
    name = made().folds[0].test[0]
    path = edited(tmp_path / "f.json", lambda c: c["folds"][1]["test"].append(name))
    with pytest.raises(ConfigError, match=f"test every event once, but {name} are tested more than once"):
        read_folds(path, events=EVENTS)


def test_an_event_may_be_tested_twice_under_a_rule_that_repeats(tmp_path):
    """The note about it is told by the folds, not by what the file says."""
    repeated = (
        "4 patients are tested in more than one fold (fold-wise scores and those of slices count each time; "
    )
    plan = made("patients-per-class")
    assert [note.startswith(repeated) for note in plan.notes] == [True]

    def forget(content):
        content["notes"] = ["kept", plan.notes[0].replace("4 patients are", "1 patient is")]

    path = edited(tmp_path / "f.json", forget, plan)
    assert read_folds(path, events=EVENTS).notes == ("kept", *plan.notes)

    def once(content):
        seen = set()
        for fold in content["folds"]:
            fold["test"] = [name for name in fold["test"] if not (name in seen or seen.add(name))]

    path = edited(tmp_path / "f.json", once, plan)
    assert read_folds(path, events=EVENTS).notes == ()


def test_a_patient_may_not_cross_under_a_rule_that_repeats(tmp_path):
    plan = made("patients-per-class")
    trainable = {one.event_id for one in EVENTS if one.views[0].use == "train"}
    fold = plan.folds[0]
    owner = next(
        p
        for p in sorted({plan.patient_of[n] for n in fold.test})
        if sum(plan.patient_of[n] == p and n in trainable for n in fold.test) > 1
    )
    name = next(n for n in fold.test if plan.patient_of[n] == owner and n in trainable)

    def leak(content):
        content["folds"][0]["test"].remove(name)
        content["folds"][0]["train"].append(name)
        content["folds"][1]["train"] = [
            n for n in content["folds"][1]["train"] if content["patient_of"][n] != owner
        ]
        content["folds"][1]["validation"] = []
        content["folds"][1]["test"] = sorted({*content["folds"][1]["test"], name})

    with pytest.raises(LeakageError, match=rf"rule patients-per-class\), but fold 0 has patient {owner} in"):
        read_folds(edited(tmp_path / "f.json", leak, plan), events=EVENTS)


def test_an_event_to_train_on_that_cannot_be(tmp_path):
    write_folds(made(), tmp_path / "folds.json")
    name = made().folds[0].train[0]
    events = [
        event(e.event_id, e.patient_id, e.y_true, uses=("evaluate",)) if e.event_id == name else e
        for e in EVENTS
    ]
    with pytest.raises(
        ConfigError, match=f"fold 0: events to train on need a view with use = train, but {name}"
    ):
        read_folds(tmp_path / "folds.json", events=events)


def test_a_training_fold_of_one_class(tmp_path):
    class_of = {one.event_id: one.y_true for one in EVENTS}

    def strip(content):
        content["folds"][2]["train"] = [name for name in content["folds"][2]["train"] if class_of[name] == 0]

    with pytest.raises(
        ConfigError, match=r"fold 2: every training fold must have .* but it has none of class 1"
    ):
        read_folds(edited(tmp_path / "f.json", strip), events=EVENTS)


def test_nothing_is_validated_where_nothing_is_chosen(tmp_path):
    name = made("seizure", "none").folds[1].train[0]

    def move(content):
        content["folds"][1]["train"].remove(name)
        content["folds"][1]["validation"].append(name)

    path = edited(tmp_path / "f.json", move, made("seizure", "none"))
    with pytest.raises(
        ConfigError,
        match=rf"f.json, fold 1: under selection none .* validation must be empty, but it has {name}\. Move",
    ):
        read_folds(path, events=EVENTS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda fold: fold["validation"].pop(0), "but it lacks sz-"),
        (lambda fold: fold["validation"].append(fold["train"].pop(0)), "but it also has sz-"),
        (
            lambda fold: fold["validation"].__setitem__(0, fold["train"].pop(0)),
            "but it lacks sz-.* and also has sz-",
        ),
    ],
)
def test_selection_on_the_test_fold_is_on_the_test_fold(tmp_path, change, message):
    path = edited(tmp_path / "f.json", lambda c: change(c["folds"][2]), made("seizure", "test"))
    with pytest.raises(ConfigError, match=rf"fold 2: under selection test validation must be .*{message}"):
        read_folds(path, events=EVENTS)


def test_an_event_to_choose_on_that_cannot_be(tmp_path):
    plan = made()
    name = plan.folds[0].validation[0]
    write_folds(plan, tmp_path / "folds.json")
    events = [
        dataclasses.replace(e, views=tuple(dataclasses.replace(view, use="evaluate") for view in e.views))
        if e.event_id == name
        else e
        for e in EVENTS
    ]
    with pytest.raises(ConfigError, match="view with use = train"):
        read_folds(tmp_path / "folds.json", events=events)


def test_an_empty_inner_split_is_told(tmp_path):
    def empty(content):
        for index in (0, 2):
            content["folds"][index]["train"] += content["folds"][index]["validation"]
            content["folds"][index]["validation"] = []

    path = edited(tmp_path / "f.json", empty)
    plan = read_folds(path, events=EVENTS)
    reason = "the folds file lists no validation events, so nothing is chosen there and the epochs are fixed."
    assert plan.notes == (*made().notes, f"Folds 0 and 2: {reason}")
    write_folds(plan, path)
    assert read_folds(path, events=EVENTS) == plan


def test_a_note_about_folds_that_choose_again_goes(tmp_path):
    stale = f"Fold 1: {UNSPLIT}"
    assert stale == unsplit_note([1])
    path = edited(tmp_path / "f.json", lambda c: c.update(notes=["kept", stale]))
    assert read_folds(path, events=EVENTS).notes == ("kept",)


def test_not_a_fold_file(tmp_path):
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(StoreError, match="must be a fold file with a schema_version"):
        read_folds(tmp_path / "a.json", events=EVENTS)
    with pytest.raises(StoreError, match="does not exist"):
        read_folds(tmp_path / "b.json", events=EVENTS)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda c: c.update(schema_version=99),
            StoreError,
            "schema_version 99, this semioscope reads up to 1",
        ),
        (lambda c: c.pop("seed"), StoreError, "not a valid fold file: seed: Field required"),
        (lambda c: c["folds"][0].update(test="x"), StoreError, r"folds.0.test: .* valid list"),
        (lambda c: c.update(colour=1), StoreError, "colour: Extra inputs"),
        (lambda c: c.update(selection="tset"), StoreError, "selection: "),
        (
            lambda c: c.update(rule="patiant"),
            ConfigError,
            r"f.json: Unknown fold rule 'patiant'\. Did you mean patient",
        ),
        (lambda c: c["folds"].pop(0), StoreError, r"in order of index, from 0 without a gap, got \[1, 2\]"),
        (lambda c: c.update(folds=[]), StoreError, r"from 0 without a gap, got \[\]"),
    ],
)
def test_malformed_files(tmp_path, change, error, message):
    with pytest.raises(error, match=message):
        read_folds(edited(tmp_path / "f.json", change), events=EVENTS)
