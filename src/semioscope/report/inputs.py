"""What the report reads: the files of a run folder, as they stand."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from semioscope.core.errors import StoreError
from semioscope.core.files import read_json

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTables:
    """The content of a run folder. Only ``scores`` must exist; what is absent is empty.

    Args:
        folder: The run folder.
        scores: ``scores.json``.
        folds: ``folds.json``.
        provenance: ``provenance.json``.
        config_text: ``config.yaml`` as text.
        predictions: Rows of ``predictions.tsv``.
        baselines: Rows of ``baselines.tsv``.
        segments: Rows of ``segments.tsv``.
        failures: Rows of ``failures.tsv``.
        thumbnails: File name to path of what lies in ``thumbnails/``.
    """

    folder: Path
    scores: Mapping[str, Any]
    folds: Mapping[str, Any]
    provenance: Mapping[str, Any]
    config_text: str
    predictions: tuple[Row, ...]
    baselines: tuple[Row, ...]
    segments: tuple[Row, ...]
    failures: tuple[Row, ...]
    thumbnails: Mapping[str, Path]


def read_kind(path: Path, kind: str, *, page: str) -> Mapping[str, Any]:
    """Read the file that a page about more than one run, or about no run, is made of.

    Args:
        path: The file.
        kind: What it must say of itself.
        page: Which page needs it, as the begin of a sentence.

    Raises:
        StoreError: If it is absent or of another kind.
    """
    if not path.is_file():
        msg = (
            f"{page} needs {path}, which its command writes, and it is not there. "
            "Give the command again; it goes on where it stopped."
        )
        raise StoreError(msg)
    content = read_json(path)
    if not isinstance(content, dict) or content.get("kind") != kind:
        msg = f"{path.name} must hold a JSON object of the kind {kind}. Delete it and give the command again."
        raise StoreError(msg)
    return content


def read_run_tables(run: Path) -> RunTables:
    """Read a run folder for its report.

    Raises:
        StoreError: If ``scores.json`` is absent, or any file is there but cannot be understood.
    """
    if not (run / "scores.json").is_file():
        msg = (
            f"A report needs {run / 'scores.json'}, which a finished run writes, and it is not there. "
            "Give the command of the run again; it goes on where it stopped."
        )
        raise StoreError(msg)
    config = run / "config.yaml"
    pictures = sorted((run / "thumbnails").glob("*.jpg")) if (run / "thumbnails").is_dir() else []
    return RunTables(
        folder=run,
        scores=_object(run / "scores.json"),
        folds=_object(run / "folds.json"),
        provenance=_object(run / "provenance.json"),
        config_text=config.read_text(encoding="utf-8") if config.is_file() else "",
        predictions=read_rows(run / "predictions.tsv"),
        baselines=read_rows(run / "baselines.tsv"),
        segments=read_rows(run / "segments.tsv"),
        failures=read_rows(run / "failures.tsv"),
        thumbnails={path.name: path for path in pictures},
    )


def read_rows(path: Path) -> tuple[Row, ...]:
    """Read a tab-separated table with a header line; an absent file or an empty one has no rows.

    Raises:
        StoreError: If a row has another number of fields than the header.
    """
    if not path.is_file():
        return ()
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    header = lines[0].rstrip("\r").split("\t")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        fields = line.rstrip("\r").split("\t")
        if len(fields) != len(header):
            msg = (
                f"{path.name} row {number} must have {len(header)} fields as its header has, "
                f"got {len(fields)}. Delete the file and give the command of the run again."
            )
            raise StoreError(msg)
        rows.append(dict(zip(header, fields, strict=True)))
    return tuple(rows)


def as_float(value: object) -> float:
    """Return a number of a table or a JSON file; NaN for ``None``, ``n/a`` and what is no number."""
    if isinstance(value, bool) or value is None:
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]  # what has no float is caught
    except (TypeError, ValueError):
        return math.nan


def as_mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object, or an empty one where something else or nothing is."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def as_list(value: object) -> list[Any]:
    """Return a JSON array, or an empty one where something else or nothing is."""
    return list(value) if isinstance(value, (list, tuple)) else []


def class_name(value: object, classes: list[str]) -> str:
    """Return the name of a class given by name or by index; ``?`` if there is none."""
    if isinstance(value, str) and value in classes:
        return value
    index = as_float(value)
    if index.is_integer() and 0 <= index < len(classes):
        return classes[int(index)]
    return str(value) if isinstance(value, str) and value not in ("", "n/a") else "?"


def _object(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    content = read_json(path)
    if not isinstance(content, dict):
        msg = f"{path.name} must hold one JSON object, got {type(content).__name__}. Delete it and run again."
        raise StoreError(msg)
    return content
