"""What a study will do: its cells, its protocols, and what is refused."""

import math
import re
from pathlib import Path

import pytest
from tiny_study import TinyStudy

from semioscope.core.errors import ConfigError
from semioscope.recipes import PROTOCOLS, RunConfig, apply_overrides, given_settings, make_config
from semioscope.runs import check_given, check_protocol, plan_study
from semioscope.runs.study_plan import check_grid, training_name, under_protocol

FIGURE = "gestures-2021-figure2"


def config_of(*settings: str, recipe: str = FIGURE) -> RunConfig:
    return apply_overrides(make_config(recipe), ["clips.stride=1", "folds.num_folds=2", *settings])


def test_the_grid_of_the_paper_is_sixty_settings_and_six_hundred_trainings(study: TinyStudy) -> None:
    plan = plan_study(apply_overrides(config_of(), ["grid.protocols=[paper]"]), study.cohort)
    assert len(plan.cells) == 60
    assert plan.num_trainings == 60 * 2
    names = [cell.name for cell in plan.cells]
    assert len(set(names)) == 60
    assert names[0] == "mean-n2-gamma1"
    assert names[-1] == "blstm-n16-gammainf"
    ten = make_config(FIGURE)
    assert ten.folds.num_folds * 60 == 600
    assert ten.training.epochs == 400
    for cell in plan.cells:
        parts = cell.name.split("-")
        assert cell.config.aggregator.name == parts[0]
        assert f"n{cell.config.segments.num_segments}" == parts[1]
        assert math.isclose(cell.config.segments.gamma, float(parts[2].removeprefix("gamma")))


def test_every_protocol_gives_folds_of_its_own_over_the_same_events_and_clips(study: TinyStudy) -> None:
    every = ", ".join(PROTOCOLS)
    plan = plan_study(config_of(f"grid.protocols=[{every}]", "grid.num_segments=[2]"), study.cohort)
    assert plan.protocols == tuple(PROTOCOLS)
    for protocol in plan.protocols:
        one = plan.folds_of(protocol)
        assert one.folds.rule == PROTOCOLS[protocol]["folds"]["rule"]
        assert one.folds.selection == PROTOCOLS[protocol]["selection"]["on"]
        assert {event.event_id for event in one.events} == {event.event_id for event in plan.any_plan.events}
        assert one.clips == plan.any_plan.clips
    assert len(plan.folds_of("patient").folds.folds) == 2


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
def test_a_protocol_inside_a_study_leaves_the_clips_alone(protocol: str) -> None:
    config = config_of("clips.stride=7")
    assert under_protocol(config, protocol).clips == config.clips
    assert under_protocol(config, protocol).folds.num_folds == config.folds.num_folds


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("grid.protocols=[papr]", r"grid\.protocols.*papr.*paper"),
        ("grid.aggregators=[lstn]", r"aggregator\.name.*lstn.*lstm"),
        ("grid.backbones=[resnet43]", "resnet43.*resnet34"),
        ("grid.gammas=[2, 2.0]", r"grid\.gammas must differ"),
        ("grid.gammas=[0.5]", r"grid\.gammas.*at least 1"),
        ("grid.num_segments=[0]", r"grid\.num_segments.*at least 1"),
        ("grid.num_segment=[2]", r"grid\.num_segments"),
    ],
)
def test_what_a_grid_may_not_hold_is_told(study: TinyStudy, setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_study(config_of(setting), study.cohort)


def test_a_folds_file_fits_one_protocol(study: TinyStudy) -> None:
    folds = study.event / "patient" / "folds.json"
    with pytest.raises(ConfigError, match=r"A folds file fits one protocol.*grid\.protocols=\[NAME\]"):
        plan_study(config_of(), study.cohort, folds_file=folds)
    plan = plan_study(config_of("grid.protocols=[patient]"), study.cohort, folds_file=folds)
    assert [fold.test for fold in plan.folds_of("patient").folds.folds]


def test_what_a_plan_says(study: TinyStudy, tmp_path: Path) -> None:
    plan = plan_study(config_of("grid.gammas=[4]", "grid.num_segments=[2]"), study.cohort)
    told = plan.describe()
    assert "3 configurations, each under paper, patient: 12 trainings of 400 epochs." in told
    assert "paper: 2 folds by rule seizure, selection on test." in told
    assert "so there are no yardsticks of movement" in told
    names = {
        training_name(protocol, cell, fold.index)
        for protocol in plan.protocols
        for cell in plan.cells
        for fold in plan.folds_of(protocol).folds.folds
    }
    assert len(names) == plan.num_trainings


TABLE = "gestures-2021-table1"


@pytest.mark.parametrize(
    ("recipe", "settings", "message"),
    [
        (TABLE, ["backbone.name=motion"], r"backbone\.name is set by grid\.backbones = \[wide_resnet50_2, .*"
         r"got motion\. Set grid\.backbones=\[motion\] instead"),
        (FIGURE, ["segments.num_segments=8"], r"set by grid\.num_segments = \[2, 4, 8, 16\].*got 8\. "
         r"Set grid\.num_segments=\[8\] instead"),
        (FIGURE, ["segments={num_segments: 8}"], r"Set grid\.num_segments=\[8\] instead"),
        (FIGURE, ["aggregator.name=fc"], r"Set grid\.aggregators=\[fc\] instead"),
        (FIGURE, ["segments.gamma=.inf"], r"= \[1, 1\.25, 2, 4, \.inf\].*Set grid\.gammas=\[\.inf\] instead"),
        (FIGURE, ["folds.rule=seizure"], r"\(seizure by paper and patient by patient\).*"
         r"Set grid\.protocols=\[paper\] instead, or grid\.protocols=\[\]"),
        (FIGURE, ["folds.rule=leave-one-patient-out"], r"No protocol has that: set grid\.protocols=\[\]"),
        (FIGURE, ["selection.on=none"], r"No protocol has that"),
        (FIGURE, ["grid.protocols=[released]", "segments.short=centre"],
         r"segments\.short .*\(error by released\).*grid\.protocols=\[patient\] or grid\.protocols=\[paper\]"),
        (TABLE, ["segments.short=error"], r"nothing is cut into segments, so segments\.short has no effect"),
    ],
)  # fmt: skip
def test_settings_that_the_grid_sets_cannot_be_given_by_themselves(
    recipe: str, settings: list[str], message: str
) -> None:
    config = config_of(*settings, recipe=recipe)
    with pytest.raises(ConfigError, match=message):
        check_given(config, given_settings(settings))
    check_given(config, {})


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        (FIGURE, ["backbone.name=motion", "segments.short=error", "folds.num_folds=3"]),
        (FIGURE, ["grid.num_segments=[8]", "segments.num_segments=8"]),
        (FIGURE, ["grid.gammas=[]", "segments.gamma=2"]),
        (FIGURE, ["grid.protocols=[paper]", "folds.rule=seizure"]),
        (FIGURE, ["grid.protocols=[]", "folds.rule=leave-one-patient-out"]),
        (TABLE, ["aggregator.name=mean"]),
    ],
)
def test_settings_that_have_an_effect_or_say_the_same_can_be_given(recipe: str, settings: list[str]) -> None:
    check_given(config_of(*settings, recipe=recipe), given_settings(settings))


