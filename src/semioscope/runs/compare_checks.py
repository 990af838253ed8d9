"""Whether runs may be compared: the same events, tested in the same folds by models of the same training events."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from semioscope.core.errors import ConfigError
from semioscope.core.wording import counted
from semioscope.runs.compare_sources import ComparedRun
from semioscope.splits import FoldPlan

_MOST_NAMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparability:
    """How far runs are alike beyond their settings.

    Args:
        differences: Sentences, each about one run against the first; empty if all have the same folds.
        of_protocols: Whether the rule of the folds or the selection differs, so that protocols are compared.
        common: Events that every run scored, sorted.
        left_out: Every other event of any run, with why and for which runs.
    """

    differences: tuple[str, ...]
    of_protocols: bool
    common: tuple[str, ...]
    left_out: tuple["LeftOut", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An event that is not compared.

    Args:
        event_id: The event.
        not_scored: Runs that tested it and have no score.
        not_tested: Runs that did not test it.
    """

    event_id: str
    not_scored: tuple[str, ...]
    not_tested: tuple[str, ...]


def check_comparable(runs: Sequence[ComparedRun], *, allow_different_folds: bool = False) -> Comparability:
    """Say how far runs are comparable, and refuse those that are not.

    Args:
        runs: Two or more.
        allow_different_folds: Compare runs of different folds, cohorts or events on the events that they share.

    Raises:
        ConfigError: If the classes, or the class or patient of a shared event differ; if no event is shared; or
            if the folds differ and that is not allowed. The message names what differs.
    """
    first, *others = runs
    for run in others:
        _check_classes(first, run)
        _check_labels(first, run)
    differences = tuple(sentence for run in others for sentence in _differences(first, run))
    if differences and not allow_different_folds:
        told = " ".join(differences)
        msg = (
            f"Runs must have tested the same events in the same folds to be compared. {told} Run again with "
            f"--folds {first.folder / 'folds.json'}{_of_protocol(first)}, or give "
            "--allow-different-folds to compare on the events that they share."
        )
        raise ConfigError(msg)
    scored = [set(run.events.event_ids) for run in runs]
    common = set.intersection(*scored)
    if not common:
        msg = "Runs must share events that all of them scored, but there is none. Compare runs of one cohort."
        raise ConfigError(msg)
    everything = set().union(*scored, *(set(run.unscored) for run in runs))
    left_out = tuple(_left_out(event_id, runs) for event_id in sorted(everything - common))
    return Comparability(
        differences=differences,
        of_protocols=any(_protocol(run) != _protocol(first) for run in others),
        common=tuple(sorted(common)),
        left_out=left_out,
    )


def _of_protocol(run: ComparedRun) -> str:
    """Return what a study needs beside a folds file: it fits one protocol."""
    return f" --protocol {run.folder.name}" if "@" in Path(run.source).name else ""


def _protocol(run: ComparedRun) -> tuple[str, str]:
    return run.folds.rule, run.folds.selection


def _check_classes(first: ComparedRun, run: ComparedRun) -> None:
    if run.classes != first.classes:
        msg = (
            f"Runs must tell the same classes apart, in the same order, but {first.name} has "
            f"{', '.join(first.classes)} and {run.name} has {', '.join(run.classes)}. Compare runs of one task."
        )
        raise ConfigError(msg)


def _check_labels(first: ComparedRun, run: ComparedRun) -> None:
    """Refuse runs that disagree about an event itself: its class or its patient."""
    known = {
        event_id: (first.classes[y_true], patient)
        for event_id, y_true, patient in zip(
            first.events.event_ids, first.events.y_true.tolist(), first.events.patients, strict=True
        )
    }
    for event_id, y_true, patient in zip(
        run.events.event_ids, run.events.y_true.tolist(), run.events.patients, strict=True
    ):
        if event_id not in known:
            continue
        for what, one, other in zip(
            ("class", "patient"), known[event_id], (run.classes[y_true], patient), strict=True
        ):
            if one != other:
                msg = (
                    f"Runs must agree on what an event is, but {event_id} has {what} {one} in {first.name} and "
                    f"{other} in {run.name}. Compare runs of one cohort and task."
                )
                raise ConfigError(msg)


