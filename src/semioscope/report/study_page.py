"""One self-contained HTML file from a study folder: several settings over the same seizures."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from markupsafe import Markup

from semioscope.core.files import write_text
from semioscope.core.wording import join_words
from semioscope.report.examples import file_name
from semioscope.report.inputs import as_list, as_mapping
from semioscope.report.rendering import render
from semioscope.report.sections import COMPARED, cohort_rows, flat
from semioscope.report.study_answer import event_answer, expected_cells, flattery_heading
from semioscope.report.study_clip_answer import clip_answer
from semioscope.report.study_clip_tables import clip_tables
from semioscope.report.study_clips import clip_section, protocol_differences, strips
from semioscope.report.study_figures import beta_figure, grid_figure
from semioscope.report.study_inputs import Study, read_study
from semioscope.report.study_pairs import matrices_figure, pairs_figure
from semioscope.report.study_sections import (
    best_matrices,
    cohort_comparison,
    flattery_pairs,
    flattery_rows,
    protocol_section,
    views_text,
)
from semioscope.report.study_strips import CLIP_METRICS, strips_figure
from semioscope.report.study_words import (
    gamma_text,
    p_text,
    published_best_text,
    rule_text,
    segments_text,
    trainings_text,
)
from semioscope.report.wording import METRIC_NAMES

_FIGURES = ("grid-*", "matrices-*", "strips-*", "protocols", "beta")


def write_study_report(folder: Path) -> Path:
    """Write ``report.html`` and ``figures/*.svg`` of a study from its tables; return the path of the page.

    Every score of the page stands in ``scores.json``; differences of two of them are all that is computed. The
    same files give the same bytes. The page needs no network and refuses to use one.

    Args:
        folder: A study folder as ``docs/formats.md`` describes it; only ``scores.json`` must exist.

    Raises:
        StoreError: If ``scores.json`` is absent or not that of a study, or a file cannot be understood or written.
    """
    study = read_study(folder)
    figures = _event_figures(study) if study.level == "event" else _clip_figures(study)
    drawn = {name: Markup(draw(folder / "figures")) for name, draw in figures.items()}
    _remove_stale(folder / "figures", set(drawn))
    context = {
        **_shared(study),
        **(_events(study) if study.level == "event" else _clips(study)),
        "figures": drawn,
    }
    page = folder / "report.html"
    write_text(page, render("study.html.j2", context, styles=("report.css", "study.css")))
    return page


def _shared(study: Study) -> dict[str, Any]:
    scores, cohort = study.scores, study.part("cohort")
    return {
        "run": study.part("run"),
        "trainings": trainings_text(study.part("run")),
        "level": study.level,
        "classes": study.classes,
        "positive_class": study.positive_class,
        "threshold": scores.get("threshold"),
        "published": study.part("published"),
        "grid": _grid(study),
        "cohort": cohort,
        "cohort_rows": cohort_rows(scores),
        "cohort_comparison": cohort_comparison(study),
        "patients_by_class": flat(as_mapping(cohort.get("patients_by_class"))),
        "left_out": [as_mapping(row) for row in as_list(cohort.get("left_out"))],
        "views": views_text(study),
        "notes": list(map(str, as_list(scores.get("notes")))),
        "baseline_notes": list(map(str, as_list(scores.get("baseline_notes")))),
        "failures": study.tables.failures,
        "provenance": flat(study.tables.provenance),
        "config_text": study.tables.config_text.strip(),
        "compared": [METRIC_NAMES[metric] for metric in COMPARED],
        "file_name": file_name,
    }


def _events(study: Study) -> dict[str, Any]:
    flattery = study.part("flattery")
    before, after = (study.protocol(flattery.get(key)) for key in ("from", "to"))
    return {
        "answer": event_answer(study),
        "protocols": [protocol_section(study, protocol) for protocol in study.protocols],
        "num_settings": expected_cells(study),
        "several_backbones": len(study.backbones) > 1,
        "flattery_heading": flattery_heading(study),
        "flattery_sentences": list(map(str, as_list(flattery.get("sentences")))),
        "flattery": flattery_rows(study),
        "before": rule_text(before) if before else "",
        "after": rule_text(after) if after else "",
        "published_best": published_best_text(study.part("published")),
    }


def _clips(study: Study) -> dict[str, Any]:
    return {
        "answer": clip_answer(study),
        "protocols": [clip_section(study, table) for table in clip_tables(study)],
        "differences": protocol_differences(study),
        "metrics": list(CLIP_METRICS.values()),
        "published_tests": _published_tests(study),
        "flattery_sentences": list(map(str, as_list(study.part("flattery").get("sentences")))),
    }


def _grid(study: Study) -> list[tuple[str, str]]:
    rows = [
        ("Aggregators", list(study.aggregators)),
        ("Segments, n", [segments_text(n) for n in study.num_segments]),
        ("Dispersion, \N{GREEK SMALL LETTER GAMMA}", [gamma_text(gamma) for gamma in study.gammas]),
        ("Backbones", list(study.backbones)),
        ("Protocols", [protocol.name for protocol in study.protocols]),
    ]
    return [(title, ", ".join(values)) for title, values in rows if values]


def _event_figures(study: Study) -> dict[str, Callable[[Path], str]]:
    """Return the drawing of each figure for which the study has data, by its file name."""
    found: dict[str, Callable[[Path], str]] = {}
    panels = flattery_pairs(study)
    before, after = (study.protocol(study.part("flattery").get(key)) for key in ("from", "to"))
    if panels and before and after:
        words = (rule_text(before), rule_text(after))
        if words[0] == words[1]:
            words = (before.name, after.name)
        found["protocols"] = lambda folder: pairs_figure(
            panels, before=words[0], after=words[1], folder=folder
        )
    published = as_mapping(study.part("published").get("best"))
    every = [cell for protocol in study.protocols for cell in protocol.cells]
    for protocol in study.protocols:
        for backbone in study.backbones or ("",):
            cells = [cell for cell in protocol.cells if len(study.backbones) < 2 or cell.backbone == backbone]
            name = f"grid-{file_name(protocol.name)}"
            name += f"-{file_name(backbone)}" if len(study.backbones) > 1 else ""
            if cells and study.num_segments and study.gammas:
                title = f"Scores of every setting, {rule_text(protocol)}"
                found[name] = lambda folder, cells=cells, name=name, title=title: grid_figure(  # type: ignore[misc]
                    cells, name=name, title=title, aggregators=study.aggregators, num_segments=study.num_segments,
                    gammas=study.gammas, published=published, beside=every, folder=folder,
                )  # fmt: skip
        matrices = best_matrices(study, protocol)
        if protocol.best and study.classes:
            name = f"matrices-{file_name(protocol.name)}"
            title = f"Confusion matrices of the best settings, {rule_text(protocol)}"
            found[name] = lambda folder, m=matrices, name=name, title=title: matrices_figure(  # type: ignore[misc]
                m, study.classes, name=name, title=title, folder=folder
            )
    curves = [as_mapping(curve) for curve in as_list(study.scores.get("beta"))]
    if curves:
        centred = any(math.isinf(gamma) for gamma in study.gammas)
        found["beta"] = lambda folder: beta_figure(curves, centred=centred, folder=folder)
    return found


def _clip_figures(study: Study) -> dict[str, Callable[[Path], str]]:
    found: dict[str, Callable[[Path], str]] = {}
    for table in clip_tables(study):
        if table.available:
            name = f"strips-{file_name(table.protocol.name)}"
            title = f"Scores of every seizure by feature extractor, {rule_text(table.protocol)}"
            found[name] = lambda folder, table=table, name=name, title=title: strips_figure(  # type: ignore[misc]
                strips(study, table), name=name, title=title, folder=folder
            )
    return found


def _published_tests(study: Study) -> str:
    """Return what the paper says of its own comparisons; empty if nothing is known."""
    extractors = as_mapping(study.part("published").get("extractors"))
    titles = {
        str(row.get("backbone")): str(row.get("title"))
        for row in map(as_mapping, as_list(extractors.get("rows")))
    }
    parts = []
    for test in map(as_mapping, as_list(extractors.get("tests"))):
        better, worse = (
            join_words([titles.get(str(name), str(name)) for name in as_list(test.get(side))])
            for side in ("better", "worse")
        )
        p_value = f"p {test.get('relation')} {p_text(test.get('p_value'))}"
        word = "significant" if test.get("significant") is True else "not significant"
        parts.append(f"{better} over {worse}: {p_value}, {word}")
    return f"{'; '.join(parts)} ({extractors.get('place')})." if parts else ""


def _remove_stale(folder: Path, wanted: set[str]) -> None:
    """Remove figures of an earlier report of this study that this one does not show."""
    if folder.is_dir():
        for pattern in _FIGURES:
            for path in folder.glob(f"{pattern}.svg"):
                if path.stem not in wanted:
                    path.unlink(missing_ok=True)
