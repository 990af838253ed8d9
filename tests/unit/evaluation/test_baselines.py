"""Yardsticks."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semioscope.core.errors import ConfigError
from semioscope.evaluation import BASELINES, EventTraits, baseline_scores

TRAITS = ("duration_seconds", "motion_energy", "band_power")
LEARNT = [name for name, baseline in BASELINES.items() if baseline.trait is not None]


def traits(seed: int, *, count: int = 20, num_classes: int = 2) -> EventTraits:
    rng = np.random.default_rng(seed)
    y_true = np.arange(count) % num_classes
    return EventTraits(y_true=y_true, **{name: y_true + rng.normal(0, 0.7, count) + 5 for name in TRAITS})


def with_trait(found: EventTraits, name: str, values: np.ndarray) -> EventTraits:
    trait = BASELINES[name].trait
    assert trait is not None
    return replace(found, **{trait: values})


def values_of(found: EventTraits, name: str) -> np.ndarray:
    return getattr(found, str(BASELINES[name].trait))


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("name", BASELINES)
def test_scores_are_probabilities_and_inputs_stay(name: str, num_classes: int) -> None:
    train, test = traits(0, num_classes=num_classes), traits(1, count=7, num_classes=num_classes)
    before = [getattr(train, trait).copy() for trait in TRAITS]
    scores = baseline_scores(name, train, test, num_classes=num_classes)
    assert scores.shape == (7, num_classes)
    assert np.all(scores >= 0)
    assert scores.sum(axis=1) == pytest.approx(1)
    assert all(np.array_equal(getattr(train, trait), old) for trait, old in zip(TRAITS, before, strict=True))


def test_the_majority_is_the_same_for_every_event() -> None:
    train = traits(0, count=5)
    scores = baseline_scores("majority", train, traits(1), num_classes=2)
    assert np.array_equal(scores, np.tile([0.6, 0.4], (20, 1)))


@pytest.mark.parametrize("name", BASELINES)
def test_the_labels_of_the_test_events_do_not_count(name: str) -> None:
    train, test = traits(0), traits(1)
    turned = replace(test, y_true=1 - test.y_true)
    assert np.array_equal(
        baseline_scores(name, train, test, num_classes=2), baseline_scores(name, train, turned, num_classes=2)
    )


@pytest.mark.parametrize("name", BASELINES)
def test_each_event_is_scored_on_its_own_and_order_does_not_count(name: str) -> None:
    train, test = traits(0), traits(1)
    scores = baseline_scores(name, train, test, num_classes=2)
    order = np.random.default_rng(0).permutation(20)
    mixed = baseline_scores(name, train.at(order), test.at(order), num_classes=2)
    assert mixed == pytest.approx(scores[order], abs=1e-6)
    alone = baseline_scores(name, train, test.at(np.array([3])), num_classes=2)
    assert alone[0] == pytest.approx(scores[3])


@pytest.mark.parametrize("name", LEARNT)
@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-100, 100))
def test_units_do_not_count(name: str, scale: float, shift: float) -> None:
    train, test = traits(0), traits(1)
    scores = baseline_scores(name, train, test, num_classes=2)
    other = [with_trait(found, name, values_of(found, name) * scale + shift) for found in (train, test)]
    assert baseline_scores(name, other[0], other[1], num_classes=2) == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize("name", LEARNT)
def test_a_larger_number_is_more_of_the_class_that_has_larger_ones(name: str) -> None:
    train = traits(0)
    asked = with_trait(traits(1, count=3), name, np.array([2.0, 5.5, 9.0]))
    scores = baseline_scores(name, train, asked, num_classes=2)[:, 1]
    assert np.all(np.diff(scores) > 0)


@pytest.mark.parametrize("name", LEARNT)
def test_events_without_the_number_get_the_class_frequencies(name: str) -> None:
    train, test = traits(0, count=5), traits(1)
    some = with_trait(test, name, np.where(np.arange(20) < 4, np.nan, values_of(test, name)))
    scores = baseline_scores(name, train, some, num_classes=2)
    assert np.array_equal(scores[:4], np.tile([0.6, 0.4], (4, 1)))
    assert np.array_equal(scores[4:], baseline_scores(name, train, test, num_classes=2)[4:])
    holed = with_trait(train, name, np.array([np.nan, *values_of(train, name)[1:]]))
    fitted = baseline_scores(name, holed, test, num_classes=2)
    assert fitted == pytest.approx(baseline_scores(name, train.at(np.arange(1, 5)), test, num_classes=2))


@pytest.mark.parametrize("name", LEARNT)
@pytest.mark.parametrize("known", ["none", "one class", "constant"])
def test_nothing_is_learnt_where_nothing_can_be(name: str, known: str) -> None:
    train, test = traits(0, count=6), traits(1)
    values = values_of(train, name)
    made = {
        "none": np.full(6, np.nan),
        "one class": np.where(train.y_true == 0, values, np.nan),
        "constant": np.full(6, 0.1),
    }[known]
    scores = baseline_scores(name, with_trait(train, name, made), test, num_classes=2)
    assert scores == pytest.approx(np.full((20, 2), 0.5), abs=1e-6)


def test_unknown_baselines_are_told() -> None:
    with pytest.raises(ConfigError, match=r"Unknown baseline 'majorty'\. Did you mean majority\?"):
        baseline_scores("majorty", traits(0), traits(1), num_classes=2)
