import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from semioscope.core.errors import ConfigError
from semioscope.scoring import (
    METRICS,
    UndefinedScoreWarning,
    bootstrap_curve,
    bootstrap_patients,
    exact_binomial,
    mean_paired_bootstrap,
    paired_bootstrap,
    resample_patients,
)


def cohort(seed, *, num_patients=30, num_events=120, skill=1.0):
    """Events of patients whose scores share an offset, so that patients matter."""
    rng = np.random.default_rng(seed)
    owner = np.sort(
        np.concatenate([np.arange(num_patients), rng.integers(0, num_patients, num_events - num_patients)])
    )
    y_true = rng.integers(0, 2, num_events)
    logit = skill * (2 * y_true - 1) + rng.normal(size=num_patients)[owner] + rng.normal(size=num_events)
    positive = 1 / (1 + np.exp(-logit))
    return y_true, np.stack([1 - positive, positive], axis=1), [f"p{number:02d}" for number in owner]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=30),
    st.integers(0, 2**32),
)
@settings(max_examples=50, deadline=None)
def test_resamples_keep_the_size_of_every_stratum_and_every_class(rows, seed):
    patients = [f"p{owner}" for owner, _ in rows]
    y_true = np.array([y for _, y in rows])
    times = resample_patients(y_true, patients, seed=seed, num_resamples=20)
    names = sorted(set(patients))
    kinds = [frozenset(y for owner, y in rows if f"p{owner}" == name) for name in names]
    for kind in set(kinds):
        members = [position for position, other in enumerate(kinds) if other == kind]
        assert (times[:, members].sum(axis=1) == len(members)).all()
    for class_index in set(y_true.tolist()):
        owners = [class_index in kind for kind in kinds]
        assert (times[:, owners].sum(axis=1) > 0).all()


def test_resamples_are_drawn_evenly():
    times = resample_patients(np.zeros(8, dtype=int), [f"p{n}" for n in range(8)], num_resamples=20_000)
    np.testing.assert_allclose(times.mean(axis=0), 1, atol=0.03)
    np.testing.assert_allclose(times.var(axis=0), 7 / 8, atol=0.05)


@pytest.mark.parametrize("name", METRICS)
def test_fast_and_plain_resampling_agree(name):
    y_true, y_score, patients = cohort(0)
    metric = METRICS[name]
    fast = bootstrap_patients(metric, y_true, y_score, patients, num_resamples=100)
    slow = bootstrap_patients(lambda y, s: metric(y, s), y_true, y_score, patients, num_resamples=100)
    np.testing.assert_allclose(
        [slow.value, slow.low, slow.high], [fast.value, fast.low, fast.high], atol=1e-12
    )
    assert fast.low <= fast.value <= fast.high
    assert (fast.num_resamples, fast.num_dropped, fast.note) == (100, 0, "")


def test_interval_of_a_mean_is_that_of_the_normal_approximation():
    rng = np.random.default_rng(4)
    y_true = np.tile([0, 1], 300)
    patients = [f"p{n:03d}" for n in range(600)]
    positive = rng.uniform(size=600)
    y_score = np.stack([1 - positive, positive], axis=1)
    loss = (positive - y_true) ** 2
    found = bootstrap_patients(METRICS["brier"], y_true, y_score, patients, num_resamples=4000)
    parts = [loss[y_true == y].var() / 300 / 4 for y in (0, 1)]  # two strata of one half each
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * np.sqrt(sum(parts)), rel=0.05)


def test_patients_matter():
    y_true, y_score, patients = cohort(1, num_patients=12, num_events=240)
    alone = [f"event{n}" for n in range(240)]
    grouped = bootstrap_patients(METRICS["auroc"], y_true, y_score, patients)
    single = bootstrap_patients(METRICS["auroc"], y_true, y_score, alone)
    assert grouped.high - grouped.low > 1.3 * (single.high - single.low)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    hits = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        y_true = rng.integers(0, 2, 60)
        right = rng.random(60) < 0.75
        y_score = np.eye(2)[np.where(right, y_true, 1 - y_true)]
        found = bootstrap_patients(
            METRICS["accuracy"], y_true, y_score, [f"p{n}" for n in range(60)], num_resamples=400
        )
        hits += found.low <= 0.75 <= found.high
    assert 87 <= hits <= 100


