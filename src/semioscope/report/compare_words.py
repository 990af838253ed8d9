"""What a comparison of runs says: the answer in words, and the rows of its tables."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from semioscope.core.wording import join_words
from semioscope.report.inputs import as_float, as_list, as_mapping
from semioscope.report.wording import (
    METRIC_NAMES,
    PERCENT_METRICS,
    count,
    lowered,
    metric_value,
    number,
    plural,
)  # fmt: skip
from semioscope.scoring import METRICS

LEVEL = 0.05
Verdict = Literal["better", "unclear", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairWords:
    """What is said of two runs in one metric.

    Args:
        verdict: Whether one is better, or that could be chance, or it cannot be said.
        short: A few words, for a headline.
        best: The run that is ahead; empty if none is.
        other: The run that is behind.
        sentence: With figures.
    """

    verdict: Verdict
    short: str
    sentence: str
    best: str = ""
    other: str = ""


def pair_words(content: Mapping[str, Any], pair: Mapping[str, Any], metric: str) -> PairWords:
    """Judge two runs in one metric, by the p value that is corrected for the number of pairs."""
    cells = as_mapping(as_mapping(pair["metrics"]).get(metric))
    difference, test = as_mapping(cells.get("difference")), as_mapping(cells.get("test"))
    value, p_value = as_float(difference.get("value")), as_float(cells.get("p_holm"))
    name, run, against = _in_sentence(metric), str(pair["run"]), str(pair["against"])
    if math.isnan(value) or math.isnan(p_value):
        why = str(test.get("note") or difference.get("note") or "it is undefined")
        said = f"Which of {against} and {run} is better in {name} cannot be said: {lowered(why).rstrip('.')}."
        return PairWords(
            verdict="unknown", short=f"{against} and {run} cannot be told apart in {name} here", sentence=said
        )
    many = as_float(content.get("num_comparisons"))
    corrected = f", corrected for {count(many)} comparisons" if many > 1 else ""
    if abs(value) < 1e-12:
        how = f"({p_text(p_value)}{corrected})"
        return PairWords(
            verdict="unclear",
            short=f"{against} and {run} are alike in {name}",
            sentence=f"{against} and {run} have the same {name} {how}.",
        )
    ahead = (value > 0) == METRICS[metric].higher_is_better
    best, other = (run, against) if ahead else (against, run)
    size, interval = _size(metric, value), _interval(metric, difference, turned=value < 0)
    in_brackets = "; ".join(
        [f"95 % interval {interval}" if interval else "no interval", p_text(p_value) + corrected]
    )
    # between protocols it is not the models alone that differ
    better = "scores better than" if content.get("comparison") == "protocols" else "is better than"
    if p_value < LEVEL:
        return PairWords(
            verdict="better",
            short=f"{best} {better} {other} in {name}",
            sentence=f"{best} {better} {other} in {name} by {size} ({in_brackets}).",
            best=best,
            other=other,
        )
    return PairWords(
        verdict="unclear",
        short=f"The difference between {against} and {run} in {name} could be chance",
        sentence=f"{best} is ahead of {other} in {name} by {size}, but the difference could be chance "
        f"({in_brackets}).",
        best=best,
        other=other,
    )


def headline(content: Mapping[str, Any]) -> str:
    """Return the answer in a few words, with the metric that it speaks of."""
    metric, pairs = str(content["metric"]), as_list(content["pairs"])
    words = [pair_words(content, pair, metric) for pair in pairs]
    sure = [one for one in words if one.verdict == "better"]
    if len(words) == 1:
        text = words[0].short
    elif not sure:
        text = f"Every difference in {_in_sentence(metric)} could be chance"
    else:
        parts = []
        one_better, many_better = (
            ("scores better than", "score better than")
            if content["comparison"] == "protocols"
            else ("is better than", "are better than")
        )
        for other in dict.fromkeys(one.other for one in sure):
            same = [one.best for one in sure if one.other == other]
            parts.append(f"{join_words(same)} {one_better if len(same) == 1 else many_better} {other}")
        text = (
            f"{join_words(parts)} in {_in_sentence(metric)}"
            if len(parts) <= 2
            else f"{len(sure)} of {len(words)} differences in {_in_sentence(metric)} are more than chance"
        )
    return f"Between protocols: {text}" if content["comparison"] == "protocols" else text


def verdict_title(judged: Sequence[PairWords], metric: str) -> str:
    """Return what the differences in a metric are, all together."""
    kinds, where = {one.verdict for one in judged}, f"in {_in_sentence(metric)}"
    if "better" in kinds:
        return f"More than chance {where}" + ("" if len(kinds) == 1 else ", but not every difference")
    return f"Could be chance {where}" if "unclear" in kinds else f"Cannot be said {where}"


def other_metrics(content: Mapping[str, Any]) -> str:
    """Say in which other metrics runs differ by more than chance where the answer does not say so; else empty."""
    lead = str(content["metric"])
    told = []
    for pair in map(as_mapping, as_list(content["pairs"])):
        known = pair_words(content, pair, lead)
        for metric in map(str, as_list(content["metrics"])):
            found = pair_words(content, pair, metric)
            same = (found.verdict, found.best) == (known.verdict, known.best)
            if found.verdict == "better" and not same:
                p_value = as_mapping(as_mapping(pair["metrics"]).get(metric)).get("p_holm")
                told.append(f"{found.short} ({p_text(p_value)})")
    if not told:
        return ""
    return (
        f"The answer is about {_in_sentence(lead)} only. More than chance in other metrics, by p values that are not "
        f"corrected for looking at {len(as_list(content['metrics']))} of them: {'; '.join(told)}."
    )


def what_was_compared(content: Mapping[str, Any]) -> str:
    """Return on how many seizures, of how many patients, and in which folds."""
    events = as_mapping(content["events"])
    where = {
        "same folds": "tested in the same folds",
        "other folds": "tested in different folds",
        "protocols": "tested under different protocols",
    }[str(content["comparison"])]
    seizures, patients = plural(events["num_common"], "seizure"), plural(events["num_patients"], "patient")
    return f"{plural(len(as_list(content['runs'])), 'run')} on {seizures} of {patients}, {where}."


def cautions(content: Mapping[str, Any]) -> list[str]:
    """Return what must be read with the answer: other folds or protocols, other metrics, events left out."""
    told = []
    if content["comparison"] == "protocols":
        rules = join_words(
            [
                f"{run['name']}: folds by {run['rule']}, selection on {run['selection']}"
                for run in content["runs"]
            ]
        )
        told.append(
            f"This compares protocols, not only models ({rules}). A difference may come from how the runs were "
            "tested rather than from what they learnt."
        )
    elif content["comparison"] == "other folds":
        told.append(
            "The runs did not have the same folds, so their models learnt from different seizures. A difference may "
            "come from that."
        )
    told += map(str, as_list(content["differences"]))
    told += filter(None, [other_metrics(content)])
    left_out = [as_mapping(event) for event in as_list(as_mapping(content["events"]).get("left_out"))]
    if left_out:
        names = [str(event["event_id"]) for event in left_out]
        listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        one = len(names) == 1
        told.append(
            f"{plural(len(names), 'seizure')} {'is' if one else 'are'} not compared, because not every run scored "
            f"{'it' if one else 'them'}: {listed}."
        )
    return told


def test_words(content: Mapping[str, Any]) -> str:
    """Return how the p values were made and corrected."""
    many = as_float(content["num_comparisons"])
    corrected = (
        f" Corrected, in each metric, for {count(many)} comparisons of runs: by Holm's method, and by Bonferroni's."
        if many > 1
        else " One comparison of runs, so nothing is corrected."
    )
    return f"{how_tested(content)}{corrected}"


def how_tested(content: Mapping[str, Any]) -> str:
    """Return how the p values were made."""
    tests = [
        as_mapping(as_mapping(cells)["test"])
        for pair in as_list(content["pairs"])
        for cells in as_mapping(as_mapping(pair)["metrics"]).values()
    ]
    exact = [test for test in tests if test["is_exact"]]
    drawn = [
        as_float(test["num_flips"])
        for test in tests
        if not test["is_exact"] and as_float(test["num_flips"]) > 0
    ]
    most = count(max((test["num_flips"] for test in exact), default=0))
    some = f"{count(max(drawn, default=0))} drawn arrangements (seed {content['seed']})"
    if exact and drawn:
        looked = f" in all possible arrangements where these are few (up to {most} here), else in {some}"
    elif exact:
        looked = f" in all possible arrangements (up to {most})"
    else:
        looked = f" in {some}" if drawn else ""
    return (
        "p: two-sided sign-flip permutation test with the patient as the unit: the predictions of the two runs are "
        f"exchanged for whole patients{looked}."
    )


def mcnemar_words(pair: Mapping[str, Any]) -> str:
    """Return McNemar's test of a pair in words."""
    cells = as_mapping(pair["mcnemar_events"])
    return (
        f"Only {pair['run']} is right on {plural(cells['num_only_run'], 'seizure')}, only {pair['against']} on "
        f"{count(cells['num_only_against'])}; McNemar's exact test of seizures: {p_text(cells['p_value'])}. It takes "
        "seizures of one patient to be independent, which they are not."
    )


