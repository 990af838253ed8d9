"""Whether runs may be compared: the same events, tested in the same folds by models of the same training events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from semioscope.core.errors import ConfigError
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
            f"--folds {first.folder / 'folds.json'}, or give --allow-different-folds to compare on the events that "
            "they share."
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
    first: ComparedRun, run: ComparedRun, tests: Sequence[dict[str, tuple[frozenset[str], ...]]]
) -> list[str]:
    shared = set(tests[0]) & set(tests[1])
    apart = {
        event_id for event_id in shared if tests[0][event_id][0] & shared != tests[1][event_id][0] & shared
    }
    if apart:
        return [
            f"{_events(apart)} tested together with others in {run.name} than in {first.name} "
            f"({_listed(apart)})."
        ]
    for side, word in ((1, "trained on"), (2, "used to choose the epoch")):
        other = {event_id for event_id in shared if tests[0][event_id][side] != tests[1][event_id][side]}
        if not other:
            continue
        example = min(other)
        patients = [
            {plan.patient_of.get(name, name) for name in found[example][side]}
            for plan, found in ((first.folds, tests[0]), (run.folds, tests[1]))
        ]
        moved = patients[0] ^ patients[1]
        which = f"other patients ({_listed(moved)})" if moved else "other events of the same patients"
        return [
            f"The fold that tests {example} has {which} {word} in {run.name} than in {first.name} "
            f"({len(other)} of {len(shared)} events)."
        ]
    return []


def _tested(plan: FoldPlan) -> dict[str, tuple[frozenset[str], ...]]:
    """Return for every tested event who is tested with it, trained on and used to choose."""
    return {
        event_id: (frozenset(fold.test), frozenset(fold.train), frozenset(fold.validation))
        for fold in plan.folds
        for event_id in fold.test
    }


def _left_out(event_id: str, runs: Sequence[ComparedRun]) -> LeftOut:
    return LeftOut(
        event_id=event_id,
        not_scored=tuple(run.name for run in runs if event_id in run.unscored),
        not_tested=tuple(
            run.name for run in runs if event_id not in run.unscored and event_id not in run.events.event_ids
        ),
    )


def _events(names: Iterable[str]) -> str:
    number = len(set(names))
    return "1 event is" if number == 1 else f"{number} events are"


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:_MOST_NAMES]) + (", ..." if len(ordered) > _MOST_NAMES else "")
