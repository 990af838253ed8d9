"""Whether pre-training helped, in words. A difference is shown only where both its interval and its test say so."""

import math
from collections.abc import Mapping
from typing import Any

from semioscope.core.wording import counted, join_words
from semioscope.scoring import METRICS

LEVEL = 0.05
_TITLES = {
    "helped": "Pre-training helped",
    "harmed": "Pre-training made it worse",
    "not shown": "Pre-training is not shown to help",
    "unknown": "Whether pre-training helped cannot be said",
}
_TRIVIAL = {"mean_feature": "always the mean feature", "spoilt_input": "the spoilt excerpt as it is"}
"""Answers that learn nothing, as ``trivial_loss`` names them."""


def answer_of(content: Mapping[str, Any], *, metric: str) -> dict[str, Any]:
    """Return ``answer`` of ``benefit.json``: ``verdict``, ``title``, ``lead`` and ``sentences``.

    The verdict is ``helped`` or ``harmed`` where the 95 % interval of the difference between pre-trained and from
    scratch leaves out 0 and the p value, corrected for the three differences, is below 0.05; else ``not shown``, or
    ``unknown`` where there is no difference.

    Args:
        content: The rest of ``benefit.json``.
        metric: The metric of the verdict.
    """
    found = _difference(content, "pretrained", "scratch", metric)
    verdict = _verdict(found)
    if verdict == "unknown":
        lead = f"{_why_unknown(content, metric)}"
    else:
        lead = f"Pre-training: {_compared(content, 'pretrained', 'scratch', metric)}: {_shown(verdict)}."
    sentences = [
        _other_metric(content, "balanced_accuracy"),
        _elsewhere(content, told=(metric, "balanced_accuracy")),
        _frozen(content, metric),
        _larger_class(content, metric),
        overlap_sentence(content["overlap"]),
        _partial(content["pretraining"]),
        _learnt_little(content["pretraining"]),
    ]
    return {
        "metric": metric,
        "verdict": verdict,
        "title": _TITLES[verdict],
        "lead": lead,
        "sentences": [sentence for sentence in sentences if sentence],
    }


def overlap_sentence(overlap: Mapping[str, Any]) -> str:
    """Return whose contextual video pre-training has seen among the tested patients."""
    patients, num_tested = list(overlap["patients"]), overlap["num_tested"]
    if not patients:
        return (
            "No tested patient's contextual video was used in pre-training, as far as patient_id tells: a person "
            "with two ids is not noticed."
        )
    return (
        f"Contextual video of {len(patients)} of {counted(num_tested, 'tested patient')} "
        f"({100 * len(patients) / num_tested:.0f} %) was used in pre-training, without labels: {_listed(patients)}. "
        "A patient without such video may gain less."
    )


def _listed(patients: list[str]) -> str:
    shown = patients[:12]
    return join_words(shown) if len(patients) == len(shown) else f"{', '.join(shown)}, ..."


def _verdict(found: Mapping[str, Any]) -> str:
    value, p_value = _number(found.get("value")), _number(found.get("p_holm"))
    if not math.isfinite(value):
        return "unknown"
    low, high = _number(found.get("low")), _number(found.get("high"))
    if p_value < LEVEL and low > 0:
        return "helped"  # where lower is better, it harmed
    if p_value < LEVEL and high < 0:
        return "harmed"
    return "not shown"


def _shown(verdict: str) -> str:
    return "not shown" if verdict == "not shown" else "shown"


def _why_unknown(content: Mapping[str, Any], metric: str) -> str:
    failed = [one for one in content["variants"] if one["status"] != "done"]
    told = " ".join(f"{one['title']}: {one['message']}" for one in failed)
    return told or f"The {METRICS[metric].label} is undefined."


def _difference(content: Mapping[str, Any], run: str, against: str, metric: str) -> dict[str, Any]:
    """Return the difference of two runs in a metric, flat; empty if one of them is not there."""
    for pair in content["comparison"].get("pairs", ()):
        if (pair["run"], pair["against"]) == (run, against):
            cells = pair["metrics"][metric]
            return {
                **cells["difference"],
                "p_holm": cells["p_holm"],
                "values": [_value(content, name, metric) for name in (run, against)],
            }
    return {}


def _value(content: Mapping[str, Any], name: str, metric: str) -> float:
    runs = {run["name"]: run for run in content["comparison"]["runs"]}
    return _number(runs[name]["estimates"][metric]["value"])


