"""How numbers, names and files are written, and what is read of a run folder."""

import doctest
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import semioscope.report.wording as wording
from semioscope.core.wording import join_words
from semioscope.report.answer import baselines_in_order, shared_patients
from semioscope.report.examples import file_name, groups
from semioscope.report.inputs import as_float, class_name, read_rows
from semioscope.report.sections import flat

UNKNOWN = [None, math.nan, "n/a", "", "nan", True, [], {}]
MINUS = "\N{MINUS SIGN}"


def test_the_examples_of_the_docstrings():
    result = doctest.testmod(wording)
    assert result.attempted >= 2
    assert result.failed == 0


@pytest.mark.parametrize(
    "write",
    [
        wording.number,
        wording.percent,
        wording.points,
        wording.count,
        wording.seconds_text,
        wording.clock_text,
    ],
    ids=lambda write: write.__name__,
)
@pytest.mark.parametrize("value", UNKNOWN, ids=repr)
def test_what_is_unknown_is_undefined_and_never_zero(write, value):
    assert write(value) == "undefined"


def test_intervals_carry_the_unit_of_their_metric():
    estimate = {"value": 0.5, "low": 0.25, "high": 0.75, "num_resamples": 2000, "num_dropped": 3}
    assert wording.interval_text("accuracy", estimate) == "25.0 to 75.0\xa0%"
    assert wording.interval_text("mcc", {**estimate, "low": -0.25}) == f"{MINUS}0.25 to 0.75"
    assert wording.interval_text("accuracy", {**estimate, "low": None}) == ""
    assert wording.interval_text("accuracy", None) == ""
    assert wording.dropped_text(estimate) == "2\u202f000 resamples, 3 undefined and dropped"
    assert (
        wording.difference_text({"value": -0.05, "low": -0.1, "high": 0.02})
        == f"{MINUS}5.0 ({MINUS}10.0 to +2.0)"
    )
    assert wording.difference_text({"value": 0.05}) == "+5.0"
    assert wording.difference_text({}) == "undefined"


@given(value=st.floats(0, 1), threshold=st.sampled_from([0.5, 0.58, 0.123456]))
def test_digits_beside_a_threshold(value, threshold):
    apart = abs(value - threshold)
    for text, plain in (
        (wording.percent_beside(value, threshold), wording.percent(threshold, 7)),
        (wording.number_beside(value, threshold), wording.number(threshold, 9)),
    ):
        shown = float(text.removesuffix("\xa0%")) / (100 if "%" in text else 1)
        limit = float(plain.removesuffix("\xa0%")) / (100 if "%" in plain else 1)
        assert shown == pytest.approx(value, abs=0.0051)
        if apart > 1e-6:  # on the same side, and not equal
            assert (shown > limit) == (value > threshold)
            assert shown != limit


def test_digits_far_from_a_threshold_are_few():
    assert wording.percent_beside(0.7, 0.5) == "70.0\xa0%"
    assert wording.percent_beside(0.5, 0.5, 0) == "50\xa0%"
    assert wording.percent_beside(0.5, None) == "50.0\xa0%"
    assert wording.percent_beside(None, 0.5) == "undefined"
    assert wording.number_beside(0.5004, 0.5) == "0.5004"


def test_infinite_numbers_are_named():
    assert [wording.number(value) for value in ("inf", -math.inf)] == ["infinite", "minus infinite"]


@given(st.floats(0, 1e6))
def test_clock_times_say_the_seconds(seconds):
    parts = [float(part) for part in wording.clock_text(seconds).split(":")]
    assert sum(part * 60**power for power, part in enumerate(reversed(parts))) == pytest.approx(
        seconds, abs=0.0501
    )
    assert all(part < 60 for part in parts[1:])


def test_words_are_joined():
    assert [join_words(list(words)) for words in ("", "a", "ab", "abc")] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert [wording.plural(1, "seizure"), wording.plural(2, "seizure")] == ["1 seizure", "2 seizures"]
    assert [wording.lowered(title) for title in ("Duration alone", "ROC")] == ["duration alone", "ROC"]


@given(st.lists(st.text(min_size=1, max_size=80), unique=True, min_size=2, max_size=6))
def test_file_names_are_plain_and_tell_events_apart(names):
    files = [file_name(name) for name in names]
    assert len(set(files)) == len(files)
    assert all(
        set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
        for name in files
    )
    assert not any(name.startswith(".") for name in files)


def test_plain_ids_keep_their_name():
    assert file_name("sz-031.a_b") == "sz-031.a_b"


@pytest.mark.parametrize(
    ("value", "name"),
    [(1, "TCS"), ("1", "TCS"), ("FOS", "FOS"), (None, "?"), ("n/a", "?"), (7, "?"), (0.5, "?")],
)
def test_a_class_is_known_by_name_or_index(value, name):
    assert class_name(value, ["FOS", "TCS"]) == name


@pytest.mark.parametrize("value", UNKNOWN, ids=repr)
def test_unknown_numbers_are_nan(value):
    assert math.isnan(as_float(value))


def test_baselines_stand_from_simple_to_less_simple():
    names = [
        name
        for name, _ in baselines_in_order(
            {"band_power": {}, "zeta": {}, "duration": {}, "alpha": {}, "majority": {}}
        )
    ]
    assert names == ["majority", "duration", "band_power", "alpha", "zeta"]


def test_shared_patients_are_found_per_fold():
    folds = {
        "patient_of": {"a1": "a", "a2": "a", "b1": "b"},
        "folds": [{"train": ["a1"], "test": ["b1"]}, {"train": ["b1"], "test": ["a1", "a2"]}],
    }
    assert shared_patients(folds) == ()
    folds["folds"].append({"train": ["a1"], "test": ["a2"]})
    assert shared_patients(folds) == ("a",)


def test_every_event_stands_in_one_group():
    events = [{"event_id": name, "correct": name != "d"} for name in "abcd"]
    chosen = groups(
        {"events": events, "examples": {"best": ["a", "b"], "worst": ["d", "b", "c"], "wrong": []}}
    )
    assert chosen == {"wrong": ["d"], "best": ["a", "b"], "worst": ["c"]}


def test_nested_data_become_pairs():
    assert flat({"b": {"y": [1, 2], "x": None}, "a": 1}) == [("a", "1"), ("b.x", "n/a"), ("b.y", "1, 2")]


def test_tables_survive_windows(tmp_path):
    (tmp_path / "t.tsv").write_bytes(b"\xef\xbb\xbfa\tb\r\n1\t\xc3\xa9\r\n\r\n")
    assert read_rows(tmp_path / "t.tsv") == ({"a": "1", "b": "\xe9"},)
    assert read_rows(tmp_path / "absent.tsv") == ()
