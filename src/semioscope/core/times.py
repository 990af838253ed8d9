"""Times as people write them in tables: seconds, minutes and seconds, clock times.

All functions raise ValueError with a sentence that says what must hold and what came; who calls them adds the
row. Sums are made in decimal arithmetic, so ``1:15.2`` is the same number as ``75.2``.
"""

import math
import re
from datetime import datetime, time, timedelta
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][+-]?[0-9]+)?")
_SEXAGESIMAL = re.compile(r"(?:([0-9]+):)?([0-9]+):([0-9]{1,2}(?:[.,][0-9]*)?)")
_TIME_OF_DAY = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}(?:[.,][0-9]*)?))?")
_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{1,2}:[0-9]{2}.*")


def parse_number(text: str) -> float:
    """Return a finite number; a decimal comma is a decimal point.

    Raises:
        ValueError: If the text is not one number. Thousands separators are refused, they are ambiguous.

    Examples:
        >>> [parse_number(text) for text in ("75.2", "75,2", "-1e-3")]
        [75.2, 75.2, -0.001]
    """
    stripped = text.strip()
    value = float(stripped.replace(",", ".")) if _NUMBER.fullmatch(stripped) else math.nan
    if not math.isfinite(value):
        msg = f"must be a number such as 75.2 or 75,2 (no thousands separators, no unit), got {text!r}"
        raise ValueError(msg)
    return value


def parse_seconds(text: str) -> float:
    """Return the seconds of ``75.2``, ``75,2``, ``1:15.2`` or ``0:01:15,2``; 0 or later.

    With two colons the minutes are below 60; the seconds after a colon always are.

    Raises:
        ValueError: If it is written otherwise, or negative.

    Examples:
        >>> [parse_seconds(text) for text in ("75,2", "1:15.2", "00:01:15.2")]
        [75.2, 75.2, 75.2]
    """
    stripped = text.strip()
    match = _SEXAGESIMAL.fullmatch(stripped)
    if match:
        hours, minutes = Decimal(match[1] or 0), Decimal(match[2])
        seconds = Decimal(match[3].replace(",", "."))
        if seconds >= 60 or (match[1] is not None and minutes >= 60):
            msg = f"must have minutes and seconds below 60, got {text!r}"
            raise ValueError(msg)
        value = float(hours * 3600 + minutes * 60 + seconds)
    elif _NUMBER.fullmatch(stripped):
        value = parse_number(stripped)
    else:
        value = math.nan
    if not math.isfinite(value):
        msg = f"must be a time such as 75.2 (seconds), 1:15.2 or 00:01:15.2, got {text!r}"
        raise ValueError(msg)
    if value < 0:
        msg = f"must be 0 or later (seconds from the first displayed frame), got {text!r}"
        raise ValueError(msg)
    return value + 0.0


def parse_datetime(text: str) -> datetime:
    """Return the date and time of ISO 8601 text such as ``2026-03-01T14:03:20.5``; a space may replace the T.

    Raises:
        ValueError: If it is written otherwise, or is a date without a time.
    """
    stripped = text.strip()
    try:
        if not _DATETIME.fullmatch(stripped):
            raise ValueError
        date, clock = re.split("[T ]", stripped, maxsplit=1)
        padded = clock if clock[1] != ":" else f"0{clock}"
        return datetime.fromisoformat(f"{date}T{padded.replace(',', '.')}")
    except ValueError as err:
        msg = f"must be a date and time such as 2026-03-01T14:03:20, got {text!r}"
        raise ValueError(msg) from err


def parse_time_of_day(text: str) -> time:
    """Return the time of day of ``14:03``, ``14:03:20`` or ``14:03:20,5``.

    Raises:
        ValueError: If it is written otherwise.
    """
    match = _TIME_OF_DAY.fullmatch(text.strip())
    if match:
        seconds = Decimal((match[3] or "0").replace(",", "."))
        hour, minute, second = int(match[1]), int(match[2]), int(seconds)
        if hour < 24 and minute < 60 and second < 60:
            return time(hour, minute, second, int((seconds - second) * 1_000_000))
    msg = f"must be a time of day such as 14:03:20, got {text!r}"
    raise ValueError(msg)


def parse_time(text: str, *, start_datetime: datetime | None = None, time_of_day: bool = False) -> float:
    """Return seconds from the first displayed frame of a recording.

    A full date and time counts from ``start_datetime``. Other text is a duration, or, with ``time_of_day``,
    the first such time of day at or after ``start_datetime``.

    Args:
        text: As in a table.
        start_datetime: Clock time of the first displayed frame of the recording, or None.
        time_of_day: The text comes from a column of clock times.

    Raises:
        ValueError: If the text is not a time, a clock time has no start, or it lies before the start.

    Examples:
        >>> start = datetime(2026, 3, 1, 23, 59, 50)
        >>> parse_time("00:00:05", start_datetime=start, time_of_day=True)
        15.0
        >>> parse_time("2026-03-02T00:00:05", start_datetime=start)
        15.0
    """
    full = bool(_DATETIME.fullmatch(text.strip()))
    if not full and not time_of_day:
        return parse_seconds(text)
    moment = parse_datetime(text) if full else None
    clock = None if full else parse_time_of_day(text)
    if start_datetime is None:
        msg = f"is the clock time {text!r}, which needs the recording's start_datetime"
        raise ValueError(msg)
    if moment is not None:
        if (moment.tzinfo is None) != (start_datetime.tzinfo is None):
            msg = f"must have a time zone just when start_datetime has one, got {text!r} and {start_datetime}"
            raise ValueError(msg)
        seconds = (moment - start_datetime).total_seconds()
        if seconds < 0:
            msg = f"must not lie before start_datetime {start_datetime.isoformat()}, got {text!r}"
            raise ValueError(msg)
        return seconds
    assert clock is not None
    return (
        (_since_midnight(clock) - _since_midnight(start_datetime.time()))
        % timedelta(days=1)
        / timedelta(seconds=1)
    )


def format_time(seconds: float) -> str:
    """Return seconds as ``h:mm:ss`` with the decimals it needs; ``parse_seconds`` gives the number back.

    Args:
        seconds: Finite, 0 or later.

    Examples:
        >>> format_time(75.2), format_time(3600.0)
        ('0:01:15.2', '1:00:00')
    """
    if not math.isfinite(seconds) or seconds < 0:
        msg = f"A time must be finite and 0 or later, got {seconds}."
        raise ValueError(msg)
    whole, fraction = divmod(Decimal(repr(float(seconds))), 1)
    decimals = f"{fraction:f}".partition(".")[2].rstrip("0")
    minutes, rest = divmod(int(whole), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" + (f".{decimals}" if decimals else "")


def _since_midnight(clock: time) -> timedelta:
    return timedelta(
        hours=clock.hour, minutes=clock.minute, seconds=clock.second, microseconds=clock.microsecond
    )