def _compared(content: Mapping[str, Any], run: str, against: str, metric: str) -> str:
    """Return two values, their difference, its interval and its p value, as a clause."""
    found = _difference(content, run, against, metric)
    value, low, high = (_number(found[key]) for key in ("value", "low", "high"))
    interval = f"95 % interval {low:+.2f} to {high:+.2f}" if math.isfinite(low) else "no interval"
    over = f" over {counted(content['cohort']['num_patients'], 'patient')}"
    why = "" if math.isfinite(low) else f" ({str(found['note']).removeprefix('No interval: ').rstrip('.')})"
    names = {"pretrained": "", "scratch": "from scratch", "frozen": "frozen"}
    return (
        f"{METRICS[metric].label} {found['values'][0]:.2f} against {found['values'][1]:.2f} {names[against]}; "
        f"difference {value:+.2f}, {interval}{over}{why}, {_p_text(found['p_holm'])} corrected"
    )


def _other_metric(content: Mapping[str, Any], metric: str) -> str:
    found = _difference(content, "pretrained", "scratch", metric)
    verdict = _verdict(found)
    if verdict == "unknown":
        return ""
    text = _compared(content, "pretrained", "scratch", metric)
    return f"{text[0].upper()}{text[1:]}: {_shown(verdict)}."


def _elsewhere(content: Mapping[str, Any], *, told: tuple[str, ...]) -> str:
    """Say in which other metrics the difference is shown; nothing if in none."""
    metrics = [name for name in content["comparison"].get("metrics", ()) if name not in told]
    found = {name: _difference(content, "pretrained", "scratch", name) for name in metrics}
    words = {True: "better", False: "worse"}
    shown = [
        f"{METRICS[name].label} ({words[(_verdict(cells) == 'helped') == METRICS[name].higher_is_better]}, "
        f"{cells['value']:+.2f})"
        for name, cells in found.items()
        if _verdict(cells) in ("helped", "harmed")
    ]
    if not shown:
        return ""
    return (
        f"In other metrics it is shown: {join_words(shown)}. Their p values are not corrected for looking at "
        f"{len(metrics) + len(told)} metrics."
    )


def _frozen(content: Mapping[str, Any], metric: str) -> str:
    found = _difference(content, "frozen", "scratch", metric)
    verdict = _verdict(found)
    if verdict == "unknown":
        return ""
    text = _compared(content, "frozen", "scratch", metric)
    return f"Frozen (pre-trained, and only the last layer trained): {text}: {_shown(verdict)}."


def _larger_class(content: Mapping[str, Any], metric: str) -> str:
    largest = content["largest"]
    value = _number(largest.get("overall", {}).get(metric))
    if not math.isfinite(value) or not content["comparison"]:
        return ""
    beaten = [
        one["title"]
        for one in content["variants"]
        if one["status"] == "done" and _number(one["averages"]["overall"][metric]["value"]) > value
    ]
    who = (
        f"more than that: {join_words([title.lower() for title in beaten])}" if beaten else "no run has more"
    )
    return f"To call every seizure {largest['class']} would have {METRICS[metric].label} {value:.2f}; {who}."


def _partial(pretraining: Mapping[str, Any]) -> str:
    step, num_steps = pretraining["step"], pretraining["num_steps"]
    if step >= num_steps:
        return ""
    return f"The pre-training is not finished: step {step} of {num_steps} was used."


def _learnt_little(pretraining: Mapping[str, Any]) -> str:
    """Say so where pre-training does no better than answers that learn nothing."""
    by_epoch = pretraining["epoch_loss"]
    if not by_epoch:
        return ""
    unbeaten = [
        f"{title} has {pretraining['trivial_loss'][name]:.6g}"
        for name, title in _TRIVIAL.items()
        if by_epoch[-1] >= _number(pretraining["trivial_loss"].get(name))
    ]
    if not unbeaten:
        return ""
    return (
        f"The pre-training has learnt {'nothing' if len(unbeaten) == len(_TRIVIAL) else 'little'} that could help: "
        f"its loss was {by_epoch[-1]:.6g} in the last whole epoch, and {join_words(unbeaten)}."
    )


def _p_text(p_value: object) -> str:
    plain = _number(p_value)
    if not math.isfinite(plain):
        return "p undefined"
    return "p < 0.001" if plain < 0.001 else f"p = {plain:.2g}"


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