def _differences(first: ComparedRun, run: ComparedRun) -> list[str]:
    """Return what stands against comparing two runs, in sentences."""
    one, two = f"{first.name} and {run.name}", run.name
    told = []
    tasks = [
        {key: value for key, value in side.settings.items() if key.startswith("task.")}
        for side in (first, run)
    ]
    if tasks[0] != tasks[1]:
        keys = sorted(key for key in {**tasks[0], **tasks[1]} if tasks[0].get(key) != tasks[1].get(key))
        told.append(f"The tasks of {one} differ in {', '.join(keys)}.")
    if first.cohort_hash and run.cohort_hash and first.cohort_hash != run.cohort_hash:
        told.append(f"The tables of the cohorts of {one} differ.")
    rules = [
        f"{what} {mine} ({first.name}: {theirs})"
        for what, mine, theirs in (
            ("folds.rule", run.folds.rule, first.folds.rule),
            ("selection.on", run.folds.selection, first.folds.selection),
        )
        if mine != theirs
    ]
    if rules:
        told.append(f"{two} has {' and '.join(rules)}.")
    tests = [_tested(side.folds) for side in (first, run)]
    for mine, theirs, who in ((0, 1, first.name), (1, 0, two)):
        only = set(tests[mine]) - set(tests[theirs])
        if only:
            told.append(f"{_events(only)} tested in {who} only ({_listed(only)}).")
    return told + _fold_differences(first, run, tests)


def _fold_differences(
    first: ComparedRun, run: ComparedRun, tests: Sequence[Mapping[str, Sequence["_TestedIn"]]]
) -> list[str]:
    shared = set(tests[0]) & set(tests[1])
    apart = {
        event_id
        for event_id in shared
        if _beside(tests[0][event_id], shared) != _beside(tests[1][event_id], shared)
    }
    if apart:
        return [
            f"{_events(apart)} tested together with others in {run.name} than in {first.name} "
            f"({_listed(apart)})."
        ]
    for side, word in (("train", "trained on"), ("validation", "used to choose the epoch")):
        moved_by_event = {
            event_id: moved
            for event_id in shared
            if (moved := _moved(tests[0][event_id], tests[1][event_id], side, shared))
        }
        if not moved_by_event:
            continue
        example = min(moved_by_event)
        patients = {
            patient
            for pair in moved_by_event[example]
            for patient in _patients(pair[0], first.folds) ^ _patients(pair[1], run.folds)
        }
        which = f"other patients ({_listed(patients)})" if patients else "other events of the same patients"
        return [
            f"The fold that tests {example} has {which} {word} in {run.name} than in {first.name} "
            f"({len(moved_by_event)} of {len(shared)} events)."
        ]
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class _TestedIn:
    """A fold, as the events that it tests see it."""

    test: frozenset[str]
    train: frozenset[str]
    validation: frozenset[str]


def _tested(plan: FoldPlan) -> dict[str, list[_TestedIn]]:
    """Return for every tested event the folds that test it: one, or several under rules that repeat."""
    found: dict[str, list[_TestedIn]] = {}
    for fold in plan.folds:
        one = _TestedIn(
            test=frozenset(fold.test), train=frozenset(fold.train), validation=frozenset(fold.validation)
        )
        for event_id in fold.test:
            found.setdefault(event_id, []).append(one)
    return found


def _beside(folds: Sequence[_TestedIn], shared: set[str]) -> Counter[frozenset[str]]:
    """Return who is tested with an event, in every fold that tests it."""
    return Counter(fold.test & shared for fold in folds)


def _moved(
    mine: Sequence[_TestedIn], theirs: Sequence[_TestedIn], side: str, shared: set[str]
) -> list[tuple[frozenset[str], frozenset[str]]]:
    """Return what two runs have on a side of the folds that test the same events, where it differs."""
    held = [Counter((fold.test & shared, getattr(fold, side)) for fold in folds) for folds in (mine, theirs)]
    ordered = [
        sorted((sorted(tested), sorted(members)) for tested, members in only.elements())
        for only in (held[0] - held[1], held[1] - held[0])
    ]
    return [(frozenset(one), frozenset(two)) for (_, one), (_, two) in zip(*ordered, strict=True)]


def _patients(event_ids: Iterable[str], plan: FoldPlan) -> set[str]:
    return {plan.patient_of.get(name, name) for name in event_ids}


def _left_out(event_id: str, runs: Sequence[ComparedRun]) -> LeftOut:
    return LeftOut(
        event_id=event_id,
        not_scored=tuple(run.name for run in runs if event_id in run.unscored),
        not_tested=tuple(
            run.name for run in runs if event_id not in run.unscored and event_id not in run.events.event_ids
        ),
    )


def _events(names: Iterable[str]) -> str:
    return counted(len(set(names)), "event is", "events are")


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:_MOST_NAMES]) + (", ..." if len(ordered) > _MOST_NAMES else "")
