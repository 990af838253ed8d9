"""The answer of a study of settings in plain words: the best, how sure, against what, and what the split hides."""

import math
from collections.abc import Mapping
from typing import Any

from semioscope.core.wording import join_words
from semioscope.report.answer import Answer, Verdict, baselines_in_order
from semioscope.report.inputs import as_float, as_list, as_mapping
from semioscope.report.study_inputs import Cell, ProtocolScores, Study, matrix
from semioscope.report.study_words import (
    protocol_text,
    published_best_text,
    reach_text,
    rule_text,
    setting_text,
    value_text,
)
from semioscope.report.wording import (
    count,
    difference_text,
    interval_text,
    lowered,
    metric_value,
    percent,
    plural,
    points,
)  # fmt: skip

_PEEKED = "was chosen after looking at the test scores: that is optimistic"


def event_answer(study: Study) -> Answer:
    """Return the answer of a study whose examples are whole seizures."""
    main = study.main
    best = main.overall_best if main else None
    if main is None or best is None:
        return Answer(
            headline="No setting has a result",
            lead="No setting of this study could be scored. The failures are listed below.",
            verdict="unknown",
            verdict_title="Not compared",
            verdict_text="Without a score there is nothing to compare.",
            sentences=(),
            tiles=(),
        )
    verdict, title, text = _compare(study, main, best)
    return Answer(
        headline=_headline(main, best),
        lead=_lead(study, main, best),
        verdict=verdict,
        verdict_title=title,
        verdict_text=text,
        sentences=tuple(sentence for sentence in _sentences(study, main) if sentence),
        tiles=tuple(_tiles(study, main, best)),
    )


def best_of_many(main: ProtocolScores) -> str:
    """Say why the best of many settings on the folds that are reported promises too much; empty for a single one."""
    scored = num_scored(main)
    if scored < 2:
        return ""
    text = (
        f"The best of {count(scored)} settings, picked on the very folds that are reported, promises too much: "
        "part of its lead is luck."
    )
    best, chosen = main.overall_best, chosen_inside(main)
    if best is None or not chosen:
        why = "" if main.selection == "inner" else " under this protocol"
        return (
            f"{text} No setting was chosen inside the training patients{why}, so how much is not known here."
        )
    accuracy = as_mapping(chosen.get("accuracy"))
    gap = best.value("accuracy") - as_float(accuracy.get("value"))
    return (
        f"{text} When the setting of each fold is chosen inside its training patients, accuracy is "
        f"{value_text('accuracy', accuracy)} instead of {percent(best.value('accuracy'))} "
        f"({points(-gap)} points); that is the figure to expect."
    )


def num_scored(protocol: ProtocolScores) -> int:
    """Return how many settings of a protocol have an accuracy."""
    return sum(math.isfinite(cell.value("accuracy")) for cell in protocol.cells)


def chosen_inside(protocol: ProtocolScores) -> Mapping[str, Any]:
    """Return the scores with the setting chosen inside the training patients; empty if there are none."""
    chosen = as_mapping(protocol.scores.get("chosen_inside"))
    value = as_float(as_mapping(chosen.get("accuracy")).get("value"))
    return chosen if math.isfinite(value) else {}


