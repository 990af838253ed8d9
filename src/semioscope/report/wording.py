"""How numbers are written: units, intervals, and the word *undefined* where there is no number."""

import math
from collections.abc import Mapping
from typing import Any

from semioscope.report.inputs import as_float, as_mapping

UNDEFINED = "undefined"

PERCENT_METRICS = frozenset({"accuracy", "balanced_accuracy", "sensitivity", "specificity", "precision"})

METRIC_NAMES: dict[str, str] = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "precision": "Precision",
    "f1": "F1",
    "macro_f1": "Macro F1",
    "auroc": "Area under ROC",
    "auprc": "Area under precision-recall",
    "brier": "Brier score",
    "mcc": "Matthews correlation",
    "log_loss": "Log loss",
}

METRIC_MEANINGS: dict[str, str] = {
    "accuracy": "share of all that were right",
    "balanced_accuracy": "mean over the classes of the share that was right; 50 % is guessing between two",
    "sensitivity": "share of the positive class that was found",
    "specificity": "share of the other class that was left alone",
    "precision": "share of the positive calls that were right",
    "f1": "one figure from precision and sensitivity; 1 is perfect",
    "macro_f1": "mean of F1 over the classes",
    "auroc": "chance that a positive one scores above a negative one; 0.5 is guessing",
    "auprc": "mean precision over all sensitivities; guessing gives the share of positives",
    "brier": "mean squared error of the probability; 0 is perfect",
    "mcc": "correlation of call and truth; 0 is guessing, 1 is perfect",
    "log_loss": "surprise at the truth; 0 is perfect",
}


def number(value: object, digits: int = 2) -> str:
    """Return a number with fixed digits, or *undefined*."""
    plain = as_float(value)
    if math.isnan(plain):
        return UNDEFINED
    if math.isinf(plain):
        return "infinite" if plain > 0 else "minus infinite"
    return f"{plain:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def percent(value: object, digits: int = 1) -> str:
    r"""Return a fraction as a percentage, or *undefined*.

    Examples:
        >>> percent(0.8889), percent(None)
        ('88.9\xa0%', 'undefined')
    """
    plain = as_float(value)
    return f"{100 * plain:.{digits}f}\xa0%" if math.isfinite(plain) else UNDEFINED


def percent_beside(value: object, threshold: object, digits: int = 1) -> str:
    r"""Return a fraction as a percentage, with as many digits as tell it from a threshold that it is not.

    Examples:
        >>> percent_beside(0.4, 0.5), percent_beside(0.49996, 0.5), percent_beside(0.5, 0.5)
        ('40.0\xa0%', '49.996\xa0%', '50.0\xa0%')
    """
    return percent(value, _digits_beside(value, threshold, least=digits, most=7, scale=100))


def number_beside(value: object, threshold: object, digits: int = 2) -> str:
    """Return a number with as many digits as tell it from a threshold that it is not, or *undefined*."""
    return number(value, _digits_beside(value, threshold, least=digits, most=9, scale=1))


def _digits_beside(value: object, threshold: object, *, least: int, most: int, scale: float) -> int:
    one, other = scale * as_float(value), scale * as_float(threshold)
    if one == other or not (math.isfinite(one) and math.isfinite(other)):
        return least
    apart = (digits for digits in range(least, most) if f"{one:.{digits}f}" != f"{other:.{digits}f}")
    return next(apart, most)


def points(value: object) -> str:
    """Return a difference of fractions in percentage points with its sign, or *undefined*."""
    plain = as_float(value)
    if not math.isfinite(plain):
        return UNDEFINED
    return f"{100 * plain:+.1f}".replace("-", "\N{MINUS SIGN}")


def metric_value(name: str, value: object) -> str:
    """Return a metric as it is usually written: shares in percent, the rest with two digits."""
    return percent(value) if name in PERCENT_METRICS else number(value)


