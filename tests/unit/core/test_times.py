"""Times as people write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semioscope.core.times import (
    format_time,
    parse_datetime,
    parse_number,
    parse_seconds,
    parse_time,
    parse_time_of_day,
)

SECONDS = st.floats(min_value=0, max_value=1e7, allow_nan=False)
START = datetime(2026, 3, 1, 14, 3, 20)


@pytest.mark.parametrize(
    "text",
    ["75.2", "75,2", " 75.2 ", "1:15.2", "1:15,2", "00:01:15.2", "0:01:15,2", "01:15.20", "+75.2", "7.52e1"],
)
def test_every_way_to_write_a_time_is_the_same_number(text):
    assert parse_seconds(text) == 75.2


@given(SECONDS)
def test_formatted_times_read_back_exactly(seconds):
    assert parse_seconds(format_time(seconds)) == seconds
    assert parse_seconds(format_time(seconds).replace(".", ",")) == seconds


@given(SECONDS)
def test_shortest_numbers_read_back_exactly(seconds):
    assert parse_seconds(repr(seconds)) == seconds


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_hours_minutes_seconds_are_plain_arithmetic(hours, minutes, seconds, milliseconds):
    expected = timedelta(
        hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds
    ).total_seconds()
    assert parse_seconds(f"{hours}:{minutes:02d}:{seconds:02d}.{milliseconds:03d}") == expected
    assert parse_seconds(f"{hours * 60 + minutes}:{seconds:02d},{milliseconds:03d}") == expected


@given(st.text(max_size=12))
def test_other_text_is_refused_with_a_sentence(text):
    try:
        assert 0 <= parse_seconds(text) < float("inf")
    except ValueError:
        with pytest.raises(ValueError, match=r"must .*, got "):
            parse_seconds(text)


@pytest.mark.parametrize(
    "text", ["", "abc", "1.234,5", "1 234", "75 s", "1:2:3:4", "nan", "inf", "1e999", "1:15:", "٣"]
)
def test_what_is_no_time_is_named(text):
    with pytest.raises(ValueError, match=r"must be a (time|number) such as 75\.2"):
        parse_seconds(text)


@pytest.mark.parametrize("text", ["1:60", "1:75.2", "1:60:00", "0:61:10"])
def test_minutes_and_seconds_stay_below_60(text):
    with pytest.raises(ValueError, match="must have minutes and seconds below 60"):
        parse_seconds(text)


def test_negative_times_are_refused():
    with pytest.raises(ValueError, match=r"must be 0 or later .* got '-5'"):
        parse_seconds("-5")


@pytest.mark.parametrize("text", ["1,234.5", "a", "", "1_000"])
def test_numbers_with_thousands_separators_are_refused(text):
    with pytest.raises(ValueError, match=r"must be a number such as 75.2 or 75,2"):
        parse_number(text)


@pytest.mark.parametrize("text", ["2026-03-01T14:03:20", "2026-03-01 14:03:20", "2026-03-01T14:03:20,0"])
def test_dates_with_times(text):
    assert parse_datetime(text) == START


def test_an_hour_may_have_one_digit_and_a_zone_is_kept():
    assert parse_datetime("2026-03-01 9:05") == datetime(2026, 3, 1, 9, 5)
    assert parse_datetime("2026-03-01T14:03:20+00:00") == START.replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-03-01", "14:03:20", "01.03.2026 14:03", "2026-13-01T14:03:20", ""])
def test_what_is_no_date_with_time_is_refused(text):
    with pytest.raises(ValueError, match="must be a date and time such as 2026-03-01T14:03:20"):
        parse_datetime(text)


@pytest.mark.parametrize("text", ["24:00:00", "14", "14:60", "14:03:60", "75.2"])
def test_what_is_no_time_of_day_is_refused(text):
    with pytest.raises(ValueError, match="must be a time of day such as 14:03:20"):
        parse_time_of_day(text)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1)), st.integers(0, 10**10))
def test_full_clock_times_count_from_the_start(start, microseconds):
    moment = start + timedelta(microseconds=microseconds)
    assert parse_time(moment.isoformat(), start_datetime=start) == pytest.approx(microseconds / 1e6, abs=1e-6)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1)), st.integers(0, 86_399_999_999))
def test_a_time_of_day_is_the_first_one_at_or_after_the_start(start, microseconds):
    clock = (start + timedelta(microseconds=microseconds)).time().isoformat()
    found = parse_time(clock, start_datetime=start, time_of_day=True)
    assert 0 <= found < 86400
    assert found == pytest.approx(microseconds / 1e6, abs=1e-6)


def test_plain_times_are_lengths_unless_the_column_says_clock():
    assert parse_time("14:03:30", start_datetime=START) == 14 * 3600 + 3 * 60 + 30
    assert parse_time("14:03:30", start_datetime=START, time_of_day=True) == 10
    assert parse_time("2026-03-01T14:03:30", start_datetime=START, time_of_day=True) == 10


def test_clock_times_need_a_start():
    with pytest.raises(ValueError, match="needs the recording's start_datetime"):
        parse_time("2026-03-01T14:03:20")
    with pytest.raises(ValueError, match="needs the recording's start_datetime"):
        parse_time("14:03:20", time_of_day=True)


def test_clock_times_before_the_start_are_refused():
    with pytest.raises(ValueError, match="must not lie before start_datetime 2026-03-01T14:03:20"):
        parse_time("2026-03-01T14:03:19", start_datetime=START)


def test_time_zones_are_not_mixed():
    with pytest.raises(ValueError, match="must have a time zone just when start_datetime has one"):
        parse_time("2026-03-01T14:03:30+01:00", start_datetime=START)


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_only_finite_times_are_formatted(seconds):
    with pytest.raises(ValueError, match="must be finite and 0 or later"):
        format_time(seconds)