def test_order_of_examples_does_not_matter_and_the_seed_does():
    y_true, y_score, patients = cohort(2)
    order = np.random.default_rng(0).permutation(len(y_true))
    a = bootstrap_patients(METRICS["auroc"], y_true, y_score, patients, seed=3)
    b = bootstrap_patients(
        METRICS["auroc"], y_true[order], y_score[order], [patients[n] for n in order], seed=3
    )
    np.testing.assert_allclose([a.low, a.high], [b.low, b.high], atol=1e-12)
    assert bootstrap_patients(METRICS["auroc"], y_true, y_score, patients, seed=4).low != a.low


def test_higher_confidence_is_wider():
    y_true, y_score, patients = cohort(2)
    narrow = bootstrap_patients(METRICS["auroc"], y_true, y_score, patients, confidence=0.8)
    wide = bootstrap_patients(METRICS["auroc"], y_true, y_score, patients, confidence=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert (narrow.confidence, wide.confidence) == (0.8, 0.99)


def test_pieces_make_no_difference(monkeypatch):
    y_true, y_score, patients = cohort(2)
    whole = bootstrap_patients(METRICS["auroc"], y_true, y_score, patients, num_resamples=50)
    monkeypatch.setattr("semioscope.scoring.resampling._CELLS_AT_ONCE", 700)
    assert bootstrap_patients(METRICS["auroc"], y_true, y_score, patients, num_resamples=50) == whole


def test_thresholds_are_used():
    y_true, y_score, patients = cohort(2)
    each = np.linspace(0.3, 0.7, len(y_true))
    for threshold in (0.2, each):
        found = bootstrap_patients(METRICS["accuracy"], y_true, y_score, patients, threshold=threshold)
        assert found.value == METRICS["accuracy"](y_true, y_score, threshold=threshold)
        assert found.low < found.value < found.high


def test_undefined_resamples_are_dropped_and_counted():
    # one predicted positive in one of six patients: precision is undefined where that patient is not drawn
    y_true = np.array([0, 1] * 6)
    positive = np.where(np.arange(12) == 1, 0.9, 0.1)
    positive[[3, 4]] = 0.9
    patients = [f"p{n // 2}" for n in range(12)]
    y_score = np.stack([1 - positive, positive], axis=1)
    found = bootstrap_patients(METRICS["precision"], y_true, y_score, patients, num_resamples=500)
    assert 0 < found.num_dropped < 250
    assert (found.note, found.num_resamples) == ("", 500)
    slow = bootstrap_patients(
        lambda y, s: METRICS["precision"](y, s), y_true, y_score, patients, num_resamples=500
    )
    assert slow == found


def test_mostly_undefined_has_no_interval():
    y_true, y_score, patients = cohort(2)

    found = bootstrap_patients(lambda y, s: 1.0 if len(y) == 120 else float("nan"), y_true, y_score, patients)
    assert np.isnan(found.low)
    assert found.note.startswith("No interval: the score is undefined in ")
    assert found.num_dropped > 1000


def test_too_few_patients_get_a_sentence():
    y_true, y_score, patients = np.array([0, 1, 0, 1]), np.full((4, 2), 0.5), ["a", "a", "b", "c"]
    found = bootstrap_patients(METRICS["accuracy"], y_true, y_score, patients)
    assert found.note == "No interval: it needs at least 5 patients, and there are 3."
    assert np.isnan([found.low, found.high]).all()
    assert (found.value, found.num_resamples) == (0.5, 0)
    assert not bootstrap_patients(
        METRICS["accuracy"], y_true, np.eye(2)[[0, 0, 0, 1]], ["a", "b", "c", "d"], min_patients=3
    ).note


def test_a_class_of_one_patient_gets_a_sentence():
    y_true = np.array([0, 0, 0, 0, 0, 1])
    patients = list("abcdef")
    found = bootstrap_patients(METRICS["accuracy"], y_true, np.eye(2)[y_true], patients)
    assert found.note == "No interval: only one patient (f) has class 1."
    named = bootstrap_patients(
        METRICS["accuracy"], y_true, np.eye(2)[y_true], patients, class_names=["focal", "tonic-clonic"]
    )
    assert named.note == "No interval: only one patient (f) has tonic-clonic."


def test_no_spread_gets_a_sentence():
    y_true = np.array([0, 1] * 6)
    found = bootstrap_patients(METRICS["auroc"], y_true, np.eye(2)[y_true], [f"p{n // 2}" for n in range(12)])
    assert found.note.startswith("No interval: all 2000 resamples of the patients give the same value")
    assert found.value == 1
    assert np.isnan(found.high)


def test_an_undefined_score_gets_a_sentence():
    y_true = np.zeros(6, dtype=int)
    with pytest.warns(UndefinedScoreWarning, match="auroc"):
        found = bootstrap_patients(METRICS["auroc"], y_true, np.eye(2)[y_true], list("abcdef"))
    assert found.note == "No interval: the score itself is undefined."
    assert np.isnan(found.value)


def test_difference_of_two_models():
    y_true, good, patients = cohort(5, skill=2.0)
    _, poor, _ = cohort(6, skill=0.0)
    found = paired_bootstrap(METRICS["auroc"], y_true, good, poor, patients)
    assert found.value == METRICS["auroc"](y_true, good) - METRICS["auroc"](y_true, poor)
    assert 0 < found.low < found.value < found.high
    swapped = paired_bootstrap(METRICS["auroc"], y_true, poor, good, patients)
    np.testing.assert_allclose([swapped.low, swapped.high], [-found.high, -found.low])
    same = paired_bootstrap(METRICS["auroc"], y_true, good, good, patients)
    assert same.value == 0
    assert "give the same value" in same.note


def test_pairing_makes_the_interval_narrower():
    y_true, a, patients = cohort(7)
    b = np.clip(a + np.array([[0.02, -0.02]]), 0, 1)
    b[::9] = a[::9][:, ::-1]
    paired = paired_bootstrap(METRICS["accuracy"], y_true, a, b, patients)
    alone = [bootstrap_patients(METRICS["accuracy"], y_true, s, patients) for s in (a, b)]
    assert paired.high - paired.low < sum(one.high - one.low for one in alone) / np.sqrt(2)


def settings_of(seed, number):
    """Scores of settings that share what is hard about each patient, better and worse."""
    y_true, y_score, patients = cohort(seed)
    rng = np.random.default_rng(seed)
    sides = [
        [np.stack([1 - s, s], axis=1) for s in (np.clip(y_score[:, 1] + 0.2 * rng.normal(size=len(y_true)), 0, 1)
         for _ in range(number))]
        for _ in range(2)
    ]  # fmt: skip
    return y_true, sides[0], sides[1], patients


@pytest.mark.parametrize("name", ["accuracy", "f1", "auroc"])
def test_a_mean_over_one_setting_is_that_setting(name):
    y_true, first, second, patients = settings_of(3, 1)
    mean = mean_paired_bootstrap(METRICS[name], y_true, first, second, patients, seed=4)
    assert mean == paired_bootstrap(METRICS[name], y_true, first[0], second[0], patients, seed=4)


def test_settings_are_resampled_together():
    """The same settings again tell nothing new, so the interval keeps its width; it is not that of more patients."""
    y_true, first, second, patients = settings_of(5, 3)
    once = mean_paired_bootstrap(METRICS["accuracy"], y_true, first, second, patients)
    twice = mean_paired_bootstrap(METRICS["accuracy"], y_true, first * 2, second * 2, patients)
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))
    each = [
        paired_bootstrap(METRICS["accuracy"], y_true, a, b, patients)
        for a, b in zip(first, second, strict=True)
    ]
    assert once.value == pytest.approx(np.mean([one.value for one in each]))
    weights = resample_patients(y_true, patients)[:, np.unique(patients, return_inverse=True)[1]].astype(
        float
    )
    drawn = np.mean(
        [METRICS["accuracy"].weighted(y_true, a, weights) - METRICS["accuracy"].weighted(y_true, b, weights)
         for a, b in zip(first, second, strict=True)], axis=0,
    )  # fmt: skip
    assert (once.low, once.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))
    swapped = mean_paired_bootstrap(METRICS["accuracy"], y_true, second, first, patients)
    assert (swapped.low, swapped.high) == pytest.approx((-once.high, -once.low))


