"""16 bits to 8: windows and rounding."""

from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest
from gray16 import drawn, write_array, write_folder
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from semioscope.core.errors import ConfigError, VideoError
from semioscope.video import GREY_WINDOWS, GreyRule, GreyWindow, grey_window, open_gray16, to_8bit
from semioscope.video.grey import percentile_window

RULES = {"percentiles": GreyRule(), "fixed": GreyRule(rule="fixed", low=100, high=60000)}
values = st.integers(0, 65535)
pictures = arrays(np.uint16, (3, 4, 5), elements=values)


def test_there_is_a_rule_to_test_for_every_entry():
    assert set(RULES) == set(GREY_WINDOWS)


@pytest.mark.parametrize("name", list(GREY_WINDOWS))
def test_every_rule_gives_a_window_that_can_be_recorded(tmp_path, name):
    with open_gray16(write_array(tmp_path / "d", drawn())) as reader:
        window = grey_window(reader, RULES[name])
        eight = to_8bit(reader.read(np.arange(9)), window)
    assert window.rule == name
    assert GreyWindow(**asdict(window)) == window
    assert (eight.dtype, eight.shape) == (np.uint8, (9, 6, 8))
    assert (eight.min(), eight.max()) == (0, 255)


@given(frames=pictures, ends=st.tuples(values, values).filter(lambda ends: ends[0] != ends[1]))
def test_values_are_rounded_to_the_nearest_half_to_even(frames, ends):
    low, high = sorted(ends)
    eight = to_8bit(frames, GreyWindow(rule="fixed", low=low, high=high))
    for value, made in zip(frames.ravel().tolist(), eight.ravel().tolist(), strict=True):
        exact = Fraction((min(max(value, low), high) - low) * 255, high - low)
        assert made == round(exact)


@given(frames=pictures, level=values)
def test_a_flat_window_is_black_and_white(frames, level):
    window = GreyWindow(rule="fixed", low=level, high=level)
    assert window.is_flat
    np.testing.assert_array_equal(to_8bit(frames, window), np.where(frames > level, 255, 0))


@given(frame=arrays(np.uint16, (5, 7), elements=values), window=st.tuples(values, values).map(sorted))
def test_brighter_stays_brighter_and_the_input_is_left_alone(frame, window):
    before = frame.copy()
    eight = to_8bit(frame, GreyWindow(rule="fixed", low=window[0], high=window[1]))
    order = np.argsort(frame.ravel(), kind="stable")
    assert np.all(np.diff(eight.ravel()[order].astype(int)) >= 0)
    np.testing.assert_array_equal(frame, before)


@given(
    frames=pictures,
    ends=st.tuples(st.integers(0, 100), st.integers(0, 100)).filter(lambda ends: ends[0] < ends[1]),
    ignores_zeros=st.booleans(),
)
def test_percentiles_are_those_of_numpy(frames, ends, ignores_zeros):
    choice = GreyRule(low=ends[0], high=ends[1], ignores_zeros=ignores_zeros)
    window = percentile_window(iter(frames), choice)
    kept = frames[frames > 0] if ignores_zeros else frames.ravel()
    expected = np.percentile(kept, ends, method="inverted_cdf").tolist() if kept.size else [0, 0]
    assert [window.low, window.high] == expected


def test_a_constant_recording_gives_a_flat_window(tmp_path):
    with open_gray16(write_array(tmp_path / "d", np.full((3, 4, 5), 700, np.uint16))) as reader:
        window = grey_window(reader)
        assert (window.low, window.high, window.is_flat) == (700, 700, True)
        assert not to_8bit(reader.read(np.arange(3)), window).any()
    with open_gray16(write_array(tmp_path / "z", np.zeros((3, 4, 5), np.uint16))) as reader:
        assert grey_window(reader) == GreyWindow(rule="percentiles", low=0, high=0)


def test_frames_are_sampled_evenly_and_fixed_reads_none(tmp_path):
    frames = np.zeros((11, 2, 3), np.uint16) + np.arange(1, 12, dtype=np.uint16)[:, None, None]
    with open_gray16(write_array(tmp_path / "d", frames)) as reader:
        grey_window(reader, RULES["fixed"])
        assert reader.report.num_requested == 0
        window = grey_window(reader, GreyRule(low=0, high=100, most_frames=3))
        assert reader.report.num_requested == 3
    assert (window.low, window.high) == (1, 11)


def test_missing_frames_are_left_out_and_none_is_told(tmp_path):
    path = write_folder(tmp_path / "d", np.full((3, 4, 5), 9, np.uint16))
    with open_gray16(path) as reader:
        (path / "depth_1.png").write_bytes(b"x")
        assert grey_window(reader).low == 9
        for number in (0, 2):
            (path / f"depth_{number}.png").unlink()
        with pytest.raises(VideoError, match="on at least one frame, but none can be read"):
            grey_window(reader)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rule": "percentile"}, "Unknown grey window 'percentile'. Did you mean percentiles"),
        ({"low": 99.0, "high": 1.0}, "0 <= low < high <= 100, got 99 and 1"),
        ({"high": 101.0}, "<= 100"),
        ({"rule": "fixed", "low": 5, "high": 5}, "0 <= low < high <= 65535, got 5 and 5"),
        ({"rule": "fixed", "low": 0.5, "high": 5}, "must be whole"),
        ({"low": float("nan")}, "0 <= low < high"),
        ({"most_frames": 0}, "most_frames must be at least 1"),
    ],
)
def test_rules_that_make_no_sense(settings, message):
    with pytest.raises(ConfigError, match=message):
        GreyRule(**settings)


def test_windows_that_make_no_sense():
    with pytest.raises(ValueError, match="0 <= low <= high <= 65535, got 5 and 4"):
        GreyWindow(rule="fixed", low=5, high=4)
