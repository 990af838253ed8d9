"""Settings that cannot work together are found before anything is opened."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from semioscope.cohort import TASKS, Cohort, EventSelection
from semioscope.core.errors import ConfigError
from semioscope.core.records import Event, EventView, Patient, Recording
from semioscope.models import AGGREGATORS, AggregatorConfig
from semioscope.models.steps import StepAggregator
from semioscope.networks.backbones import BACKBONES
from semioscope.recipes import RECIPES, SERIES, RunConfig, apply_overrides, make_config, series_config
from semioscope.runs import check_grid, plan_run
from semioscope.runs.plan_checks import check_names
from semioscope.runs.setting_checks import (
    SETTING_CHECKS,
    check_clip_labels,
    check_search,
    check_weights_file,
    empty_class_notes,
)
from semioscope.splits import FoldConfig, FoldPlan, SelectionConfig, make_folds
from semioscope.training import LOSSES

TWO, THREE = TASKS["fle-vs-tle"], TASKS["fle-vs-tle-vs-nonepileptic"]


def slices(*overrides: str, task: object = TWO) -> RunConfig:
    assert task in (TWO, THREE)
    made = make_config("karacsony-2022-b", task=TWO if task is TWO else THREE)
    return apply_overrides(made, overrides)


def event(name: str, patient: str, y_true: int, *, clonic: float | None = None) -> Event:
    view = EventView(
        recording_id=f"r-{name}", onset_seconds=1.0, offset_seconds=9.0, clonic_onset_seconds=clonic
    )
    return Event(event_id=name, patient_id=patient, y_true=y_true, views=(view,))


def selection_of(events: Sequence[Event], task: str = "fle-vs-tle") -> EventSelection:
    return EventSelection(
        task=TASKS[task], min_duration_seconds=0.0, events=tuple(events), left_out=(), problems=()
    )


def folds_of(events: Sequence[Event], num_folds: int, on: str = "none", rule: str = "patient") -> FoldPlan:
    return make_folds(
        events,
        FoldConfig.model_validate({"rule": rule, "num_folds": num_folds}),
        SelectionConfig.model_validate({"on": on}),
        seed=0,
        num_classes=2,
    )


@pytest.mark.parametrize("check", SETTING_CHECKS)
@pytest.mark.parametrize("task", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_pass_with_two_and_three_classes(recipe: str, task: object, check: str) -> None:
    assert task in (TWO, THREE)
    SETTING_CHECKS[check](make_config(recipe, task=TWO if task is TWO else THREE))


@pytest.mark.parametrize("series", SERIES)
def test_every_run_of_a_series_passes(series: str) -> None:
    for row in SERIES[series]():
        check_names(series_config(row))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_for_two_classes_is_refused_with_three(loss: str) -> None:
    check_names(slices(f"training.loss={loss}"))
    config = slices(f"training.loss={loss}", task=THREE)
    if loss == "weighted_nll":
        check_names(config)
        return
    with pytest.raises(
        ConfigError, match=f"The loss {loss} needs two classes, got 3. Use --set training.loss=weighted_nll"
    ):
        check_names(config)


def test_it_is_found_before_a_cohort_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs two classes, got 3"):
        plan_run(slices("training.loss=bce", task=THREE), tmp_path / "nowhere")
    study = apply_overrides(make_config("gestures-2021-figure2", task=THREE), ["training.loss=bce"])
    with pytest.raises(ConfigError, match="needs two classes, got 3"):
        check_grid(study)


def test_clips_as_examples_have_two_classes_whatever_the_task() -> None:
    config = make_config("gestures-2021-table1", task=THREE)
    check_names(apply_overrides(config, ["training.loss=bce"]))


def test_names_in_the_training_of_the_clip_baseline_are_checked_too() -> None:
    config = make_config("gestures-2021-figure2")
    with pytest.raises(ConfigError, match=r"Unknown value of grid\.clip_training\.loss 'mse'"):
        check_grid(apply_overrides(config, ["grid.clip_training.loss=mse"]))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_slices_are_as_long_as_the_backbone_needs(backbone: str) -> None:
    least = BACKBONES[backbone].spec.min_frames
    chosen = (f"backbone.name={backbone}", "aggregator.name=lstm_fc")
    check_names(slices(*chosen, f"slices.slice_frames={max(2, least)}", f"slices.min_frames={max(2, least)}"))
    if least <= 2:
        return
    short = (*chosen, f"slices.min_frames={least - 1}")
    with pytest.raises(
        ConfigError,
        match=f"slices.min_frames must be at least {least} for {backbone}, got {least - 1}. Use --set slices.min_fr",
    ):
        check_names(slices(*short))
    check_names(slices(*short, "slices.leftovers=false"))
    with pytest.raises(
        ConfigError,
        match=f"slices.slice_frames must be at least {least} for {backbone}, got {least - 1}. Use --set "
        rf"slices.slice_frames={least} or more, and --set slices.min_frames={least}\.",
    ):
        check_names(slices(*short, f"slices.slice_frames={least - 1}"))
    with pytest.raises(ConfigError, match=rf"slices.slice_frames={least} or more\.$"):
        check_names(slices(*short, f"slices.slice_frames={least - 1}", "slices.leftovers=false"))


def test_masked_steps_need_an_aggregator_that_leaves_them_out() -> None:
    able = {
        name
        for name, build in AGGREGATORS.items()
        if isinstance(build(AggregatorConfig(), 4, 2), StepAggregator)
    }
    assert able >= {"lstm_fc", "i3d_head"}
    assert not able & {"fc", "mean", "lstm", "blstm"}
    for name in AGGREGATORS:
        config = slices(f"aggregator.name={name}")
        check_names(apply_overrides(config, ["slices.leftovers=false"]))  # whole slices only
        check_names(apply_overrides(config, ["backbone.name=motion"]))  # one step, however long the slice
        if name in able:
            check_names(config)
            continue
        with pytest.raises(
            ConfigError,
            match=rf"\(lstm_fc, .* or .*\), got aggregator.name {name}\. Use one of them, or --set slices\.left",
        ):
            check_names(config)


@pytest.mark.parametrize("method", ["none", "box", "montage", "identity"])
def test_clearing_by_depth_needs_planes(method: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"finds planes \(depth_box or depth\), got {method}\. .* gray.depth_crop=false"
    ):
        check_names(slices(f"crops.method={method}"))
    check_names(slices(f"crops.method={method}", "gray.depth_crop=false"))
    check_names(slices(f"crops.method={method}", "pictures=colour"))


def test_a_file_of_weights_must_be_there_if_a_video_is_seen(tmp_path: Path) -> None:
    config = slices(f"backbone.weights={tmp_path / 'i3d.pth'}")

    def cohort(path: str | None) -> Cohort:
        recording = Recording(recording_id="r", patient_id="p", view="v", path=path)
        return Cohort(
            folder=tmp_path, patients=(Patient(patient_id="p"),), recordings={"r": recording}, seizures=()
        )

    with pytest.raises(ConfigError, match=r"'random' or a file that exists, got '.*i3d\.pth'\. Check the"):
        check_weights_file(config, cohort("a.mkv"))
    check_weights_file(config, cohort(None))
    check_weights_file(apply_overrides(config, ["backbone.name=motion"]), cohort("a.mkv"))
    (tmp_path / "i3d.pth").touch()
    check_weights_file(config, cohort("a.mkv"))

    followed = make_config("hou-2022", task=TASKS["es-vs-pnes"])
    followed = apply_overrides(followed, ["crops.method=track", "crops.detector=own"])
    with pytest.raises(ConfigError, match=r"detector own needs a file .*, but has the weights 'pretrained'"):
        check_weights_file(followed, cohort("a.mkv"))
    named = apply_overrides(followed, [f"crops.weights={tmp_path / 'detectors'}"])
    with pytest.raises(
        ConfigError, match=r"weights of the detector own must exist, but .*detectors does not"
    ):
        check_weights_file(named, cohort("a.mkv"))
    (tmp_path / "detectors").mkdir()
    check_weights_file(named, cohort("a.mkv"))


def test_clips_need_a_task_with_a_clonic_phase() -> None:
    config = make_config("gestures-2021-table1")
    with_onset = [event("a", "p", 0), event("b", "q", 1, clonic=4.0), event("c", "q", 1)]
    check_clip_labels(config, selection_of(with_onset))
    with pytest.raises(ConfigError, match=r"clonic onset of events of class TLE, but none of them has one\."):
        check_clip_labels(config, selection_of([event("a", "p", 0, clonic=2.0), event("b", "q", 1)]))
    with pytest.raises(ConfigError, match=r"got a task of 3 \(fle-vs-tle-vs-nonepileptic\)"):
        check_clip_labels(config, selection_of(with_onset, "fle-vs-tle-vs-nonepileptic"))
    check_clip_labels(make_config("gestures-2021"), selection_of([event("a", "p", 0), event("b", "q", 1)]))


@pytest.mark.parametrize("on", ["inner", "test", "none"])
def test_a_search_must_be_able_to_divide_the_training_patients(on: str) -> None:
    config = slices("search.num_trials=3", f"selection.on={on}")
    many = [event(f"e{n}", f"p{n}", n % 2) for n in range(12)]
    check_search(folds_of(many, 3, on), config, selection_of(many))
    few = [event(f"e{n}", f"p{n}", n % 2) for n in range(5)]  # 3 and 2 patients
    folds = folds_of(few, 2, on)
    with pytest.raises(ConfigError, match=r"those of folds 0 and 1 cannot be divided .* search.num_trials=0"):
        check_search(folds, config, selection_of(few))
    check_search(folds, slices(f"selection.on={on}"), selection_of(few))


def test_folds_that_test_nobody_of_a_class_are_told() -> None:
    events = [event(f"e{n}", f"p{n}", int(n >= 6)) for n in range(8)]  # 6 and 2 patients
    assert empty_class_notes(folds_of(events, 2), selection_of(events)) == []
    [note] = empty_class_notes(folds_of(events, 4), selection_of(events))
    assert note.startswith("Folds ")
    assert " test no patient of TLE, so scores that need the class will be undefined there." in note
    assert empty_class_notes(folds_of(events, 2, rule="leave-one-patient-out"), selection_of(events)) == []
