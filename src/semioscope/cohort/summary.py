"""The figures that describe a cohort, beside those that were published.

Methods: GESTURES 2021, section 1, "Cohort".
"""

import math
from collections import Counter
from collections.abc import Sequence
from statistics import fmean, median, stdev
from typing import Any

from semioscope.cohort.agreement import agreement_of
from semioscope.cohort.cohort import Cohort
from semioscope.cohort.events import EventSelection, seizures_of
from semioscope.cohort.tasks import Task
from semioscope.core.records import Event
from semioscope.core.wording import counted

PUBLISHED: dict[str, dict[str, str]] = {
    "fos-vs-tcs": {
        "source": "GESTURES 2021",
        "num_patients": "68",
        "patients FOS only": "2",
        "patients TCS only": "32",
        "patients FOS + TCS": "34",
        "labelled FOS": "141",
        "used FOS": "106",
        "labelled TCS": "77 (79 in the introduction)",
        "used TCS": "77",
        "duration FOS": "53 (16-701)",
        "duration TCS": "93 (51-1098)",
        "seizures_per_patient": "2 (1-16)",
        "minutes": "298",
        "clonic_share": "20 %",
        "ratio": "0.56 (0.18)",
        "ratio_above_half": "49 of 79",
        "ratio_max": "0.93",
        "min_segments": "15",
    }
}
"""Published figures by task: what a paper says of its cohort, as text, for the column beside one's own."""


def summarise(cohort: Cohort, task: Task, *, min_duration_seconds: float = 15.0) -> dict[str, Any]:
    """Return the figures of a cohort under a task as plain data.

    ``used`` are the seizures that ``seizures_of`` keeps with ``min_duration_seconds``; all figures but ``labelled``
    are over them; parts of recordings beside seizures are not counted. A seizure's duration, and its
    r = (tG - t0)/(t1 - t0), is the mean over its views. An undefined figure is NaN.

    Args:
        cohort: The cohort.
        task: The task.
        min_duration_seconds: As in ``seizures_of``; the published cohort has 15.

    Returns:
        ``parts_class``, ``patients`` (``num``, ``by_class``), ``classes`` (per class ``num_labelled``, ``num_used``,
        ``num_patients``, ``duration_seconds``, ``num_with_clonic_onset``), ``seizures_per_patient``,
        ``minutes``, ``clonic_share``, ``ratio`` (``num``, ``mean``, ``sd``, ``num_above_half``,
        ``share_above_half``, ``max``), ``min_segments``, ``views``, ``left_out``, ``agreement``, ``warnings``.

    Raises:
        ConfigError: If no row has the task's column.
    """
    labelled = seizures_of(cohort, task)
    used = seizures_of(cohort, task, min_duration_seconds=min_duration_seconds)
    ratios = [ratio for ratio in map(clonic_ratio, used.events) if ratio is not None]
    seconds = math.fsum(event.duration_seconds for event in used.events)
    clonic_seconds = math.fsum(_clonic_seconds(event) for event in used.events)
    per_patient = Counter(event.patient_id for event in used.events)
    ratio_max = max(ratios, default=math.nan)
    return {
        "task": task.name,
        "class_names": list(task.class_names),
        "parts_class": task.parts_class,
        "min_duration_seconds": min_duration_seconds,
        "num_seizures": len(cohort.seizures),
        "num_events": len(used.events),
        "patients": {"num": len(per_patient), "by_class": _patients_by_class(used)},
        "classes": {
            name: _class_figures(index, labelled.events, used.events)
            for index, name in enumerate(task.class_names)
        },
        "seizures_per_patient": _spread(list(per_patient.values())),
        "minutes": seconds / 60,
        "clonic_share": clonic_seconds / seconds if seconds else math.nan,
        "ratio": {
            "num": len(ratios),
            "mean": fmean(ratios) if ratios else math.nan,
            "sd": stdev(ratios) if len(ratios) > 1 else math.nan,
            "num_above_half": sum(ratio > 0.5 for ratio in ratios),
            "share_above_half": sum(ratio > 0.5 for ratio in ratios) / len(ratios) if ratios else math.nan,
            "max": ratio_max,
        },
        "min_segments": min_segments(ratio_max) if ratios else None,
        "views": _views(cohort),
        "left_out": used.reasons,
        "agreement": agreement_of(cohort, task),
        "warnings": [str(warning) for warning in (*cohort.warnings, *used.warnings)],
    }


