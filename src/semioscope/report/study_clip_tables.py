"""The tables of a study of feature extractors, as its report takes them: rows, tests, and the rule beside them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from semioscope.report.inputs import as_float, as_list, as_mapping
from semioscope.report.study_inputs import ProtocolScores, Study
from semioscope.report.study_strips import CLIP_METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipTable:
    """The feature extractors of a study under one protocol.

    Args:
        protocol: The protocol.
        rows: One per extractor, in the order of the study, as in ``scores.json``.
        tests: Every ordered pair and metric.
        level: Below this p value a difference counts; NaN: unknown.
        rule: The rule that no clip is tonic-clonic, as in ``scores.json``; empty: it has no scores.
    """

    protocol: ProtocolScores
    rows: tuple[Mapping[str, Any], ...]
    tests: tuple[Mapping[str, Any], ...]
    level: float
    rule: Mapping[str, Any]

    def title(self, backbone: object) -> str:
        """Return the title of an extractor by its name."""
        found = (row for row in self.rows if row.get("backbone") == backbone)
        return row_title(next(found, {"backbone": backbone}))

    @property
    def available(self) -> tuple[Mapping[str, Any], ...]:
        """The rows that have a result."""
        return tuple(row for row in self.rows if is_available(row))


def clip_tables(study: Study) -> list[ClipTable]:
    """Return the table of each protocol, in the order of the study."""
    content = study.part("table1")
    tables = []
    for protocol in study.protocols:
        cells = as_mapping(as_mapping(content.get("protocols")).get(protocol.name))
        level = cells.get("level_bonferroni", content.get("level_bonferroni"))
        tables.append(
            ClipTable(
                protocol=protocol,
                rows=tuple(map(as_mapping, as_list(cells.get("rows")))),
                tests=tuple(map(as_mapping, as_list(cells.get("tests")))),
                level=as_float(level),
                rule=_rule(as_mapping(cells.get("rule"))),
            )
        )
    return tables


def is_available(row: Mapping[str, Any]) -> bool:
    """Return whether a row has a result."""
    known = any(math.isfinite(as_float(as_mapping(row.get(metric)).get("median"))) for metric in CLIP_METRICS)
    return bool(row.get("available", known)) and known


def row_title(row: Mapping[str, Any]) -> str:
    """Return the name of an extractor as the table shows it."""
    return str(row.get("title") or row.get("backbone") or "?")


def median_of(row: Mapping[str, Any], metric: str = "accuracy") -> float:
    """Return the median of a row, NaN if undefined."""
    return as_float(as_mapping(row.get(metric)).get("median"))


def _rule(content: Mapping[str, Any]) -> Mapping[str, Any]:
    return content if math.isfinite(median_of(content)) else {}
