"""The table of feature extractors: what two protocols differ by is told over the seizures that both have."""

import json
import math
import statistics
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_study import TinyStudy

from semioscope.runs.study_table import METRICS_OF_CLIPS, effect_of_split
from semioscope.scoring import UndefinedScoreWarning

VALUES = st.one_of(st.just(math.nan), st.floats(0, 1))
SIDES = st.dictionaries(
    st.sampled_from("abcdefgh"), st.fixed_dictionaries(dict.fromkeys(METRICS_OF_CLIPS, VALUES))
)


def row(scores: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    return [{"backbone": "resnet34", "title": "R2D-34 (1)", "per_seizure": scores}]


def effect(first: dict[str, dict[str, float]], second: dict[str, dict[str, float]]) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedScoreWarning)
        [found] = effect_of_split(row(first), row(second))
    return found


@given(SIDES, SIDES)
def test_the_difference_is_that_of_the_medians_of_the_common_seizures(first: Any, second: Any) -> None:
    found = effect(first, second)
    assert set(found["only_from"]) == first.keys() - second.keys()
    assert set(found["only_to"]) == second.keys() - first.keys()
    for metric in METRICS_OF_CLIPS:
        have = [{name for name in side if not math.isnan(side[name][metric])} for side in (first, second)]
        common, cells = have[0] & have[1], found["metrics"][metric]
        assert cells["from"]["num"] == cells["to"]["num"] == len(common)
        assert cells["num_left_out"] == len(have[0] | have[1]) - len(common)
        if common:
            medians = [statistics.median(side[name][metric] for name in common) for side in (first, second)]
            assert cells["difference"] == pytest.approx(medians[0] - medians[1])
        else:
            assert math.isnan(cells["difference"])


@given(SIDES, SIDES, SIDES)
def test_seizures_that_one_protocol_lacks_change_nothing(first: Any, second: Any, more: Any) -> None:
    alone = {f"{name}2": scores for name, scores in more.items()}
    before, after = (effect(first | own, second)["metrics"] for own in ({}, alone))
    for metric in METRICS_OF_CLIPS:
        for side in ("from", "to"):
            assert str(before[metric][side]) == str(after[metric][side])


@given(SIDES, SIDES)
def test_the_sign_says_who_looks_better(first: Any, second: Any) -> None:
    one, other = effect(first, second)["metrics"], effect(second, first)["metrics"]
    for metric in METRICS_OF_CLIPS:
        gaps = one[metric]["difference"], other[metric]["difference"]
        assert gaps[0] == -gaps[1] or all(math.isnan(gap) for gap in gaps)


def test_a_finished_study_tells_shared_patients_against_none(study: TinyStudy) -> None:
    table = json.loads((study.clip / "scores.json").read_text())["table1"]
    split = table["split"]
    assert (split["from"], split["to"]) == ("paper", "patient")
    missing, there = split["rows"]
    assert missing["metrics"]["accuracy"]["difference"] is None
    medians = [table["protocols"][name]["rows"][1]["accuracy"]["median"] for name in ("paper", "patient")]
    assert there["metrics"]["accuracy"]["difference"] == pytest.approx(medians[0] - medians[1])
    assert (there["only_from"], there["only_to"], there["metrics"]["accuracy"]["num_left_out"]) == ([], [], 0)