def test_a_mean_over_settings_without_enough_patients_gets_the_sentence():
    y_true, first, second, _ = settings_of(5, 2)
    few = [f"p{i % 4}" for i in range(len(y_true))]
    mean = mean_paired_bootstrap(METRICS["accuracy"], y_true, first, second, few)
    assert mean.note == "No interval: it needs at least 5 patients, and there are 4."
    assert np.isnan(mean.low)
    with pytest.raises(ValueError, match="must have the same settings, at least one, got 2 and 1"):
        mean_paired_bootstrap(METRICS["accuracy"], y_true, first, second[:1], few)
    with pytest.raises(ValueError, match="got 0 and 0"):
        mean_paired_bootstrap(METRICS["accuracy"], y_true, [], [], few)


@pytest.mark.parametrize("kind", ["roc", "pr"])
def test_curve_bands(kind):
    y_true, y_score, patients = cohort(8)
    band = bootstrap_curve(kind, y_true, y_score[:, 1], patients, num_grid=2001, num_resamples=200)
    assert (band.low <= band.high).all()
    assert ((band.low >= 0) & (band.high <= 1)).all()
    inside = (band.low - 1e-12 <= band.value) & (band.value <= band.high + 1e-12)
    assert inside.mean() > 0.97
    area = METRICS[{"roc": "auroc", "pr": "auprc"}[kind]]
    assert np.trapezoid(band.value, band.grid) == pytest.approx(area(y_true, y_score), abs=2e-3)
    whole = bootstrap_patients(area, y_true, y_score, patients, num_resamples=200)
    assert np.trapezoid(band.low, band.grid) < whole.low
    assert np.trapezoid(band.high, band.grid) > whole.high
    if kind == "roc":
        assert (np.diff(band.value) >= 0).all()
        assert band.value[-1] == 1
    assert (band.num_resamples, band.num_dropped, band.note) == (200, 0, "")


