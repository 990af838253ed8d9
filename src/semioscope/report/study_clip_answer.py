"""The answer of a study of feature extractors: the best of them, against the rule that needs none, and the others."""

import math
from collections.abc import Mapping
from typing import Any

from semioscope.core.wording import join_words
from semioscope.report.answer import Answer, Verdict
from semioscope.report.inputs import as_float, as_list, as_mapping
from semioscope.report.study_clip_tables import ClipTable, clip_tables, is_available, median_of, row_title
from semioscope.report.study_inputs import Study
from semioscope.report.study_words import p_sentence, protocol_text, reach_text, spread_text
from semioscope.report.wording import UNDEFINED, count, number, percent, plural

_RULE = "no clip is tonic-clonic"


def clip_answer(study: Study) -> Answer:
    """Return the answer of a study whose examples are clips."""
    tables = clip_tables(study)
    table = next((table for table in tables if table.protocol is study.main), None)
    if table is None or not table.available:
        return Answer(
            headline="No feature extractor has a result",
            lead="No row of the table could be scored. The reasons stand in the table below.",
            verdict="unknown",
            verdict_title="Not compared",
            verdict_text="Without scores there is nothing to compare.",
            sentences=(),
            tiles=(),
        )
    ranked = sorted(table.available, key=_rank, reverse=True)
    best = ranked[0]
    accuracy = as_mapping(best.get("accuracy"))
    headline = (
        f"{row_title(best)}: half of the seizures have at least {percent(median_of(best))} of clips right"
    )
    others = [f"{row_title(row)} {percent(median_of(row))}" for row in ranked[1:]]
    lead = (
        f"Median accuracy over {plural(accuracy.get('num'), 'seizure')}, {protocol_text(table.protocol)}. "
        f"{reach_text(table.protocol)}" + (f" After it: {join_words(others)}." if others else "")
    )
    if table.rule:
        lead += f" For comparison, the rule that {_RULE}: {percent(median_of(table.rule))}."
    verdict, title, text = _verdict(table, best)
    missing = [row_title(row) for row in table.rows if not is_available(row)]
    sentences = [_rule_sentence(study, table), _share_of_positive(study)]
    if missing:
        sentences.append(f"Not available: {join_words(missing)}; the reasons stand in the table.")
    tiles = [_tile(row_title(row), row) for row in table.available[:4]]
    if table.rule:
        tiles.append(_tile(f"Rule: {_RULE}", table.rule))
    return Answer(
        headline=headline,
        lead=lead,
        verdict=verdict,
        verdict_title=title,
        verdict_text=text,
        sentences=tuple(sentence for sentence in sentences if sentence),
        tiles=tuple(tiles),
    )


def _verdict(table: ClipTable, best: Mapping[str, Any]) -> tuple[Verdict, str, str]:
    """Judge the best feature extractor: first against the rule, then against the others."""
    others, title, text = _among_networks(table, best)
    if not table.rule:
        return others, title, text
    tests = (as_mapping(test) for test in as_list(table.rule.get("tests")))
    own = next(
        (t for t in tests if t.get("metric") == "accuracy" and t.get("better") == best.get("backbone")), {}
    )
    name = row_title(best)
    against = f"the rule that {_RULE} ({percent(median_of(table.rule))}; {p_sentence(own.get('p_value'))})"
    if own.get("significant") is True:
        text = f"In accuracy {name} is above {against}. {text}"
        return ("better" if others == "unknown" else others), title, text
    worse = not median_of(best) > median_of(table.rule)
    where = "not above" if worse else "above"
    return (
        "worse" if worse else "unclear",
        f"It is not shown to be more often right than the rule that {_RULE}",
        f"In median accuracy {name} ({percent(median_of(best))}) is {where} {against}. {_phase(table, best)} {text}",
    )


def _among_networks(table: ClipTable, best: Mapping[str, Any]) -> tuple[Verdict, str, str]:
    name = best.get("backbone")
    own = [test for test in table.tests if test.get("metric") == "accuracy" and test.get("better") == name]
    sure = [test for test in own if test.get("significant") is True]
    alike = [table.title(test.get("worse")) for test in own if test.get("significant") is not True]
    level = f"One-tailed Mann-Whitney U over seizures, corrected level {number(table.level, 4)}."
    if not own:
        alone = "No other feature extractor has a result to hold it against."
        title = "Better than the rule; the only feature extractor" if table.rule else "Not compared"
        return "unknown", title, alone
    if not alike:
        names = join_words([table.title(test.get("worse")) for test in sure])
        return (
            "better",
            "Significantly better than every other feature extractor",
            f"Accuracy above {names}. {level}",
        )
    names = join_words(alike)
    return (
        "unclear",
        "Not significantly better than every other feature extractor",
        (
            f"In accuracy it cannot be told from {names}"
            + (f"; it is above {join_words([table.title(t.get('worse')) for t in sure])}" if sure else "")
            + f". {level}"
        ),
    )


def _phase(table: ClipTable, best: Mapping[str, Any]) -> str:
    """Say how the network finds the clips of the phase, which the rule never does."""
    f1, auc = (
        f"{spread_text(as_mapping(best.get(metric)))} against {spread_text(as_mapping(table.rule.get(metric)))}"
        for metric in ("f1", "auc")
    )
    return (
        f"The rule never finds the phase, so look at that too: F1 {f1}, area under the precision-recall curve {auc} "
        "(median and inter-quartile range in per cent; the network against the rule)."
    )


def _rule_sentence(study: Study, table: ClipTable) -> str:
    """Say why the rule is so often right, here and in the published cohort; empty without its scores."""
    if not table.rule:
        return ""
    right, num = (as_float(table.rule.get(key)) for key in ("num_all_right", "num_seizures"))
    told = (
        f"The rule that {_RULE} needs no network and is right on every clip of {count(right)} of "
        f"{plural(num, 'seizure')}"
    )
    told += ", which is why its median accuracy is 100 %." if 2 * right > num else "."
    name = study.classes[0] if len(study.classes) == 2 else ""
    per_class = as_mapping(as_mapping(study.part("published").get("cohort")).get("per_class"))
    sizes = {key: as_float(as_mapping(cells).get("seizures")) for key, cells in per_class.items()}
    total = sum(sizes.values())
    if name in sizes and 2 * sizes[name] > total:
        told += (
            f" In the published cohort, with {count(sizes[name])} {name} among {plural(total, 'seizure')}, its "
            "median accuracy is 100 % too; the paper does not show it."
        )
    return told


def _share_of_positive(study: Study) -> str:
    if not study.positive_class:
        return ""
    return (
        f"Accuracy is over all seizures; F1 and the area under the precision-recall curve are over "
        f"{study.positive_class} seizures only, as a seizure without positive clips has neither."
    )


def _rank(row: Mapping[str, Any]) -> float:
    value = median_of(row)
    return value if math.isfinite(value) else -math.inf


def _tile(label: str, row: Mapping[str, Any]) -> dict[str, str]:
    spread = as_mapping(row.get("accuracy"))
    iqr = as_float(spread.get("iqr"))
    width = f"inter-quartile range {100 * iqr:.1f} points" if math.isfinite(iqr) else f"range {UNDEFINED}"
    return {
        "label": f"{label}, median accuracy",
        "value": percent(spread.get("median")),
        "interval": "",
        "note": f"{width}, {plural(spread.get('num'), 'seizure')}",
    }
