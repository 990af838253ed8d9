"""What a study says: numbers never lie about their sign or vanish, settings come in order."""

import importlib.util
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semioscope.core.files import write_json
from semioscope.report.study_figures import shades
from semioscope.report.study_inputs import Cell, ProtocolScores, matrix, rank, read_study
from semioscope.report.study_words import (
    aggregator_title,
    gamma_text,
    gap_text,
    p_sentence,
    p_text,
    rule_text,
    segments_text,
    spread_text,
)
from semioscope.splits import FOLD_RULES, PATIENT_RULES

SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


@given(st.floats(1e-15, 1.0))
def test_a_p_value_can_be_read_back(p_value: float) -> None:
    text = p_text(p_value)
    if "×" in text:
        digits, power = text.split("\xa0×\xa0")
        read = float(f"{digits}e{power.translate(SUPERSCRIPTS)[2:]}")
    else:
        read = float(text)
    assert math.isclose(read, p_value, rel_tol=0.06, abs_tol=0.00051 if p_value >= 0.001 else 0)


def test_a_p_value_is_never_zero() -> None:
    assert p_text(0.0) == "below\xa010⁻¹⁶"
    assert p_sentence(0.0) == "p below\xa010⁻¹⁶"
    assert p_sentence(None) == "p undefined"
    assert p_sentence(0.5) == "p\xa0=\xa00.500"


@given(st.floats(-1, 1), st.sampled_from(["accuracy", "f1"]))
def test_a_gap_keeps_its_sign_and_zero_has_none(gap: float, metric: str) -> None:
    text = gap_text(metric, gap).replace("\N{MINUS SIGN}", "-")
    assert math.isclose(float(text), 100 * gap if metric == "accuracy" else gap, abs_tol=0.0501)
    assert text[0] in "+-" or float(text) == 0
    assert not (text[0] in "+-" and float(text) == 0)


def test_words_for_what_is_missing() -> None:
    assert spread_text({"median": None}) == "undefined"
    assert spread_text({"median": 0.9389, "iqr": 0.183}) == "93.9 (18.3)"
    assert spread_text({"median": 0.5}) == "50.0 (undefined)"
    assert (gamma_text(math.nan), segments_text(math.nan)) == ("undefined", "undefined")
    assert (aggregator_title("blstm"), aggregator_title("my_own")) == ("BLSTM", "my_own")


@given(st.lists(st.floats(1, 100), min_size=1, max_size=5, unique=True), st.booleans())
def test_the_wider_the_drawing_the_brighter_the_mark(gammas: list[float], centred: bool) -> None:
    every = [*gammas, *([math.inf] if centred else [])]
    colours = shades(every)

    def lightness(gamma: float) -> float:
        red, green, blue = (int(colours[gamma][at : at + 2], 16) for at in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    found = [lightness(gamma) for gamma in sorted(every)]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == len(found)


def cell(**scores: Any) -> Cell:
    content = {metric: {"value": value} for metric, value in scores.items() if metric != "n"}
    return Cell(
        cell_id="", aggregator="", backbone="", num_segments=scores.get("n", 1), gamma=1.0, scores=content
    )


def test_the_order_of_settings() -> None:
    """Highest accuracy, then F1, then area under ROC, then the fewest segments; undefined is last."""
    ordered = [
        cell(accuracy=None, f1=1.0),
        cell(accuracy=0.5, f1=None),
        cell(accuracy=0.5, f1=0.4, auroc=0.9),
        cell(accuracy=0.5, f1=0.5, auroc=0.6, n=16),
        cell(accuracy=0.5, f1=0.5, auroc=0.6, n=2),
        cell(accuracy=0.9),
    ]
    ranks = [rank(one) for one in ordered]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)


@pytest.mark.parametrize("content", [None, "x", [[1, 2]], [[1], [2, 3]], {}])
def test_what_is_no_square_table_is_empty(content: object) -> None:
    assert matrix(content) == []


def test_the_study_keeps_the_order_of_its_grid(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location(
        "made_up_study", Path(__file__).with_name("made_up_study.py")
    )
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    scores = maker.event_scores(aggregators=("lstm", "blstm", "mean"), protocols=("patient", "paper"))
    scores["protocols"]["paper"]["cells"].append(
        {"cell": "own", "aggregator": "own", "num_segments": 3, "gamma": "inf"}
    )
    write_json(tmp_path / "scores.json", scores)
    study = read_study(tmp_path)
    assert study.aggregators == ("lstm", "blstm", "mean", "own")
    assert study.num_segments == (2, 3, 4, 8, 16)
    assert study.gammas == (1, 1.25, 2, 4, math.inf)
    assert [protocol.name for protocol in study.protocols] == ["patient", "paper"]
    assert study.main is not None
    assert study.main.name == "patient"


@pytest.mark.parametrize("rule", FOLD_RULES)
def test_every_rule_of_folds_has_words(rule: str) -> None:
    protocol = ProtocolScores(
        name="own", rule=rule, selection="inner", shared_patients=math.nan, cells=(), best=(), scores={}
    )
    assert protocol.by_patient == (rule in PATIENT_RULES)
    assert "by the rule" not in rule_text(protocol)
    if rule == "patients-per-class":
        assert rule_text(protocol) == "folds with as many patients of each class"
