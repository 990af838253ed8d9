"""``benefit.json``: whether pre-training helped, from the folders of the runs with and without it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from semioscope.core.formats import SCHEMA_VERSION
from semioscope.runs.averages import published_averages
from semioscope.runs.benefit_answer import answer_of
from semioscope.runs.benefit_pretraining import Overlap
from semioscope.runs.compare import compare
from semioscope.runs.compare_checks import check_comparable
from semioscope.runs.compare_sources import ComparedRun, read_compared
from semioscope.scoring import predict_classes

LEAD = "accuracy"
"""The metric of the answer: with F1 the one that the paper prints."""
IN_ORDER = ("scratch", "frozen", "pretrained")
"""A difference is the later run minus the earlier one: pre-trained minus scratch, frozen minus scratch, pre-trained
minus frozen."""


def benefit_content(
    out: Path,
    *,
    about: Mapping[str, Any],
    classes: Sequence[str],
    variants: Sequence[Mapping[str, Any]],
    overlap: Overlap,
    seed: int,
) -> dict[str, Any]:
    """Return the content of ``benefit.json``.

    Args:
        out: Folder with a run folder for each variant that is done.
        about: ``recipe``, ``protocol``, ``rule``, ``selection``, ``task``, ``synthetic`` and ``pretraining``.
        classes: Names of the classes.
        variants: Per variant ``name``, ``title``, ``status``, ``message``, ``failures`` and ``averages``.
        overlap: Tested patients whose contextual video was used in pre-training.
        seed: Of resamples and drawn arrangements.
    """
    done = [one["name"] for one in variants if one["status"] == "done"]
    names = [name for name in IN_ORDER if name in done]
    runs = _read([f"{name}={out / name}" for name in names]) if len(names) > 1 else ()
    comparison = _comparison(runs, seed=seed) if runs else {}
    averages: Mapping[str, Any] = next((one["averages"] for one in variants if one["averages"]), {})
    content = {
        "schema_version": SCHEMA_VERSION,
        "kind": "benefit",
        **about,
        "classes": list(classes),
        "variants": [dict(one) for one in variants],
        "cohort": _counts(runs, classes),
        "largest": averages.get("largest", {}),
        "published": published_averages(str(about["recipe"]), classes),
        "overlap": asdict(overlap) | {"share": overlap.share, "groups": _groups(runs, overlap)},
        "comparison": comparison,
    }
    return content | {"answer": answer_of(content, metric=LEAD)}


def _read(arguments: Sequence[str]) -> tuple[ComparedRun, ...]:
    """Read runs; where they lie is left out, so that the same work gives the same bytes in any folder."""
    return tuple(replace(run, source=run.name) for run in read_compared(arguments))


def _comparison(runs: Sequence[ComparedRun], *, seed: int) -> dict[str, Any]:
    found = compare(runs, check_comparable(runs), metric=LEAD, seed=seed)
    return {key: value for key, value in found.items() if key != "settings"}


def _counts(runs: Sequence[ComparedRun], classes: Sequence[str]) -> dict[str, Any]:
    """Return how many patients and events were scored, by class."""
    if not runs:
        return {}
    events = runs[0].events
    per_class = {}
    for index, name in enumerate(classes):
        of_class = [
            patient
            for patient, y_true in zip(events.patients, events.y_true.tolist(), strict=True)
            if y_true == index
        ]
        per_class[name] = {"patients": len(set(of_class)), "events": len(of_class)}
    return {
        "num_patients": len(set(events.patients)),
        "num_events": len(events.event_ids),
        "per_class": per_class,
    }


def _groups(runs: Sequence[ComparedRun], overlap: Overlap) -> dict[str, Any]:
    """Return how many events each run has right, of patients whom pre-training saw and of the others."""
    seen = set(overlap.patients)
    found: dict[str, Any] = {}
    for group, wanted in (("seen", True), ("not_seen", False)):
        rows = [
            [
                bool(call == truth)
                for call, truth, patient in zip(
                    predict_classes(run.events.y_score), run.events.y_true, run.events.patients, strict=True
                )
                if (patient in seen) == wanted
            ]
            for run in runs
        ]
        patients = {name for run in runs[:1] for name in run.events.patients if (name in seen) == wanted}
        found[group] = {
            "num_patients": len(patients),
            "num_events": len(rows[0]) if rows else 0,
            "num_right": {run.name: sum(row) for run, row in zip(runs, rows, strict=True)},
        }
    return found
