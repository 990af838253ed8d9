"""The figures of a cohort."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semioscope.cohort import PUBLISHED, TASKS, read_cohort, render_summary, summarise
from semioscope.cohort.summary import min_segments

TASK = TASKS["fos-vs-tcs"]


def test_the_published_r_max_needs_fifteen_segments():
    assert min_segments(0.93) == 15


@given(st.integers(1, 500))
def test_n_segments_suffice_when_the_last_one_just_fits(number):
    assert min_segments(1 - 1 / number) == number


@given(st.floats(0, 0.999))
def test_min_segments_is_the_least_that_suffices(ratio):
    number = min_segments(ratio)
    assert 1 - 1 / number >= ratio - 1e-9
    assert number == 1 or 1 - 1 / (number - 1) < ratio + 1e-9


@pytest.mark.parametrize("ratio", [1.0, -0.1, math.nan])
def test_ratios_lie_below_one(ratio):
    with pytest.raises(ValueError, match=r"r_max must be in \[0, 1\)"):
        min_segments(ratio)


def test_figures_by_hand(folder):
    summary = summarise(read_cohort(folder), TASK)
    assert summary["num_seizures"] == 4
    assert summary["num_events"] == 3
    assert summary["patients"] == {"num": 3, "by_class": {"FOS only": 1, "TCS only": 2, "FOS + TCS": 0}}
    focal, tonic_clonic = summary["classes"]["FOS"], summary["classes"]["TCS"]
    assert (focal["num_labelled"], focal["num_used"], focal["num_patients"]) == (2, 1, 1)
    assert focal["duration_seconds"] == {"median": 20, "mean": 20, "min": 20, "max": 20}
    assert tonic_clonic["duration_seconds"] == {"median": 38.75, "mean": 38.75, "min": 37.5, "max": 40}
    assert tonic_clonic["num_with_clonic_onset"] == 2
    assert summary["minutes"] == pytest.approx((40 + 20 + 37.5) / 60)
    assert summary["clonic_share"] == pytest.approx((20 + 17.5) / 97.5)
    ratios = (0.5, 20 / 37.5)
    assert summary["ratio"]["mean"] == pytest.approx(sum(ratios) / 2)
    assert summary["ratio"]["sd"] == pytest.approx(abs(ratios[0] - ratios[1]) / math.sqrt(2))
    assert (summary["ratio"]["num_above_half"], summary["ratio"]["num"]) == (1, 2)
    assert summary["ratio"]["max"] == pytest.approx(ratios[1])
    assert summary["min_segments"] == math.ceil(1 / (1 - ratios[1]))
    assert summary["seizures_per_patient"] == {"median": 1, "mean": 1, "min": 1, "max": 1}
    assert summary["views"]["per_seizure"] == {"1": 3, "2": 1}
    assert summary["views"]["by_name"] == {"large": 4, "small": 1}
    assert summary["views"]["use"] == {"train": 4, "evaluate": 1, "no": 0}
    assert summary["left_out"] == {"shorter than 15 s": 1}
    assert summary["agreement"] is None


def test_the_table_shows_published_figures_as_published(folder):
    text = render_summary(summarise(read_cohort(folder), TASK))
    lines = {line.strip().split("  ")[0]: line for line in text.splitlines()}
    assert "GESTURES 2021 (published)" in text.splitlines()[0]
    assert lines["minutes in all"].split()[3:] == ["2", "298"]
    assert lines["seizures TCS"].endswith("77 (79 in the introduction)")
    assert "1 x shorter than 15 s" in text
    for key, value in PUBLISHED["fos-vs-tcs"].items():
        assert value in text, key


def test_other_tasks_have_no_published_column(folder):
    text = render_summary(summarise(read_cohort(folder), TASKS["fle-vs-tle"]))
    assert "published" not in text
    assert "with FLE + TLE" in text


def test_undefined_figures_are_nan_and_shown_as_missing(write):
    seizures = "seizure_id\trecording_id\tonset\toffset\tseizure_type\ns1\tr2\t0\t5\tFOS\n"
    summary = summarise(read_cohort(write(seizures=seizures)), TASK)
    for value in (summary["ratio"]["mean"], summary["clonic_share"], summary["ratio"]["max"]):
        assert math.isnan(value)
    assert summary["min_segments"] is None
    assert "n/a" in render_summary(summary)


def test_three_classes_are_counted_with_their_mixtures(write):
    seizures = (
        "seizure_id\trecording_id\tonset\toffset\tsyndrome\n"
        "s1\tr1-large\t0\t40\tFLE\ns2\tr1-large\t50\t90\tpre-ictal\ns3\tr3\t0\t40\tTLE\n"
    )
    summary = summarise(read_cohort(write(seizures=seizures)), TASKS["fle-vs-tle-vs-nonepileptic"])
    assert summary["patients"]["by_class"] == {
        "FLE only": 0, "TLE only": 1, "nonepileptic only": 0, "FLE + nonepileptic": 1,
    }  # fmt: skip


HEADER = "seizure_id\trecording_id\tonset\tclonic_onset\toffset\tannotator\tseizure_type\n"


def test_two_annotators_are_compared_by_cohens_kappa(write):
    rows = []
    labels = [("TCS", "TCS"), ("TCS", "FOS"), ("FOS", "FOS"), ("FOS", "FOS")]
    for number, (one, other) in enumerate(labels):
        rows.append(f"s{number}\tr2\t10\t{30 if number == 0 else 'n/a'}\t50\tanna\t{one}")
        rows.append(f"s{number}\tr2\t{10 + number}\t{33 if number == 0 else 40}\t50\tben\t{other}")
    agreement = summarise(read_cohort(write(seizures=HEADER + "\n".join(rows))), TASK)["agreement"]
    assert agreement["annotators"] == ["anna", "ben"]
    assert (agreement["statistic"], agreement["num_kappa"], agreement["num_shared"]) == ("cohen", 4, 4)
    observed, chance = 3 / 4, (2 / 4) * (1 / 4) + (2 / 4) * (3 / 4)
    assert agreement["kappa"] == pytest.approx((observed - chance) / (1 - chance))
    assert agreement["onset_seconds"] == {"median_difference": 1.5, "num_pairs": 4, "num_given_by_one": 0}
    assert agreement["clonic_onset_seconds"] == {
        "median_difference": 3,
        "num_pairs": 1,
        "num_given_by_one": 3,
    }
    assert agreement["offset_seconds"]["median_difference"] == 0


def test_more_annotators_are_compared_by_fleiss_kappa(write):
    labels = [("TCS", "TCS", "TCS"), ("TCS", "FOS", "TCS"), ("FOS", "FOS", None)]
    rows = [
        f"s{number}\tr2\t10\tn/a\t50\ta{who}\t{label}"
        for number, given_labels in enumerate(labels)
        for who, label in enumerate(given_labels)
        if label
    ]
    summary = summarise(read_cohort(write(seizures=HEADER + "\n".join(rows) + "\n")), TASK)
    assert summary["agreement"]["statistic"] == "fleiss"
    assert summary["agreement"]["num_kappa"] == 3
    agreement = (1 + 1 / 3 + 1) / 3
    chance = (5 / 8) ** 2 + (3 / 8) ** 2
    assert summary["agreement"]["kappa"] == pytest.approx((agreement - chance) / (1 - chance))
    text = render_summary(summary)
    assert "Fleiss' kappa" in text
    assert "onset: median absolute difference 0.00 s over 7 pairs" in text


def test_perfect_agreement_on_one_class_is_undefined_not_one(write):
    rows = "s1\tr2\t10\tn/a\t50\ta\tFOS\ns1\tr2\t10\tn/a\t50\tb\tFOS\n"
    summary = summarise(read_cohort(write(seizures=HEADER + rows)), TASK)
    assert math.isnan(summary["agreement"]["kappa"])


def test_labels_of_patients_are_not_compared(write):
    rows = "s1\tr2\t10\tn/a\t50\ta\tFOS\ns1\tr2\t10\tn/a\t50\tb\tFOS\n"
    task = TASKS["fle-vs-tle"].model_copy(update={"table": "patients"})
    agreement = summarise(read_cohort(write(seizures=HEADER + rows)), task)["agreement"]
    assert agreement["num_kappa"] == 0
    assert math.isnan(agreement["kappa"])
