"""What is compared: finished runs, and single configurations of studies, read from their folders."""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from semioscope.core.errors import ConfigError, StoreError
from semioscope.core.files import read_json
from semioscope.core.formats import PREDICTIONS, SCHEMA_VERSION, STUDY_PREDICTIONS
from semioscope.core.tables import read_rows
from semioscope.recipes import read_config
from semioscope.runs.compare_arguments import Source, distinct_names, located
from semioscope.runs.results import EventScores
from semioscope.splits import Fold, FoldPlan

_SETTING_OF_CELL = {
    "aggregator": "aggregator.name",
    "num_segments": "segments.num_segments",
    "gamma": "segments.gamma",
    "backbone": "backbone.name",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """One side of a comparison.

    Args:
        name: As it is shown; distinct.
        source: The argument without a name: a run folder, or ``STUDY/<protocol>@CELL``.
        folder: Where its folds.json and predictions.tsv lie.
        settings: Every setting by its dotted key; of a study those of the cell.
        synthetic: Whether the cohort is a drawn one.
        classes: Names of the classes, in the order of their indices.
        folds: Who was trained and tested where.
        cohort_hash: Of the cohort's tables when it was run; may be empty.
        events: Scores of the events that could be scored.
        unscored: Tested events without a score.
    """

    name: str
    source: str
    folder: Path
    settings: Mapping[str, Any]
    synthetic: bool
    classes: tuple[str, ...]
    folds: FoldPlan
    cohort_hash: str
    events: EventScores
    unscored: tuple[str, ...]


def read_compared(arguments: Sequence[str]) -> tuple[ComparedRun, ...]:
    """Read the runs that are to be compared.

    Args:
        arguments: A run folder, or ``STUDY/<protocol>@CELL``, each maybe after ``NAME=``.

    Raises:
        ConfigError: If there are fewer than two, one comes twice, or a cell does not exist or is not named.
        StoreError: If one is no folder of a finished run.
    """
    if len(arguments) < 2:
        given = f"got one, {arguments[0]}" if arguments else "got none"
        msg = f"A comparison needs two runs or more, but {given}. Write semioscope compare RUN RUN."
        raise ConfigError(msg)
    sources = [located(argument) for argument in arguments]
    places = Counter((source.folder.resolve(), source.cell) for source in sources)
    for source in sources:
        if places[source.folder.resolve(), source.cell] > 1:
            msg = f"Every run must be given once, but {source.text} is given twice. Leave one of them out."
            raise ConfigError(msg)
    names = distinct_names(sources)
    return tuple(_read(replace(source, name=name)) for source, name in zip(sources, names, strict=True))


def _read(source: Source) -> ComparedRun:
    config = read_config(source.home / "config.yaml")
    scores = read_json(source.home / "scores.json")
    folds = _read_folds(source.folder / "folds.json")
    classes, events = _read_events(source)
    if classes != tuple(unicodedata.normalize("NFC", name) for name in config.task.class_names):
        msg = (
            f"{source.folder}: predictions.tsv and config.yaml must name the same classes, got "
            f"{', '.join(classes)} and {', '.join(config.task.class_names)}. Run it anew."
        )
        raise StoreError(msg)
    request = source.home / "units" / "request.json"
    told = read_json(request).get("cohort_hash") if request.is_file() else None
    tested = {event_id for fold in folds.folds for event_id in fold.test}
    settings = flat_settings(config.model_dump(mode="json"))
    if source.cell is not None:
        settings = _cell_settings(settings, scores, source, folds)
    facts = scores.get("run") if isinstance(scores, dict) else None
    return ComparedRun(
        name=source.name,
        source=source.text,
        folder=source.folder,
        settings=settings,
        synthetic=bool(facts.get("synthetic")) if isinstance(facts, dict) else False,
        classes=classes,
        folds=folds,
        cohort_hash=str(told or folds.cohort_hash),
        events=events,
        unscored=tuple(sorted(tested - set(events.event_ids))),
    )


def _cell_settings(
    settings: Mapping[str, Any], scores: Any, source: Source, folds: FoldPlan
) -> dict[str, Any]:
    """Return the settings of one cell of a study: those of the study, with what the cell and protocol replace."""
    own = {key: value for key, value in settings.items() if not key.startswith("grid.")}
    protocols = scores.get("protocols") if isinstance(scores, dict) else None
    cells = (protocols or {}).get(source.folder.name, {}).get("cells", [])
    found: Mapping[str, Any] = next((cell for cell in cells if cell.get("cell") == source.cell), {})
    own |= {key: found[part] for part, key in _SETTING_OF_CELL.items() if found.get(part) is not None}
    if isinstance(scores, dict) and scores.get("level") == "clip":
        own["backbone.name"] = source.cell  # where clips are examples a cell is a backbone
    return own | {
        "protocol": source.folder.name,
        "folds.rule": folds.rule,
        "selection.on": folds.selection,
    }


def flat_settings(content: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested settings by their dotted keys."""
    if not isinstance(content, Mapping):
        return {prefix: content}
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= flat_settings(value, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _read_events(source: Source) -> tuple[tuple[str, ...], EventScores]:
    """Return the classes and the scores of a table of predictions, ordered by event id."""
    path = source.folder / "predictions.tsv"
    schema = PREDICTIONS if source.cell is None else STUDY_PREDICTIONS
    rows = [
        row
        for row in read_rows(path, schema)
        if row["level"] == "event" and (source.cell is None or row["cell"] == source.cell)
    ]
    if not rows:
        msg = (
            f"A comparison needs scores of whole seizures, but {path} has no row of level event for {source.text}. "
            "Where single clips are scored, the tests between them stand in the report of that study."
        )
        raise StoreError(msg)
    columns = [name for name in rows[0] if name.startswith("y_score_")]
    lacking = [row["event_id"] for row in rows if None in (row["y_true"], row["fold"], row["patient_id"])]
    if lacking or len(columns) < 2:
        what = f"event {lacking[0]} lacks one" if lacking else f"there are {len(columns)} columns of scores"
        msg = (
            f"{path} must give every event a fold, patient, class and class scores, but {what}. Run it anew."
        )
        raise StoreError(msg)
    repeated = [name for name, number in Counter(row["event_id"] for row in rows).items() if number > 1]
    if repeated:
        msg = (
            f"{path} must have one row of level event per event, but {repeated[0]} has several. Run it anew."
        )
        raise StoreError(msg)
    rows.sort(key=lambda row: str(row["event_id"]))
    y_score = np.array([[_number(row[name]) for name in columns] for row in rows], dtype=np.float64)
    kept = [i for i in range(len(rows)) if np.isfinite(y_score[i]).all()]
    events = EventScores(
        event_ids=tuple(str(rows[i]["event_id"]) for i in kept),
        patients=tuple(str(rows[i]["patient_id"]) for i in kept),
        folds=tuple(int(str(rows[i]["fold"])) for i in kept),
        y_true=np.array([int(str(rows[i]["y_true"])) for i in kept], dtype=np.int64),
        y_score=y_score[kept].reshape(len(kept), len(columns)),
    )
    return tuple(name.removeprefix("y_score_") for name in columns), events


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _read_folds(path: Path) -> FoldPlan:
    """Read a plan as it stands; it was held against its cohort when it was made."""
    content = read_json(path)
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        msg = f"{path} has schema_version {version}, this semioscope reads up to {SCHEMA_VERSION}. Update semioscope."
        raise StoreError(msg)
    try:
        return FoldPlan(
            rule=str(content["rule"]),
            seed=int(content["seed"]),
            selection=str(content["selection"]),
            cohort_hash=str(content["cohort_hash"]),
            folds=tuple(
                Fold(
                    index=int(fold["index"]),
                    train=tuple(sorted(fold["train"])),
                    validation=tuple(sorted(fold["validation"])),
                    test=tuple(sorted(fold["test"])),
                )
                for fold in content["folds"]
            ),
            patient_of=dict(content["patient_of"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        msg = f"{path} must be the folds.json that a run wrote, but it cannot be understood ({err!r}). Run it anew."
        raise StoreError(msg) from err
