"""A study of feature extractors on clips: the table and its statistics in words."""

import math
from collections.abc import Mapping
from typing import Any

from semioscope.core.wording import join_words
from semioscope.report.inputs import as_float, as_list, as_mapping
from semioscope.report.study_clip_tables import ClipTable, is_available, row_title
from semioscope.report.study_inputs import ProtocolScores, Study
from semioscope.report.study_strips import CLIP_METRICS, Strip
from semioscope.report.study_words import (
    gap_text,
    p_sentence,
    p_text,
    protocol_text,
    reach_text,
    rule_text,
    spread_text,
)
from semioscope.report.wording import count, number, plural


def clip_section(study: Study, table: ClipTable) -> dict[str, Any]:
    """Return the texts and tables of one protocol."""
    protocol = table.protocol
    return {
        "name": protocol.name,
        "title": rule_text(protocol)[:1].upper() + rule_text(protocol)[1:],
        "text": protocol_text(protocol),
        "reach": reach_text(protocol),
        "notes": list(map(str, as_list(protocol.scores.get("notes")))),
        "rows": [_row(study, row) for row in table.rows],
        "rule": _rule_row(table),
        "statistics": statistics_words(table),
        "pairs": _pairs(table),
        "level": number(table.level, 4),
        "num_pairs": len({(test.get("better"), test.get("worse")) for test in table.tests}),
        "seizures": _seizures(table),
        "columns": [row_title(row) for row in table.available],
    }


def strips(study: Study, table: ClipTable) -> list[Strip]:
    """Return what the figure of a table shows, row by row."""
    found = []
    for row in table.rows:
        scores = as_mapping(row.get("per_seizure"))
        published = _published(study, row)
        found.append(
            Strip(
                title=row_title(row),
                values={
                    metric: [as_float(as_mapping(scores[name]).get(metric)) for name in sorted(scores)]
                    if is_available(row)
                    else []
                    for metric in CLIP_METRICS
                },
                medians={
                    metric: as_float(as_mapping(row.get(metric)).get("median")) for metric in CLIP_METRICS
                },
                published={
                    metric: as_float(as_mapping(published.get(metric)).get("median"))
                    for metric in CLIP_METRICS
                },
            )
        )
    return found


def protocol_differences(study: Study) -> dict[str, Any]:
    """Return how the medians differ between two protocols, over the seizures that both have; empty if it is not said.

    A positive difference says how much better the first looks: it flatters, where its folds share patients and
    those of the second do not.
    """
    split = as_mapping(study.part("table1").get("split"))
    first, second = (study.protocol(split.get(key)) for key in ("from", "to"))
    if first is None or second is None:
        return {}
    rows = list(map(as_mapping, as_list(split.get("rows"))))
    flatters = second.by_patient and not first.by_patient
    return {
        "before": rule_text(first),
        "after": rule_text(second),
        "sign": "flatters" if flatters else "looks better",
        "rows": [
            {
                "title": row_title(row),
                "cells": [
                    _difference(as_mapping(as_mapping(row.get("metrics")).get(metric)))
                    for metric in CLIP_METRICS
                ],
            }
            for row in rows
        ],
        "left_out": [text for row in rows if (text := _left_out(row, first, second))],
    }


def statistics_words(table: ClipTable) -> list[str]:
    """Say for each metric who is significantly better than whom, and which pairs cannot be told apart."""
    sentences = []
    for metric, title in CLIP_METRICS.items():
        tests = [test for test in table.tests if test.get("metric") == metric]
        if not tests:
            continue
        wins: dict[str, list[Mapping[str, Any]]] = {}
        for test in tests:
            if test.get("significant") is True:
                wins.setdefault(str(test.get("better")), []).append(test)
        parts = [f"{table.title(better)} is significantly better than {_beaten(table, own)}"
                 for better, own in wins.items()]  # fmt: skip
        alike = [_alike(table, tests, pair) for pair in _unordered(tests)]
        unclear = [text for text in alike if text]
        if unclear:
            parts.append(f"no significant difference between {join_words(unclear)}")
        unknown = sum(math.isnan(as_float(test.get("p_value"))) for test in tests)
        if unknown:
            parts.append(f"{plural(unknown, 'comparison is', 'comparisons are')} undefined")
        sentences.append(f"{title}: {'; '.join(parts)}.")
    return sentences


def _beaten(table: ClipTable, tests: list[Mapping[str, Any]]) -> str:
    names = join_words([table.title(test.get("worse")) for test in tests])
    largest = p_sentence(max(as_float(test.get("p_value")) for test in tests))
    return f"{names} ({'largest ' if len(tests) > 1 else ''}{largest})"


def _alike(table: ClipTable, tests: list[Mapping[str, Any]], pair: tuple[str, str]) -> str:
    own = [test for test in tests if {test.get("better"), test.get("worse")} == set(pair)]
    known = [test for test in own if math.isfinite(as_float(test.get("p_value")))]
    if not known or any(test.get("significant") is True for test in own):
        return ""
    least = min(known, key=lambda test: as_float(test.get("p_value")))
    better, worse = table.title(least.get("better")), table.title(least.get("worse"))
    return f"{better} and {worse} (smaller {p_sentence(least.get('p_value'))})"


