"""The published values agree with themselves, with the recipes, and with what ``cohort summary`` prints."""

import json

import pytest

from semioscope.cohort import PUBLISHED as PUBLISHED_SUMMARIES
from semioscope.recipes import RECIPES
from semioscope.recipes.published import GESTURES_2021, PUBLISHED, published_values


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_entry_belongs_to_a_recipe_and_is_plain_data(name: str) -> None:
    assert name in RECIPES
    assert json.loads(json.dumps(published_values(name)))["source"] == PUBLISHED[name].source


def test_nothing_is_known_of_other_recipes() -> None:
    assert published_values("my-own") == {}


def test_the_best_setting_follows_from_its_confusion_matrix() -> None:
    best, cohort = GESTURES_2021.best, GESTURES_2021.cohort
    assert best is not None
    (tn, fp), (fn, tp) = best.confusion
    assert round((tn + tp) / (tn + fp + fn + tp), 3) == best.accuracy
    assert round(2 * tp / (2 * tp + fp + fn), 3) == best.f1
    assert tn + fp == cohort.per_class["FOS"].seizures
    assert fn + tp == cohort.per_class["TCS"].seizures
    assert cohort.num_events == tn + fp + fn + tp
    assert sum(cohort.patients_by_class.values()) == cohort.num_patients


def test_the_level_is_bonferroni_over_ordered_pairs() -> None:
    extractors = GESTURES_2021.extractors
    assert extractors is not None
    num = len(extractors.rows)
    assert extractors.level == pytest.approx(0.05 / (num * (num - 1)))
    assert round(extractors.level, 4) == 0.0042
    for test in extractors.tests:
        assert test.significant == (test.p_value < extractors.level)


def test_the_rows_are_those_of_the_recipe_in_the_order_of_the_paper() -> None:
    extractors = GESTURES_2021.extractors
    assert extractors is not None
    assert tuple(row.backbone for row in extractors.rows) == RECIPES["gestures-2021-table1"]().grid.backbones
    medians = [row.accuracy.median for row in extractors.rows]
    assert medians == sorted(medians)
    for row in extractors.rows:
        for spread in (row.accuracy, row.f1, row.auc):
            assert 0 < spread.iqr < spread.median < 1


def test_the_best_setting_lies_in_the_grid_of_the_recipe() -> None:
    best, grid = GESTURES_2021.best, RECIPES["gestures-2021-figure2"]().grid
    assert best is not None
    assert best.aggregator in grid.aggregators
    assert best.num_segments in grid.num_segments
    assert set(best.gammas) <= set(grid.gammas)


def test_the_cohort_is_the_one_that_the_summary_prints() -> None:
    printed, cohort = PUBLISHED_SUMMARIES["fos-vs-tcs"], GESTURES_2021.cohort
    assert printed["num_patients"] == str(cohort.num_patients)
    assert printed["minutes"] == f"{cohort.minutes:.0f}"
    assert printed["ratio_max"] == str(cohort.r_max)
    assert printed["min_segments"] == str(cohort.n_min)
    for name, figures in cohort.per_class.items():
        assert printed[f"used {name}"] == str(figures.seizures)
        assert printed[f"labelled {name}"].split()[0] == str(figures.labelled)
        durations = (figures.median_seconds, figures.min_seconds, figures.max_seconds)
        assert printed[f"duration {name}"] == "{:.0f} ({:.0f}-{:.0f})".format(*durations)
    for name, number in cohort.patients_by_class.items():
        assert printed[f"patients {name}"] == str(number)