def study_baselines(protocol: ProtocolScores) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the yardsticks of a protocol from the simplest to the least simple."""
    return baselines_in_order(as_mapping(protocol.scores.get("baselines")))


def flattery_heading(study: Study) -> str:
    """Return in one line how much better the one protocol looks than the other."""
    flattery = study.part("flattery")
    before, after = (study.protocol(flattery.get(key)) for key in ("from", "to"))
    if before is None or after is None:
        return "How much the folds flatter is not known"
    found = as_mapping(as_mapping(as_mapping(flattery.get("metrics")).get("accuracy")).get("mean_difference"))
    mean, low, high = (as_float(found.get(key)) for key in ("value", "low", "high"))
    first = rule_text(before) if rule_text(before) != rule_text(after) else f"protocol {before.name}"
    second = rule_text(after) if first == rule_text(before) else f"protocol {after.name}"
    first = first[:1].upper() + first[1:]
    if not math.isfinite(mean):
        return f"{first} against {second}"
    size = f"{abs(100 * mean):.1f} percentage points of accuracy"
    low, high = (low, high) if mean > -0.0005 else (-high, -low)
    ends = " to ".join(f"{100 * end + 0.0:.1f}".replace("-", "\N{MINUS SIGN}") for end in (low, high))
    sure = f" (95 % interval {ends})" if math.isfinite(low) and math.isfinite(high) else ""
    if abs(mean) < 0.0005:
        return f"{first} and {second} give the same accuracy on average{sure}"
    return f"{first} look {'better' if mean > 0 else 'worse'} than {second} by {size} on average{sure}"


def _headline(main: ProtocolScores, best: Cell) -> str:
    """Return the figure to expect: with the setting chosen inside the training patients, where there is one."""
    chosen = chosen_inside(main)
    counts = matrix(chosen.get("confusion")) if chosen else best.confusion
    value = as_mapping(chosen.get("accuracy")).get("value") if chosen else best.value("accuracy")
    how = ""
    if chosen:
        how = " with the setting chosen inside the training patients"
    elif num_scored(main) > 1:
        how = f" with the best of {count(num_scored(main))} settings, chosen after looking at the test scores"
    cells = [cell for row in counts for cell in row]
    if cells and all(math.isfinite(cell) for cell in cells):
        right = sum(row[index] for index, row in enumerate(counts))
        return f"Right in {count(right)} of {plural(sum(cells), 'seizure')}{how}"
    return f"Accuracy {percent(value)}{how}"


def _lead(study: Study, main: ProtocolScores, best: Cell) -> str:
    what = f"tells {join_words(list(study.classes))} apart" if study.classes else "classifies the seizures"
    chosen = chosen_inside(main)
    accuracy = as_mapping(chosen.get("accuracy")) if chosen else best.estimate("accuracy")
    interval = interval_text("accuracy", accuracy)
    patients = as_float(study.part("cohort").get("num_patients"))
    who = f" over {plural(patients, 'patient')}" if math.isfinite(patients) else ""
    note = str(accuracy.get("note") or "none was computed").removeprefix("No interval: ").rstrip(".")
    sure = f"95 % interval {interval}{who}" if interval else f"no interval: {note}"
    rules = [
        f"{lowered(str(cells.get('title') or name))} {metric_value('accuracy', value)}"
        for name, cells in study_baselines(main)
        if math.isfinite(value := as_float(as_mapping(cells.get("accuracy")).get("value")))
    ]
    against = f" For comparison: {join_words(rules)}." if rules else ""
    subject, caution = setting_text(best, study), ""
    if chosen:
        subject = (
            "The setting that each fold chooses inside its training patients, as one has to for new ones,"
        )
        caution = (
            f" The best of {plural(num_scored(main), 'setting')}, {setting_text(best, study)}, reaches "
            f"{value_text('accuracy', best.estimate('accuracy'))}, but {_PEEKED}."
        )
    elif num_scored(main) > 1:
        caution = f" It is the best of {count(num_scored(main))} settings and {_PEEKED}."
    return (
        f"{subject} {what} with an accuracy of {percent(accuracy.get('value'))} ({sure}) "
        f"under {protocol_text(main)}.{against}{caution}"
    )


def _compare(study: Study, main: ProtocolScores, best: Cell) -> tuple[Verdict, str, str]:
    """Judge the study against the yardsticks, by the setting that was chosen inside where there is one."""
    chosen = chosen_inside(main)
    own = as_mapping(chosen.get("accuracy")) if chosen else best.estimate("accuracy")
    what = "the setting chosen inside the training patients" if chosen else "the best setting"
    value, low = as_float(own.get("value")), as_float(own.get("low"))
    entries: list[tuple[float, str, str]] = []
    paired_all = True
    for name, cells in study_baselines(main):
        other = as_mapping(cells.get("accuracy"))
        paired = as_mapping(as_mapping(cells.get("difference")).get("accuracy"))
        gap = as_float(paired.get("value"))
        sure = as_float(paired.get("low")) > 0
        if math.isnan(gap):
            gap = value - as_float(other.get("value"))
            sure = low > as_float(
                other.get("high" if math.isfinite(as_float(other.get("high"))) else "value")
            )
        if math.isnan(gap):
            continue
        shown = difference_text({**paired, "value": gap}).replace(" (", "; ").rstrip(")")
        kind = "better" if sure else "worse" if gap <= 0 else "unclear"
        paired_all = paired_all and math.isfinite(as_float(paired.get("low")))
        entries.append((gap, kind, f"{lowered(str(cells.get('title') or name))} ({shown})"))
    if not entries:
        return "unknown", "Not compared", (
            "No simple rule has a score, so it is not known whether one would do as well."
        )  # fmt: skip
    unit = f"Compared: {what}, {rule_text(main)}. In brackets: difference in percentage points of accuracy."
    unit += (
        "" if paired_all else " Where no interval is given, better means that the intervals do not overlap."
    )
    kinds = {kind for _, kind, _ in entries}
    names = {
        kind: join_words([text for _, own_kind, text in sorted(entries) if own_kind == kind])
        for kind in kinds
    }
    if "worse" in kinds:
        return "worse", "It does not beat every simple rule", f"Not better than: {names['worse']}. {unit}"
    if "unclear" in kinds:
        text = f"It is more often right than {names['unclear']}, but that can be chance. {unit}"
        return "unclear", "It is not shown to beat every simple rule", text
    return (
        "better",
        "Better than every simple rule it was compared with",
        f"The closest is {min(entries)[2]}. {unit}",
    )


def _sentences(study: Study, main: ProtocolScores) -> list[str]:
    met = (
        "Every seizure was judged by a model that had never seen that patient."
        if main.by_patient
        else "The figures are likely to be better than for a new patient."
    )
    sentences = [f"{reach_text(main)} {met}", best_of_many(main)]
    published = published_best_text(study.part("published"))
    if published:
        source = study.part("published")
        split = str(source.get("split") or "")
        told = f"; {split}" if split else ""
        sentences.append(f"Published best ({source.get('source')}): {published}{told}.")
    sentences.append(_missing(study))
    out = len(as_list(study.part("cohort").get("left_out")))
    if out:
        who = plural(out, "seizure was", "seizures were")
        sentences.append(f"{who} left out by rule; the reasons are listed below.")
    return sentences


def _missing(study: Study) -> str:
    """Say how many settings of the grid have no result; empty if all have."""
    expected = expected_cells(study)
    absent = {protocol.name: expected - num_scored(protocol) for protocol in study.protocols}
    if not any(number > 0 for number in absent.values()):
        return ""
    if len(set(absent.values())) == 1:
        where = "" if len(absent) == 1 else ", whatever the folds"
        return f"{count(next(iter(absent.values())))} of {plural(expected, 'setting')} have no result{where}."
    parts = [
        f"{count(absent[protocol.name])} with {rule_text(protocol)}"
        for protocol in study.protocols
        if absent[protocol.name] > 0
    ]
    return f"Of {plural(expected, 'setting')}, some have no result: {join_words(parts)}."


def expected_cells(study: Study) -> int:
    """Return how many settings the grid of a study has."""
    sizes = (study.aggregators, study.num_segments, study.gammas, study.backbones)
    return math.prod(max(len(values), 1) for values in sizes)


def _tiles(study: Study, main: ProtocolScores, best: Cell) -> list[Mapping[str, Any]]:
    chosen = chosen_inside(main)
    mean = as_mapping(as_mapping(main.scores.get("baselines")).get("clip_mean"))
    tiles = [_tile(_best_label(main), best.estimate("accuracy"))]
    if chosen:
        label = f"Setting chosen inside the training patients, {rule_text(main)}"
        tiles.insert(0, _tile(label, as_mapping(chosen.get("accuracy"))))
    for protocol in study.protocols:
        other = protocol.overall_best
        if protocol is not main and other is not None:
            tiles.append(_tile(_best_label(protocol), other.estimate("accuracy")))
    if mean:
        title = str(mean.get("title") or "mean of clip probabilities")
        tiles.append(_tile(title[:1].upper() + title[1:], as_mapping(mean.get("accuracy"))))
    return tiles[:4]


def _best_label(protocol: ProtocolScores) -> str:
    number = num_scored(protocol)
    what = "The setting" if number == 1 else f"Best of {plural(number, 'setting')} by test scores"
    return f"{what}, {rule_text(protocol)}"


def _tile(label: str, estimate: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "label": label,
        "value": metric_value("accuracy", estimate.get("value")),
        "interval": interval_text("accuracy", estimate),
        "note": str(estimate.get("note") or ""),
    }