def min_segments(ratio_max: float) -> int:
    """Return the least number of segments with one that lies wholly in the clonic phase: ceil(1/(1 - r_max)).

    Args:
        ratio_max: Largest r of the cohort, in [0, 1).

    Examples:
        >>> min_segments(0.93), min_segments(0.9), min_segments(0.5)
        (15, 10, 2)
    """
    if not 0 <= ratio_max < 1:
        msg = f"r_max must be in [0, 1), got {ratio_max}."
        raise ValueError(msg)
    return math.ceil(round(1 / (1 - ratio_max), 9))


def clonic_ratio(event: Event) -> float | None:
    """Return r = (tG - t0)/(t1 - t0), the mean over the views that have a clonic onset, or None."""
    ratios = [
        (view.clonic_onset_seconds - view.onset_seconds) / view.duration_seconds
        for view in event.views
        if view.clonic_onset_seconds is not None
    ]
    return fmean(ratios) if ratios else None


def render_summary(summary: dict[str, Any]) -> str:
    """Return the figures as a plain-text table, with published figures beside them where the task has some."""
    published = PUBLISHED.get(summary["task"], {})
    rows = _rows(summary)
    header = ("", "this cohort", f"{published['source']} (published)" if published else "")
    lines = [header, *((name, value, published.get(key, "")) for key, name, value in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(2)]
    text = ["  ".join((a.ljust(widths[0]), b.ljust(widths[1]), c)).rstrip() for a, b, c in lines]
    text.insert(1, "-" * max(map(len, text)))
    if summary["parts_class"]:
        text += [
            "",
            f"Figures are of seizures. Parts of recordings beside them ({summary['parts_class']}) are not counted.",
        ]
    if summary["left_out"]:
        text += ["", "Left out:"]
        text += [f"  {number} x {reason}" for reason, number in summary["left_out"].items()]
    if summary["agreement"]:
        text += ["", *_agreement_lines(summary["agreement"])]
    if summary["warnings"]:
        text += ["", "Warnings:", *(f"  {warning}" for warning in summary["warnings"])]
    return "\n".join(text)


def _patients_by_class(selection: EventSelection) -> dict[str, int]:
    names = selection.task.class_names
    sets: dict[str, set[int]] = {}
    for event in selection.events:
        if event.y_true is not None:
            sets.setdefault(event.patient_id, set()).add(event.y_true)
    counts = Counter(tuple(sorted(classes)) for classes in sets.values())
    alone = {f"{name} only": counts.get((index,), 0) for index, name in enumerate(names)}
    mixed = {
        " + ".join(names[index] for index in classes): number
        for classes, number in sorted(counts.items())
        if len(classes) > 1
    }
    every = " + ".join(names)
    return {**alone, **mixed} if len(names) > 2 else {**alone, every: mixed.get(every, 0)}


def _class_figures(index: int, labelled: Sequence[Event], used: Sequence[Event]) -> dict[str, Any]:
    events = [event for event in used if event.y_true == index]
    return {
        "num_labelled": sum(event.y_true == index for event in labelled),
        "num_used": len(events),
        "num_patients": len({event.patient_id for event in events}),
        "duration_seconds": _spread([event.duration_seconds for event in events]),
        "num_with_clonic_onset": sum(clonic_ratio(event) is not None for event in events),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return dict.fromkeys(("median", "mean", "min", "max"), math.nan)
    return {"median": median(values), "mean": fmean(values), "min": min(values), "max": max(values)}


def _clonic_seconds(event: Event) -> float:
    stretches = [
        view.offset_seconds - view.clonic_onset_seconds
        for view in event.views
        if view.clonic_onset_seconds is not None
    ]
    return fmean(stretches) if stretches else 0.0


def _views(cohort: Cohort) -> dict[str, dict[str, int]]:
    views = [view for seizure in cohort.seizures for view in seizure.views]
    per_seizure = Counter(len(seizure.views) for seizure in cohort.seizures)
    return {
        "per_seizure": {str(number): per_seizure[number] for number in sorted(per_seizure)},
        "by_name": dict(sorted(Counter(cohort.recordings[view.recording_id].view for view in views).items())),
        "use": {use: sum(view.use == use for view in views) for use in ("train", "evaluate", "no")},
        "recordings": dict(
            sorted(Counter(recording.role for recording in cohort.recordings.values()).items())
        ),
    }


def _rows(summary: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (key of the published figure, name, value) per line."""
    least = f"{summary['min_duration_seconds']:g} s"
    rows = [("num_patients", "patients", str(summary["patients"]["num"]))]
    for name, number in summary["patients"]["by_class"].items():
        rows.append((f"patients {name}", f"  with {name}", str(number)))
    for name, figures in summary["classes"].items():
        rows.append((f"labelled {name}", f"seizures {name}", str(figures["num_labelled"])))
        rows.append((f"used {name}", f"  of at least {least}", str(figures["num_used"])))
        spread = figures["duration_seconds"]
        rows.append((f"duration {name}", "  duration, median (range) s", _median_range(spread)))
        rows.append(("", "  duration, mean s", _number(spread["mean"])))
    ratio = summary["ratio"]
    per_patient = _median_range(summary["seizures_per_patient"])
    rows += [
        ("seizures_per_patient", "seizures per patient, median (range)", per_patient),
        ("minutes", "minutes in all", _number(summary["minutes"])),
        ("clonic_share", "  in the clonic phase [tG, t1)", _percent(summary["clonic_share"])),
        ("ratio", "r = (tG-t0)/(t1-t0), mean (SD)", f"{_number(ratio['mean'], 2)} ({_number(ratio['sd'], 2)})"),
        ("ratio_above_half", "  r > 0.5", f"{ratio['num_above_half']} of {ratio['num']}"),
        ("ratio_max", "  largest r", _number(ratio["max"], 2)),
        ("min_segments", "  segments needed, ceil(1/(1-r))", str(summary["min_segments"] or "n/a")),
    ]  # fmt: skip
    views = summary["views"]
    rows.append(("", "views per seizure", _counts(views["per_seizure"], "with ")))
    rows.append(("", "  views by name", _counts(views["by_name"])))
    rows.append(("", "  views by use", _counts(views["use"])))
    rows.append(("", "recordings by role", _counts(views["recordings"])))
    return rows


def _agreement_lines(agreement: dict[str, Any]) -> list[str]:
    name = {"cohen": "Cohen's", "fleiss": "Fleiss'"}[agreement["statistic"]]
    kappa = _number(agreement["kappa"], 2)
    lines = [
        f"Annotators ({', '.join(agreement['annotators'])}), {counted(agreement['num_shared'], 'seizure')} shared:",
        f"  class: {name} kappa {kappa} over {counted(agreement['num_kappa'], 'seizure')}",
    ]
    for key in ("onset_seconds", "clonic_onset_seconds", "offset_seconds"):
        figures = agreement[key]
        difference = _number(figures["median_difference"], 2)
        line = f"  {key.removesuffix('_seconds')}: median absolute difference {difference} s"
        line += f" over {counted(figures['num_pairs'], 'pair')}"
        if figures["num_given_by_one"]:
            line += f" ({figures['num_given_by_one']} pairs in which only one gives it)"
        lines.append(line)
    return lines


def _counts(counts: dict[str, int], prefix: str = "") -> str:
    return ", ".join(f"{number} {prefix}{name}" for name, number in counts.items()) or "none"


def _number(value: float, decimals: int = 0) -> str:
    return "n/a" if math.isnan(value) else f"{value:.{decimals}f}"


def _percent(value: float) -> str:
    return "n/a" if math.isnan(value) else f"{100 * value:.0f} %"


def _median_range(spread: dict[str, float]) -> str:
    if math.isnan(spread["median"]):
        return "n/a"
    middle = f"{spread['median']:.1f}".removesuffix(".0")
    return f"{middle} ({spread['min']:.0f}-{spread['max']:.0f})"
