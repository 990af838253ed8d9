"""What a study will do: its cells, its protocols, and what is refused."""

import math
from pathlib import Path

import pytest
from tiny_study import TinyStudy

from semioscope.core.errors import ConfigError
from semioscope.recipes import PROTOCOLS, RunConfig, apply_overrides, make_config
from semioscope.runs import plan_study
from semioscope.runs.study_plan import training_name, under_protocol

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
    assert "Without videos there are no yardsticks of movement" in told
    names = {
        training_name(protocol, cell, fold.index)
        for protocol in plan.protocols
        for cell in plan.cells
        for fold in plan.folds_of(protocol).folds.folds
    }
    assert len(names) == plan.num_trainings
