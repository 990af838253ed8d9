"""Refuse a plan in which what is tested was trained on."""

from collections.abc import Iterable
from itertools import combinations

from semioscope.core.errors import LeakageError
from semioscope.splits.records import PATIENT_RULES, Fold, FoldPlan


def check_leakage(plan: FoldPlan, *, allow_shared_patients: bool) -> None:
    """Refuse a plan with an event, or under a patient rule a patient, on two sides of a fold.

    Validation and test may be the same only where the plan declares selection on the test fold; train is
    always apart from both.

    Args:
        plan: The plan.
        allow_shared_patients: Whether the settings of the run declare that patients are shared (rules
            ``seizure`` and ``released``). A plan whose own rule is by patient is held to it all the same.

    Raises:
        LeakageError: Naming the fold and the events or patients.
    """
    by_patient = plan.rule in PATIENT_RULES or not allow_shared_patients
    for fold in plan.folds:
        for first, second in combinations(("train", "validation", "test"), 2):
            if (first, second) == ("validation", "test") and plan.selection == "test":
                continue
            _refuse_shared(plan, fold, first, second, by_patient=by_patient)


def _refuse_shared(plan: FoldPlan, fold: Fold, first: str, second: str, *, by_patient: bool) -> None:
    events_a: set[str] = set(getattr(fold, first))
    events_b: set[str] = set(getattr(fold, second))
    unknown = (events_a | events_b) - set(plan.patient_of)
    if unknown:
        msg = (
            f"Every event of a fold plan needs its patient, but fold {fold.index} names {listed(unknown)}, "
            "which patient_of does not. Make the folds again."
        )
        raise LeakageError(msg)
    shared_events = events_a & events_b
    if shared_events:
        msg = (
            f"An event must be in one set of a fold only, but fold {fold.index} has "
            f"{listed(shared_events)} in {first} and in {second}. Take "
            f"{'it' if len(shared_events) == 1 else 'them'} out of one of the two, or make the folds again."
        )
        raise LeakageError(msg)
    if not by_patient:
        return
    shared = {plan.patient_of[name] for name in events_a} & {plan.patient_of[name] for name in events_b}
    if shared:
        msg = (
            f"No patient may be on both sides of a fold (rule {plan.rule}), but fold {fold.index} has "
            f"{'patient' if len(shared) == 1 else 'patients'} {listed(shared)} in {first} and in {second}. "
            "Move all events of a patient to one side, or make the folds again."
        )
        raise LeakageError(msg)


def listed(names: Iterable[str], *, most: int = 10) -> str:
    """Return names in order, the first ``most`` of them and how many more there are."""
    ordered = sorted(names)
    rest = len(ordered) - most
    return ", ".join(ordered[:most]) + (f" and {rest} more" if rest > 0 else "")
