"""The published values of Hou 2022 agree with themselves and with the documentation."""

import itertools
import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from semioscope.cohort import TASKS
from semioscope.recipes.published_hou import HOU_2022, PUBLISHED_CONFUSIONS, published_confusion
from semioscope.scoring import always_largest, averages_of_table

PAGE = (Path(__file__).parents[3] / "docs" / "published-results.md").read_text(encoding="utf-8")
TABLE = np.array(HOU_2022.confusion)


def exact_f1(hits: int, called: int, true: int) -> Fraction:
    return Fraction(2 * hits, called + true)


def test_the_matrix_is_of_the_videos_that_the_paper_counts():
    assert {name: row.seizures for name, row in HOU_2022.per_class.items()} == {"ES": 235, "PNES": 48}
    assert TABLE.sum(axis=1).tolist() == [row.seizures for row in HOU_2022.per_class.values()]
    assert sum(row.patients for row in HOU_2022.per_class.values()) == 81
    assert HOU_2022.classes == TASKS["es-vs-pnes"].class_names


def test_every_average_of_the_printed_matrix():
    found = averages_of_table(TABLE)
    es, pnes = exact_f1(181, 196, 235), exact_f1(33, 87, 48)
    exact = {
        "accuracy": Fraction(214, 283),
        "balanced_accuracy": (Fraction(181, 235) + Fraction(33, 48)) / 2,
        "macro_f1": (es + pnes) / 2,
        "weighted_f1": (235 * es + 48 * pnes) / 283,
        "micro_f1": Fraction(214, 283),
    }
    assert found.overall == pytest.approx({name: float(value) for name, value in exact.items()})
    rounded = {name: round(value, 3) for name, value in found.overall.items()}
    assert rounded["accuracy"] == 0.756
    assert rounded["macro_f1"] == 0.664
    assert rounded["weighted_f1"] == 0.780
    assert [round(values["f1"], 3) for values in found.per_class] == [0.840, 0.489]
    assert [round(values["precision"], 3) for values in found.per_class] == [0.923, 0.379]


def test_no_usual_average_is_the_printed_f1():
    """Not even an F1 of averaged precision and sensitivity; the printed accuracy is cut, not rounded."""
    found = averages_of_table(TABLE)
    f1s = [found.overall[name] for name in ("macro_f1", "weighted_f1", "micro_f1")]
    f1s += [values["f1"] for values in found.per_class]
    weights = [[0.5, 0.5], (TABLE.sum(axis=1) / TABLE.sum()).tolist()]
    means = [
        [
            sum(share * values[name] for share, values in zip(shares, found.per_class, strict=True))
            for shares in weights
        ]
        for name in ("precision", "sensitivity")
    ]
    f1s += [2 * one * other / (one + other) for one, other in itertools.product(*means)]
    assert len(f1s) == 9
    assert all(abs(value - HOU_2022.printed["f1"]) >= 0.005 for value in f1s)
    assert int(100 * found.overall["accuracy"]) / 100 == HOU_2022.printed["accuracy"] == 0.75


def test_always_es_has_a_better_accuracy():
    largest, always = always_largest(TABLE)
    assert HOU_2022.classes[largest] == "ES"
    assert averages_of_table(always).overall["accuracy"] == pytest.approx(235 / 283)
    assert round(235 / 283, 3) == 0.830


def test_the_remark_says_what_the_matrix_gives():
    found = averages_of_table(TABLE)
    given = [0.82, found.per_class[0]["f1"], found.per_class[1]["f1"]]
    given += [found.overall[name] for name in ("macro_f1", "weighted_f1", "micro_f1")]
    given += [averages_of_table(always_largest(TABLE)[1]).overall["accuracy"]]
    told = [float(number) for number in re.findall(r"0\.\d+", HOU_2022.remark)]
    assert told == pytest.approx(given, abs=0.0005)


def test_the_page_of_published_results_says_the_same():
    section = PAGE.split("## Hou et al., 2022")[1]
    for text in ("0.82", "0.75", "181/54; 15/33", "0.756", "0.840", "0.489", "0.664", "0.780", "0.830"):
        assert text in section
    assert HOU_2022.detector_iou == 0.89


@pytest.mark.parametrize("recipe", PUBLISHED_CONFUSIONS)
def test_what_a_run_keeps_is_plain_data(recipe):
    found = published_confusion(recipe, classes=("ES", "PNES"))
    assert json.loads(json.dumps(found)) == found
    assert found["source"] == "Hou et al. 2022"
    assert found["doi"].startswith("10.")
    assert not published_confusion(recipe, classes=("PNES", "ES"))
    assert not published_confusion("gestures-2021", classes=("ES", "PNES"))