def test_curve_value_goes_through_the_points():
    y_true, score = np.array([0, 1, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8, 0.35])
    owners = list("abcde")
    roc = bootstrap_curve("roc", y_true, score, owners, num_grid=5)
    # points (0,0) (0,2/3) (1/2,1) (1,1)
    np.testing.assert_allclose(roc.value, [2 / 3, 5 / 6, 1, 1, 1])
    pr = bootstrap_curve("pr", y_true, score, owners, num_grid=4)
    np.testing.assert_allclose(pr.value, [1, 1, 1, 3 / 4])


def test_curves_without_bands():
    y_true, score = np.array([0, 1, 0, 1]), np.array([0.1, 0.9, 0.3, 0.4])
    band = bootstrap_curve("roc", y_true, score, list("abcd"), num_grid=3)
    assert band.note == "No interval: it needs at least 5 patients, and there are 4."
    assert np.isnan(band.low).all()
    np.testing.assert_array_equal(band.value, [1, 1, 1])
    with pytest.warns(UndefinedScoreWarning, match="The roc curve is undefined"):
        one = bootstrap_curve("roc", np.ones(6, dtype=int), np.linspace(0, 1, 6), list("abcdef"), num_grid=3)
    assert one.note.startswith("No interval: the score is undefined in 2000 of 2000")
    with pytest.raises(ConfigError, match=r"Unknown curve 'rok'\. Did you mean roc"):
        bootstrap_curve("rok", y_true, score, list("abcd"))


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (10, 10), (7, 20), (77, 79), (1, 1)])
def test_exact_binomial_agrees_with_scipy(hits, trials):
    ours, reference = exact_binomial(hits, trials), binomtest(hits, trials).proportion_ci(method="exact")
    np.testing.assert_allclose([ours.low, ours.high], [reference.low, reference.high], atol=1e-12)
    assert ours.value == hits / trials


def test_exact_binomial_without_trials():
    with pytest.warns(
        UndefinedScoreWarning, match="A fraction is undefined here: it needs at least one trial"
    ):
        found = exact_binomial(0, 0)
    assert np.isnan([found.value, found.low, found.high]).all()
    assert found.note == "No interval: there are no trials."


def test_exact_binomial_refuses_more_hits_than_trials():
    with pytest.raises(ValueError, match="num_hits must lie in 0 to num_trials, got 3 of 2"):
        exact_binomial(3, 2)


def test_two_thousand_resamples_of_two_hundred_events_are_quick():
    y_true, y_score, patients = cohort(9, num_patients=68, num_events=200)
    began = time.process_time()
    for name in ("accuracy", "auroc", "auprc", "f1"):
        bootstrap_patients(METRICS[name], y_true, y_score, patients)
    assert time.process_time() - began < 2
