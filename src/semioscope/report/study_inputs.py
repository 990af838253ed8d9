"""A study as its report takes it: settings, protocols and scores in their order, whatever is missing."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from semioscope.core.errors import StoreError
from semioscope.report.inputs import RunTables, as_float, as_list, as_mapping, read_run_tables
from semioscope.splits import PATIENT_RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One setting of a study under one protocol.

    Args:
        cell_id: Its name.
        aggregator: Name of the aggregator; empty if unknown.
        backbone: Name of the backbone; empty if the study has one only.
        num_segments: Segments per seizure; NaN if unknown.
        gamma: Dispersion within a segment, infinite for its centre; NaN if unknown.
        scores: Everything that ``scores.json`` says of it.
    """

    cell_id: str
    aggregator: str
    backbone: str
    num_segments: float
    gamma: float
    scores: Mapping[str, Any]

    def estimate(self, metric: str) -> Mapping[str, Any]:
        """Return the estimate of a metric; empty if there is none."""
        return as_mapping(self.scores.get(metric))

    def value(self, metric: str) -> float:
        """Return a metric, NaN if undefined."""
        return as_float(self.estimate(metric).get("value"))

    @property
    def confusion(self) -> list[list[float]]:
        """Counts, rows are the truth; empty if unknown."""
        return matrix(self.scores.get("confusion"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolScores:
    """The settings of a study under one protocol.

    Args:
        name: The protocol.
        rule: How the folds were made.
        selection: Where the epoch was chosen: inner, test or none.
        shared_patients: Patients in training and test of one fold; NaN if unknown.
        cells: The settings.
        best: The best setting of each aggregator, as the study chose it.
        scores: Everything that ``scores.json`` says of the protocol.
    """

    name: str
    rule: str
    selection: str
    shared_patients: float
    cells: tuple[Cell, ...]
    best: tuple[Cell, ...]
    scores: Mapping[str, Any]

    @property
    def by_patient(self) -> bool:
        """Whether no patient stands in training and test of one fold."""
        known = math.isfinite(self.shared_patients)
        return self.shared_patients == 0 if known else self.rule in PATIENT_RULES

    @property
    def overall_best(self) -> Cell | None:
        """The best setting of all; None if no setting has an accuracy."""
        return max(
            (cell for cell in self.best if math.isfinite(cell.value("accuracy"))), key=rank, default=None
        )

    def cell(self, cell_id: object) -> Cell | None:
        """Return a setting by its id; None if it is not there."""
        return next((cell for cell in self.cells if cell.cell_id == cell_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study folder, read for its report.

    Args:
        tables: The files as they stand.
        level: What was trained on and scored: whole seizures or clips.
        classes: Names of the classes.
        positive_class: The class of F1; empty if there is none.
        aggregators: In the order of the grid; those of cells that the grid does not name come last.
        num_segments: Ascending.
        gammas: Ascending: from the widest spread to the centre alone.
        backbones: In the order of the grid.
        protocols: In the order of the grid.
    """

    tables: RunTables
    level: Literal["event", "clip"]
    classes: tuple[str, ...]
    positive_class: str
    aggregators: tuple[str, ...]
    num_segments: tuple[float, ...]
    gammas: tuple[float, ...]
    backbones: tuple[str, ...]
    protocols: tuple[ProtocolScores, ...]

    @property
    def scores(self) -> Mapping[str, Any]:
        """``scores.json``."""
        return self.tables.scores

    def part(self, key: str) -> Mapping[str, Any]:
        """Return an object of ``scores.json``; empty if it is absent."""
        return as_mapping(self.tables.scores.get(key))

    @property
    def main(self) -> ProtocolScores | None:
        """The protocol that the answer is about: by patient where there is one, else the first."""
        apart = [protocol for protocol in self.protocols if protocol.by_patient]
        inner = [protocol for protocol in apart if protocol.selection == "inner"]
        return next(iter([*inner, *apart, *self.protocols]), None)

    def protocol(self, name: object) -> ProtocolScores | None:
        """Return a protocol by its name; None if it was not run."""
        return next((protocol for protocol in self.protocols if protocol.name == name), None)


def read_study(folder: Path) -> Study:
    """Read a study folder for its report.

    Raises:
        StoreError: If ``scores.json`` is absent or not that of a study, or a file cannot be understood.
    """
    tables = read_run_tables(folder)
    scores = tables.scores
    kind, level = scores.get("kind"), scores.get("level")
    if kind != "study" or level not in ("event", "clip"):
        msg = (
            "scores.json must be that of a study (kind study, level event or clip), "
            f"got kind {kind or 'n/a'}, level {level or 'n/a'}. Give the folder of a study, or run it again."
        )
        raise StoreError(msg)
    grid = as_mapping(scores.get("grid"))
    found = as_mapping(scores.get("protocols"))
    clips = as_mapping(as_mapping(scores.get("table1")).get("protocols"))
    names = _in_order(as_list(grid.get("protocols")), sorted({*found, *clips}))
    cells = {name: _cells(as_mapping(found.get(name))) for name in names}
    every = [cell for group in cells.values() for cell in group]
    aggregators = _in_order(as_list(grid.get("aggregators")), [cell.aggregator for cell in every])
    return Study(
        tables=tables,
        level=cast("Literal['event', 'clip']", level),
        classes=tuple(map(str, as_list(scores.get("classes")))),
        positive_class=str(scores.get("positive_class") or ""),
        aggregators=tuple(aggregators),
        num_segments=_ascending(as_list(grid.get("num_segments")), [cell.num_segments for cell in every]),
        gammas=_ascending(as_list(grid.get("gammas")), [cell.gamma for cell in every]),
        backbones=tuple(_in_order(as_list(grid.get("backbones")), [cell.backbone for cell in every])),
        protocols=tuple(
            _protocol(name, as_mapping(found.get(name)), cells[name], aggregators)
            for name in names
            if name in found or name in clips
        ),
    )


def rank(cell: Cell) -> tuple[float, ...]:
    """Return the order of settings: accuracy, then F1, then area under ROC, then the fewest segments."""
    values = [cell.value(metric) for metric in ("accuracy", "f1", "auroc")] + [-cell.num_segments]
    return tuple(value if math.isfinite(value) else -math.inf for value in values)


def matrix(content: object) -> list[list[float]]:
    """Return a square table of numbers; empty if something else or nothing is there."""
    rows = [[as_float(cell) for cell in as_list(row)] for row in as_list(content)]
    return rows if all(len(row) == len(rows) for row in rows) else []


def _protocol(
    name: str, content: Mapping[str, Any], cells: tuple[Cell, ...], aggregators: Iterable[str]
) -> ProtocolScores:
    chosen = as_mapping(content.get("best"))
    best = []
    for aggregator in aggregators:
        own = [cell for cell in cells if cell.aggregator == aggregator]
        named = [cell for cell in own if cell.cell_id == chosen.get(aggregator)]
        best += named or ([max(own, key=rank)] if own else [])
    return ProtocolScores(
        name=name,
        rule=str(content.get("rule") or ""),
        selection=str(content.get("selection") or ""),
        shared_patients=as_float(content.get("shared_patients")),
        cells=cells,
        best=tuple(best),
        scores=content,
    )


def _cells(content: Mapping[str, Any]) -> tuple[Cell, ...]:
    return tuple(
        Cell(
            cell_id=str(cell.get("cell", "")),
            aggregator=str(cell.get("aggregator") or ""),
            backbone=str(cell.get("backbone") or ""),
            num_segments=as_float(cell.get("num_segments")),
            gamma=as_float(cell.get("gamma")),
            scores=cell,
        )
        for cell in map(as_mapping, as_list(content.get("cells")))
    )


def _in_order(wanted: Iterable[object], found: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys([*map(str, wanted), *found]) if name]


def _ascending(wanted: Iterable[object], found: Iterable[float]) -> tuple[float, ...]:
    values = {value for value in [*map(as_float, wanted), *found] if not math.isnan(value)}
    return tuple(sorted(values))