def _unordered(tests: list[Mapping[str, Any]]) -> list[tuple[str, str]]:
    found: dict[frozenset[str], tuple[str, str]] = {}
    for test in tests:
        pair = (str(test.get("better")), str(test.get("worse")))
        found.setdefault(frozenset(pair), pair)
    return list(found.values())


def _pairs(table: ClipTable) -> list[dict[str, Any]]:
    order = dict.fromkeys((str(test.get("better")), str(test.get("worse"))) for test in table.tests)
    rows = []
    for better, worse in order:
        cells = []
        for metric in CLIP_METRICS:
            own = (test for test in table.tests if test.get("metric") == metric)
            test = next((t for t in own if (t.get("better"), t.get("worse")) == (better, worse)), {})
            p_value = as_float(test.get("p_value"))
            cells.append({"p": p_text(p_value), "adjusted": p_text(test.get("adjusted")), "sort": p_value,
                          "sizes": f"{count(test.get('num_a'))} and {count(test.get('num_b'))} seizures",
                          "significant": test.get("significant") is True,
                          "known": math.isfinite(p_value)})  # fmt: skip
        rows.append({"better": table.title(better), "worse": table.title(worse), "cells": cells})
    return rows


def _row(study: Study, row: Mapping[str, Any]) -> dict[str, Any]:
    published, own = _published(study, row), is_available(row)
    return {
        "title": row_title(row),
        "parameters": number(row.get("parameters_millions"), 1),
        "num_features": count(row.get("num_features")),
        "available": own,
        "reason": str(row.get("reason") or "it has no result"),
        "num_clips": count(row.get("num_clips")),
        "num_windows": count(row.get("num_windows")),
        "cells": [
            {
                "own": spread_text(as_mapping(row.get(metric))),
                "num": plural(as_mapping(row.get(metric)).get("num"), "seizure"),
                "published": spread_text(as_mapping(published.get(metric))) if published.get(metric) else "",
            }
            for metric in CLIP_METRICS
        ],
    }


def _rule_row(table: ClipTable) -> dict[str, Any]:
    """Return the row of the rule that no clip is tonic-clonic; empty if it has no scores."""
    rule = table.rule
    if not rule:
        return {}
    return {
        "title": str(rule.get("title") or ""),
        "cells": [
            {"own": spread_text(cells), "num": plural(cells.get("num"), "seizure")}
            for cells in (as_mapping(rule.get(metric)) for metric in CLIP_METRICS)
        ],
        "right": f"{count(rule.get('num_all_right'))} of {plural(rule.get('num_seizures'), 'seizure')}",
        "tests": [
            {
                "title": table.title(test.get("better")),
                "metric": CLIP_METRICS[str(test.get("metric"))].lower(),
                "p": p_sentence(test.get("p_value")),
                "significant": test.get("significant") is True,
            }
            for test in map(as_mapping, as_list(rule.get("tests")))
            if test.get("metric") == "accuracy"
        ],
    }


def _seizures(table: ClipTable) -> list[dict[str, Any]]:
    scores = [as_mapping(row.get("per_seizure")) for row in table.available]
    return [
        {
            "event_id": event_id,
            "cells": [
                {
                    "text": " / ".join(
                        _percent(as_mapping(own.get(event_id)).get(metric)) for metric in CLIP_METRICS
                    ),
                    "sort": as_float(as_mapping(own.get(event_id)).get("accuracy")),
                }
                for own in scores
            ],
        }
        for event_id in sorted({name for own in scores for name in own})
    ]


def _percent(value: object) -> str:
    plain = as_float(value)
    return f"{100 * plain:.0f}" if math.isfinite(plain) else "\N{EN DASH}"


def _published(study: Study, row: Mapping[str, Any]) -> Mapping[str, Any]:
    if as_mapping(row.get("published")):
        return as_mapping(row.get("published"))
    rows = as_list(as_mapping(study.part("published").get("extractors")).get("rows"))
    return next(
        (found for found in map(as_mapping, rows) if found.get("backbone") == row.get("backbone")), {}
    )


def _difference(cells: Mapping[str, Any]) -> dict[str, str]:
    before, after = (as_mapping(cells.get(side)) for side in ("from", "to"))
    if not math.isfinite(as_float(cells.get("difference"))):
        return {"before": "not available", "after": "", "gap": "", "num": ""}
    out = as_float(cells.get("num_left_out"))
    num = plural(before.get("num"), "seizure") + (f", {count(out)} left out" if out > 0 else "")
    return {
        "before": spread_text(before),
        "after": spread_text(after),
        "gap": gap_text("accuracy", cells.get("difference")),
        "num": num,
    }


def _left_out(row: Mapping[str, Any], first: ProtocolScores, second: ProtocolScores) -> str:
    """Say how many seizures of a row only one protocol scored; empty if there are none."""
    sides = ((len(as_list(row.get("only_from"))), first), (len(as_list(row.get("only_to"))), second))
    parts = [
        f"{plural(number, 'seizure was', 'seizures were')} scored with {rule_text(protocol)} only"
        for number, protocol in sides
        if number
    ]
    return f"{row_title(row)}: {join_words(parts)}, so left out." if parts else ""
