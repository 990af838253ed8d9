"""How a study speaks: names of settings and protocols, p values, spreads."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from semioscope.core.wording import join_words
from semioscope.report.inputs import as_float, as_list, as_mapping
from semioscope.report.study_inputs import Cell, ProtocolScores, Study
from semioscope.report.wording import (
    PERCENT_METRICS,
    UNDEFINED,
    count,
    interval_text,
    metric_value,
    percent,
    plural,
)  # fmt: skip

_AGGREGATORS = {"mean": "Mean", "fc": "FC", "lstm": "LSTM", "blstm": "BLSTM", "lstm_fc": "LSTM + FC"}
_RULES = {
    "patient": "folds by patient",
    "patients-per-class": "folds with as many patients of each class",
    "leave-one-patient-out": "one patient left out at a time",
    "seizure": "folds by seizure",
    "released": "the folds of the released code",
}
_SELECTIONS = {
    "inner": "epoch chosen inside the training patients",
    "test": "best epoch of the reported fold",
    "none": "fixed number of epochs",
}
_CHOOSING = {
    "inner": "the training patients could not be split once more",
    "test": "there was nothing to choose it on",
}
"""Why a fold chose no epoch, by the selection that it was to have."""
_SUPERSCRIPTS = str.maketrans(
    "-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
)


def aggregator_title(name: str) -> str:
    """Return an aggregator as a heading names it."""
    return _AGGREGATORS.get(name, name)


def gamma_text(gamma: float) -> str:
    r"""Return a gamma as figures and tables write it.

    Examples:
        >>> gamma_text(1.25), gamma_text(4.0), gamma_text(float("inf"))
        ('1.25', '4', '\u221e')
    """
    if math.isnan(gamma):
        return UNDEFINED
    return "\N{INFINITY}" if math.isinf(gamma) else f"{gamma:g}"


def segments_text(num_segments: float) -> str:
    """Return a number of segments as figures and tables write it."""
    return f"{num_segments:g}" if math.isfinite(num_segments) else UNDEFINED


def setting_text(cell: Cell, study: Study) -> str:
    """Return a setting in words: only what the study varies, and the aggregator."""
    parts = [aggregator_title(cell.aggregator)] if cell.aggregator else []
    if math.isfinite(cell.num_segments):
        parts.append(plural(cell.num_segments, "segment"))
    if not math.isnan(cell.gamma):
        parts.append(f"\N{GREEK SMALL LETTER GAMMA}\xa0=\xa0{gamma_text(cell.gamma)}")
    if len(study.backbones) > 1 and cell.backbone:
        parts.append(cell.backbone)
    return ", ".join(parts) or cell.cell_id or "one setting"


def rule_text(protocol: ProtocolScores) -> str:
    """Return how the folds of a protocol were made."""
    return _RULES.get(
        protocol.rule, f"folds by the rule {protocol.rule}" if protocol.rule else "unknown folds"
    )


def protocol_text(protocol: ProtocolScores) -> str:
    """Return folds and selection of a protocol as a clause; folds that could choose nothing are told."""
    return ", ".join(part for part in (rule_text(protocol), _selection_text(protocol)) if part)


def _selection_text(protocol: ProtocolScores) -> str:
    chosen = _SELECTIONS.get(protocol.selection, "")
    sizes = [
        as_float(row.get("num_validation"))
        for row in map(as_mapping, as_list(protocol.scores.get("per_fold")))
    ]
    fixed = sizes.count(0)
    if protocol.selection not in _CHOOSING or not fixed:
        return chosen
    if fixed == len(sizes):
        return f"{_SELECTIONS['none']}, as {_CHOOSING[protocol.selection]} in any fold"
    return (
        f"{chosen} in {count(len(sizes) - fixed)} of {count(len(sizes))} folds, {_SELECTIONS['none']} in the "
        f"{'other' if fixed == 1 else 'others'}, as {_CHOOSING[protocol.selection]} there"
    )


def reach_text(protocol: ProtocolScores) -> str:
    """Return whether patients stand on both sides of a fold, as a sentence."""
    if protocol.by_patient:
        return "No patient stands in training and test of one fold."
    if math.isfinite(protocol.shared_patients):
        who = plural(protocol.shared_patients, "patient stands", "patients stand")
        return f"{who} in training and test of the same fold."
    return "Patients may stand in training and test of the same fold."


def value_text(metric: str, estimate: Mapping[str, Any]) -> str:
    """Return an estimate in one line: ``93.4 % (89.0 to 96.8 %)``."""
    value, interval = metric_value(metric, estimate.get("value")), interval_text(metric, estimate)
    return f"{value} ({interval})" if interval else value


def spread_text(spread: Mapping[str, Any]) -> str:
    """Return a median and the width of its inter-quartile range in percent, as in the paper: ``93.9 (18.3)``."""
    median, iqr = as_float(spread.get("median")), as_float(spread.get("iqr"))
    if not math.isfinite(median):
        return UNDEFINED
    width = f"{100 * iqr:.1f}" if math.isfinite(iqr) else UNDEFINED
    return f"{100 * median:.1f} ({width})"


def gap_text(metric: str, value: object) -> str:
    r"""Return a difference of two scores with its sign: percentage points where the score is a share.

    Examples:
        >>> gap_text("accuracy", 0.0213), gap_text("f1", -0.0001), gap_text("auroc", None)
        ('+2.1', '0.00', 'undefined')
    """
    plain, share = as_float(value), metric in PERCENT_METRICS
    if not math.isfinite(plain):
        return UNDEFINED
    text = f"{100 * plain:+.1f}" if share else f"{plain:+.2f}"
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")


def trainings_text(run: Mapping[str, Any]) -> str:
    """Return how many trainings were done, and of how many where that is not all; empty if it is not said.

    Examples:
        >>> trainings_text({"num_trained": 598, "num_trainings": 600})
        '598 of 600 trainings'
    """
    done, planned = as_float(run.get("num_trained")), as_float(run.get("num_trainings"))
    if not math.isfinite(done):
        return ""
    return plural(done, "training") if done == planned else f"{count(done)} of {plural(planned, 'training')}"


def p_text(value: object) -> str:
    r"""Return a p value without its sign of equality, never as zero.

    Examples:
        >>> p_text(0.0123), p_text(2.3e-8), p_text(0.0)
        ('0.012', '2.3\xa0\xd7\xa010\u207b\u2078', 'below\xa010\u207b\xb9\u2076')
    """
    plain = as_float(value)
    if not math.isfinite(plain):
        return UNDEFINED
    if plain < 1e-16:
        return f"below\xa010{'-16'.translate(_SUPERSCRIPTS)}"
    if plain >= 0.001:
        return f"{plain:.3f}" if plain < 0.9995 else "1.000"
    digits, power = f"{plain:.1e}".split("e")
    return f"{digits}\xa0\N{MULTIPLICATION SIGN}\xa010{str(int(power)).translate(_SUPERSCRIPTS)}"


def p_sentence(value: object) -> str:
    """Return ``p = 0.012`` or ``p below 10\u207b\u00b9\u2076``, or that it is undefined."""
    text = p_text(value)
    return f"p {text}" if text.startswith("below") or text == UNDEFINED else f"p\xa0=\xa0{text}"


def published_best_text(published: Mapping[str, Any]) -> str:
    """Return the best setting of the paper in words; empty if there is none."""
    best = as_mapping(published.get("best"))
    if not best:
        return ""
    gammas = join_or([gamma_text(as_float(gamma)) for gamma in best.get("gammas") or ()])
    parts = [
        aggregator_title(str(best.get("aggregator") or "")),
        plural(best.get("num_segments"), "segment"),
        f"\N{GREEK SMALL LETTER GAMMA}\xa0=\xa0{gammas}" if gammas else "",
    ]
    accuracy, f1 = percent(best.get("accuracy")), as_float(best.get("f1"))
    area = f", F1 {f1:.3f}" if math.isfinite(f1) else ""
    return f"{', '.join(part for part in parts if part)}: {accuracy}{area}"


def join_or(words: Sequence[str]) -> str:
    """Return ``a``, ``a or b`` or ``a, b or c``."""
    return join_words(list(words)).replace(" and ", " or ")