def p_text(value: object) -> str:
    """Return ``p = 0.03``, ``p < 0.001`` or ``p undefined``."""
    plain = as_float(value)
    if math.isnan(plain):
        return "p undefined"
    return "p < 0.001" if plain < 0.001 else f"p = {p_number(plain)}"


def p_number(value: object) -> str:
    """Return a p value with two digits that count."""
    plain = as_float(value)
    if math.isnan(plain):
        return "undefined"
    return "< 0.001" if plain < 0.001 else f"{plain:.2g}"


def difference_cell(metric: str, estimate: object) -> dict[str, str]:
    """Return ``value``, ``interval`` and ``note`` of a difference; shares in percentage points."""
    cells = as_mapping(estimate)
    value = as_float(cells.get("value"))
    return {
        "value": "undefined" if math.isnan(value) else _signed(metric, value),
        "interval": _interval(metric, cells, turned=False),
        "note": str(cells.get("note") or ""),
    }


def unit_words(metrics: Sequence[str]) -> str:
    """Return in which unit differences are given."""
    shares = [_in_sentence(name) for name in metrics if name in PERCENT_METRICS]
    return f"Differences of {join_words(shares)} are in percentage points." if shares else ""


def metric_title(metric: str) -> str:
    """Return the name of a metric; it says so where lower is better."""
    return METRIC_NAMES.get(metric, metric) + (
        "" if METRICS[metric].higher_is_better else " (lower is better)"
    )