def test_the_protocols_are_given_once() -> None:
    check_protocol("paper", given_settings(["grid.protocols=[paper]"]))
    check_protocol(None, given_settings(["grid.protocols=[patient]"]))
    with pytest.raises(ConfigError, match=r"got --protocol paper and grid\.protocols=\[patient\]"):
        check_protocol("paper", given_settings(["grid.protocols=[patient]"]))


@pytest.mark.parametrize("key", ["aggregators=[fc, mean]", "num_segments=[2]", "gammas=[1]"])
def test_a_study_of_clips_compares_backbones_only(key: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"compares backbones, so grid\.{key.partition('=')[0]} must be empty"
    ):
        check_grid(config_of(f"grid.{key}", recipe=TABLE))


def test_what_is_advised_for_few_patients_can_be_given_to_a_study(study: TinyStudy) -> None:
    many = ["folds.num_folds=9", "grid.num_segments=[2]"]
    with pytest.raises(
        ConfigError, match=r"leave-one-patient-out \(in a study with --set grid\.protocols=\[\]\)"
    ):
        plan_study(config_of(*many, "grid.protocols=[patient]"), study.cohort)
    advised = [*many, "folds.rule=leave-one-patient-out", "grid.protocols=[]"]
    check_given(config_of(*advised), given_settings(advised))
    plan_study(config_of(*advised), study.cohort)


def test_without_protocols_in_the_grid_folds_and_selection_are_the_own(study: TinyStudy) -> None:
    config = config_of("grid.protocols=[]", "folds.rule=leave-one-patient-out", "grid.num_segments=[2]")
    plan = plan_study(config, study.cohort)
    assert plan.protocols == ("patient",)
    assert plan.folds_of("patient").folds.rule == "leave-one-patient-out"
    assert plan.config_of("patient", plan.cells[0]).folds.rule == "leave-one-patient-out"


def test_short_views_are_told_before_any_training_with_the_key_of_the_grid(study: TinyStudy) -> None:
    config = config_of("grid.protocols=[released]", "grid.num_segments=[2, 200]")
    with pytest.raises(
        ConfigError,
        match=r"each of 200 segments .* but seizure \S+, view (large|small), has \d+ clips in \d+ frames "
        r"\(1\d\.\d s\)\."
        r" \d+ more views are too short for it\. Use (\d+) segments \(--set grid\.num_segments=\[\2\]\), "
        r"or mark such views with use no in \S+/cohort/seizures\.tsv \(or whole seizures with Discard Yes",
    ) as told:
        plan_study(config, study.cohort)
    [fitting] = re.findall(r"Use (\d+)", str(told.value))
    plan_study(apply_overrides(config, [f"grid.num_segments=[2, {fitting}]"]), study.cohort)


def test_folds_of_another_rule_name_the_key_of_the_grid(study: TinyStudy) -> None:
    folds = study.event / "paper" / "folds.json"
    with pytest.raises(
        ConfigError, match=r"folds\.rule seizure, not patient.*Add --set grid\.protocols=\[NAME\]"
    ):
        plan_study(config_of("grid.protocols=[patient]"), study.cohort, folds_file=folds)