def mean_text(cells: object, digits: int = 3) -> str:
    """Return mean and standard deviation over folds as papers print them, or *undefined*.

    Examples:
        >>> mean_text({"mean": 0.8294, "sd": 0.0551, "num_folds": 5}), mean_text({"mean": None})
        ('0.829 ± 0.055', 'undefined')
    """
    mean, sd = (as_float(as_mapping(cells).get(key)) for key in ("mean", "sd"))
    if not math.isfinite(mean):
        return UNDEFINED
    return f"{number(mean, digits)} ± {number(sd, digits)}" if math.isfinite(sd) else number(mean, digits)


def interval_text(name: str, estimate: object) -> str:
    """Return ``75.0 to 96.4 %`` of an estimate, or an empty text when it has no interval."""
    low, high = as_float(as_mapping(estimate).get("low")), as_float(as_mapping(estimate).get("high"))
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    if name in PERCENT_METRICS:
        return f"{100 * low:.1f} to {100 * high:.1f}\xa0%"
    return f"{low:.2f} to {high:.2f}".replace("-", "\N{MINUS SIGN}")


def difference_text(estimate: object) -> str:
    """Return a difference of accuracies with its interval, in percentage points; *undefined* if there is none."""
    cells = as_mapping(estimate)
    text = points(cells.get("value"))
    low, high = points(cells.get("low")), points(cells.get("high"))
    return text if UNDEFINED in (low, high, text) else f"{text} ({low} to {high})"


def estimate_cell(name: str, estimate: object) -> dict[str, Any]:
    """Return what a table shows of an estimate: ``value``, ``interval``, ``note`` and ``sort``."""
    cells = as_mapping(estimate)
    value = cells.get("value")
    return {
        "value": metric_value(name, value),
        "interval": interval_text(name, estimate),
        "note": str(cells.get("note") or ""),
        "sort": as_float(value),
        "dropped": dropped_text(cells),
    }


def dropped_text(estimate: Mapping[str, Any]) -> str:
    """Return how many resamples stand behind an interval, and how many were undefined and dropped."""
    made, dropped = as_float(estimate.get("num_resamples")), as_float(estimate.get("num_dropped"))
    if not made > 0:
        return ""
    if dropped > 0:
        return f"{count(made)} resamples, {count(dropped)} undefined and dropped"
    return f"{count(made)} resamples"


def count(value: object) -> str:
    """Return a whole number with thin spaces between the thousands, or *undefined*."""
    plain = as_float(value)
    return f"{plain:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}") if math.isfinite(plain) else UNDEFINED


def plural(amount: object, noun: str, nouns: str = "") -> str:
    """Return ``1 seizure`` or ``3 seizures``."""
    return f"{count(amount)} {noun if as_float(amount) == 1 else nouns or noun + 's'}"


def seconds_text(value: object, digits: int = 1) -> str:
    """Return a time in seconds with its unit, or *undefined*."""
    plain = as_float(value)
    return f"{plain:.{digits}f}\xa0s" if math.isfinite(plain) else UNDEFINED


def clock_text(value: object) -> str:
    """Return a time in a recording as ``m:ss.s`` or ``h:mm:ss.s``, or *undefined*.

    Examples:
        >>> clock_text(75.25), clock_text(3723.0)
        ('1:15.2', '1:02:03.0')
    """
    plain = as_float(value)
    if not math.isfinite(plain):
        return UNDEFINED
    tenths = round(abs(plain) * 10)
    minutes, rest = divmod(tenths, 600)
    sign = "\N{MINUS SIGN}" if plain < 0 and tenths else ""
    text = f"{rest / 10:04.1f}"
    if minutes < 60:
        return f"{sign}{minutes}:{text}"
    return f"{sign}{minutes // 60}:{minutes % 60:02d}:{text}"


def lowered(title: str) -> str:
    """Return a title as it stands inside a sentence: a small first letter, unless the word is an abbreviation."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title
