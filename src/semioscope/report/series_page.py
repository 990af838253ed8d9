"""One self-contained HTML file about a series of runs: a table as the paper's, with the printed values beside."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from semioscope.core.files import write_text
from semioscope.core.wording import join_words
from semioscope.report.inputs import as_float, as_list, as_mapping, read_kind
from semioscope.report.rendering import render
from semioscope.report.slice_figures import series_bars_figure
from semioscope.report.slices import class_rows
from semioscope.report.wording import (
    UNDEFINED,
    count,
    estimate_cell,
    mean_text,
    plural,
)

SERIES_FILE = "series.json"


def write_series_report(folder: Path) -> Path:
    """Write ``report.html`` and ``figures/series-bars.svg`` of a series of runs; return the path of the page.

    Nothing is computed anew: every figure stands in ``series.json``. The same file gives the same bytes. The page
    needs no network; its links lead to the reports of the runs beside it.

    Args:
        folder: A series folder as ``docs/formats.md`` describes it.

    Raises:
        StoreError: If ``series.json`` is absent, is not that of a series, or a file cannot be written.
    """
    series = read_kind(folder / SERIES_FILE, "series", page="A report of a series")
    rows = [as_mapping(row) for row in as_list(series.get("rows"))]
    groups = _groups(rows)
    drawn = {}
    if any(row["own"] for _, bars in groups for row in bars):
        drawn["bars"] = Markup(series_bars_figure(groups, folder=folder / "figures"))
    done = [row for row in rows if row.get("status") == "done"]
    context = {
        "series": series,
        "headline": _headline(rows, done),
        "lead": _lead(series, rows),
        "best": _best(groups),
        "tables": [
            {"title": title, "rows": [_row(row, folder) for row in rows if _classes(row) == number]}
            for number, title in _class_groups(rows)
        ],
        "crops": _crop_rows(rows),
        "sources": _sources(rows),
        "figures": drawn,
    }
    page = folder / "report.html"
    write_text(page, render("series.html.j2", context))
    return page


def _classes(row: Mapping[str, Any]) -> int:
    number = as_float(row.get("num_classes"))
    return int(number) if math.isfinite(number) else 0


def _class_groups(rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, str]]:
    return [
        (number, plural(number, "class", "classes")) for number in sorted({_classes(row) for row in rows})
    ]


def _own(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return as_mapping(as_mapping(as_mapping(row.get("slices")).get("mean")).get("macro_f1"))


def _printed(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return as_mapping(as_mapping(as_mapping(row.get("published")).get("mean")).get("macro_f1"))


def _groups(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the bars of the figure: per number of classes the runs with their score and the printed one."""
    return [
        (
            title,
            [
                {
                    "data_set": str(row.get("data_set", "?")),
                    "classifier": str(row.get("classifier", "?")),
                    "own": _own(row),
                    "printed": _printed(row),
                }
                for row in rows
                if _classes(row) == number
            ],
        )
        for number, title in _class_groups(rows)
    ]


def _headline(rows: Sequence[Mapping[str, Any]], done: Sequence[Mapping[str, Any]]) -> str:
    if len(done) == len(rows):
        return f"{plural(len(rows), 'run')} beside the printed table"
    return f"{len(done)} of {plural(len(rows), 'run')} done"


def _lead(series: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    rule, selection = str(series.get("rule") or ""), str(series.get("selection") or "")
    folds = {
        len(as_list(as_mapping(row.get("slices")).get("per_fold")))
        for row in rows
        if as_mapping(row.get("slices")).get("per_fold")
    }
    over = f" over {join_words([str(number) for number in sorted(folds)])} folds" if folds else " over folds"
    told = [f"Macro F1 per slice, mean ± standard deviation{over}."]
    if rule:
        chosen = {
            "inner": "nothing chosen on the reported fold",
            "test": "the epoch chosen on the reported fold",
        }
        told.append(f"Folds by rule {rule}, {chosen.get(selection, 'nothing chosen')}.")
    splits = dict.fromkeys(str(as_mapping(row.get("published")).get("split") or "") for row in rows)
    told += [f"Printed: {split}." for split in splits if split]
    return " ".join(told)


def _best(groups: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> list[str]:
    """Return a sentence per number of classes: which run was best here, and which in print."""
    found = []
    for title, rows in groups:
        parts = []
        for key, where in (("own", "best here"), ("printed", "best in print")):
            known = [row for row in rows if math.isfinite(as_float(row[key].get("mean")))]
            if known:
                top = max(known, key=lambda row: as_float(row[key].get("mean")))
                parts.append(f"{where} {top['classifier']} on {top['data_set']} with {mean_text(top[key])}")
        if parts:
            found.append(f"{title}: {'; '.join(parts)}.")
    return found


def _row(row: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    slices, published = as_mapping(row.get("slices")), as_mapping(row.get("published"))
    name, done = str(row.get("folder") or ""), row.get("status") == "done"
    report = folder / name / "report.html"
    accuracy = as_mapping(row.get("event")).get("accuracy")
    cell = estimate_cell("accuracy", accuracy)
    return {
        "title": str(row.get("title") or row.get("name") or "?"),
        "data_set": str(row.get("data_set") or ""),
        "classifier": str(row.get("classifier") or ""),
        "done": done,
        "status": str(row.get("status") or "waiting"),
        "message": str(row.get("message") or ""),
        "link": f"{quote(name)}/report.html" if name and report.is_file() else "",
        "own": mean_text(_own(row)) if done else "",
        "printed": mean_text(_printed(row)) if _printed(row) else "",
        "event": cell["value"] if accuracy else "",
        "interval": cell["interval"],
        "per_class": class_rows(slices, published) or _printed_classes(published),
    }


def _printed_classes(published: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the classes of a run that is not done, with what was printed of them."""
    return [
        {
            "name": name,
            **{f"{key}_printed": mean_text(as_mapping(cells).get(key)) for key in ("sensitivity", "specificity")},
        }
        for name, cells in as_mapping(published.get("per_class")).items()
    ]  # fmt: skip


_CROP_COUNTS = ("num_accepted", "num_flagged", "num_rejected", "num_failed", "num_manual")


def _crop_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return how events were cropped, once for runs of one data set, number of classes and cropper that agree."""
    told: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        crops = as_mapping(row.get("crops"))
        if not crops:
            continue
        cleared = "cleared by depth" if row.get("depth_crop") else "nothing cleared by depth"
        about = (str(row.get("data_set") or "?"), plural(_classes(row), "class", "classes"))
        how = (str(row.get("cropper") or "?"), cleared)
        key = (*about, *how, *(count(crops.get(name)) for name in _CROP_COUNTS))
        told.setdefault(key, []).append(str(row.get("classifier") or "?"))
    names = ("data_set", "classes", "cropper", "cleared", *(name[4:] for name in _CROP_COUNTS))
    same = Counter(key[:4] for key in told)
    return [
        dict(zip(names, key, strict=True))
        | {"classifiers": join_words(classifiers) if same[key[:4]] > 1 else ""}
        for key, classifiers in told.items()
    ]


def _sources(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    found = [as_mapping(row.get("published")) for row in rows]
    texts = [
        f"{one.get('source')}, {one.get('place')}, doi:{one.get('doi')}" for one in found if one.get("source")
    ]
    return [text for text in dict.fromkeys(texts) if UNDEFINED not in text]