def value_text(metric: str, estimate: object) -> str:
    """Return a score with its interval in one line."""
    cells = as_mapping(estimate)
    interval = _interval(metric, cells, turned=False, signed=False)
    return metric_value(metric, cells.get("value")) + (f" ({interval})" if interval else "")


def setting_text(value: object) -> str:
    """Return a setting as a table shows it."""
    if value is None:
        return "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(setting_text, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _in_sentence(metric: str) -> str:
    return METRICS[metric].label


def _size(metric: str, value: float) -> str:
    size = abs(value)
    return f"{100 * size:.1f} percentage points" if metric in PERCENT_METRICS else number(size)


def _signed(metric: str, value: float) -> str:
    scaled, digits = (100 * value, 1) if metric in PERCENT_METRICS else (value, 2)
    rounded = round(scaled, digits) + 0.0  # no minus sign before a zero
    return f"{rounded:{'+' if rounded else ''}.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _interval(metric: str, cells: Mapping[str, Any], *, turned: bool, signed: bool = True) -> str:
    low, high = as_float(cells.get("low")), as_float(cells.get("high"))
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    low, high = (-high, -low) if turned else (low, high)
    scale, digits = (100, 1) if metric in PERCENT_METRICS else (1, 2)
    text = " to ".join(f"{round(scale * end, digits) + 0.0:.{digits}f}" for end in (low, high))
    unit = "" if signed or metric not in PERCENT_METRICS else "\xa0%"
    return text.replace("-", "\N{MINUS SIGN}") + unit
