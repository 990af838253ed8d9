"""What is wrong with the ``crops.tsv`` of a cohort, row by row: told before a run does."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from semioscope.cohort import Cohort, read_cohort
from semioscope.cohort.parts import SIDES, part_id
from semioscope.core.errors import CohortError, nearest_names
from semioscope.core.formats import CROPS
from semioscope.core.records import Event, EventView
from semioscope.core.tables import Problem
from semioscope.preprocess.crop_events import crop_events
from semioscope.preprocess.cropper_rows import other_times, views_of
from semioscope.preprocess.crops import CropPlan, CropRow, read_crop_rows

SMALLEST_AREA = 0.01
"""An accepted box that is a smaller share of the picture is told."""
SMALLEST_SIDE = 0.02
"""So is one with a side that is a smaller share of that of the picture: of 424 rows, 8."""


def check_crops(folder: Path) -> list[Problem]:
    """Return what is wrong with the crop plans of a cohort folder; it never raises for what it finds.

    Of a cohort whose tables cannot be read, only rows that are not valid by themselves are told. The recordings of
    parts that have a row are opened for their length, as parts of the usual length.
    """
    path = folder / CROPS.file
    if not path.exists():
        return []
    rows, problems = read_crop_rows(path)
    try:
        cohort = read_cohort(folder)
        events = crop_events(cohort, planned=[row.plan for row in rows]).events
    except CohortError:  # the check of the cohort tells it
        return problems
    return [*problems, *row_problems(cohort, events, rows)]


def run_warnings(cohort: Cohort, events: Iterable[Event], cropper: str) -> tuple[str, ...]:
    """Return what is to be mended in the rows that a run with a cropper would go by, as sentences.

    Args:
        cohort: The cohort.
        events: Those of the run.
        cropper: A key of ``CROP_METHODS``.

    Raises:
        CohortError: If a row is not valid; all such rows are named.
    """
    path = cohort.folder / CROPS.file
    if not path.exists():
        return ()
    rows, problems = read_crop_rows(path)
    errors = [str(problem) for problem in problems if problem.severity == "error"]
    if errors:
        raise CohortError("\n".join(errors))
    own = [row for row in rows if row.plan.cropper in ("", cropper)]
    return tuple(map(str, (*problems, *row_problems(cohort, events, own))))


def row_problems(cohort: Cohort, events: Iterable[Event], rows: Sequence[CropRow]) -> list[Problem]:
    """Return what a person should look at in valid rows, as warnings: no run is stopped by it.

    Args:
        cohort: The cohort.
        events: Those whose times are known, parts among them.
        rows: As ``read_crop_rows`` gives them.
    """
    views = {
        (seizure.seizure_id, view.recording_id): view for seizure in cohort.seizures for view in seizure.views
    } | views_of(events)
    found = []
    for row in rows:
        view = views.get(row.plan.place)
        said = [_unknown(cohort, row.plan, seen=view is not None), _tiny(row.plan)]
        if view is not None:
            said.append(_moved(cohort, row.plan, view))
        found += [
            Problem(
                severity="warning",
                file=CROPS.file,
                message=message,
                row=row.number,
                subject=f"event {row.plan.event_id}",
            )
            for message in said
            if message
        ]
    return found


def _unknown(cohort: Cohort, plan: CropPlan, *, seen: bool) -> str:
    """Return what to say of a row that no event of the cohort goes by; empty if one does."""
    seizures = {seizure.seizure_id: seizure for seizure in cohort.seizures}
    parts = {part_id(name, side): seizure for name, seizure in seizures.items() for side in SIDES}
    mend = "The row is never used. Correct or delete it."
    if plan.event_id not in seizures and plan.event_id not in parts:
        return f"event_id {plan.event_id} is no seizure of the cohort.{_near(plan.event_id, seizures)} {mend}"
    if plan.recording_id not in cohort.recordings:
        near = _near(plan.recording_id, cohort.recordings)
        return f"recording_id {plan.recording_id} is no recording of the cohort.{near} {mend}"
    seizure = seizures.get(plan.event_id) or parts[plan.event_id]
    recordings = [view.recording_id for view in seizure.views]
    if seen or plan.recording_id in recordings:
        return ""
    return f"event {plan.event_id} is not in recording {plan.recording_id}, but in {', '.join(recordings)}. {mend}"


def _near(name: str, known: Iterable[str]) -> str:
    near = nearest_names(name, known)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _tiny(plan: CropPlan) -> str:
    box = plan.box
    if box is None or plan.status != "accepted":
        return ""
    if box.width * box.height >= SMALLEST_AREA and min(box.width, box.height) >= SMALLEST_SIDE:
        return ""
    return (
        f"the accepted box is {100 * box.width:.2g} % of the picture's width and {100 * box.height:.2g} % of its "
        "height, too little to show a patient. Correct it, or look at it with semioscope crop sheet."
    )


def _moved(cohort: Cohort, plan: CropPlan, view: EventView) -> str:
    """Return what to say of a row that was made for other times of its event; empty if it was not."""
    if plan.fits(view):
        return ""
    is_part = plan.event_id not in {seizure.seizure_id for seizure in cohort.seizures}
    or_length = " (or for parts of another --part-seconds)" if is_part else ""
    how = "by hand" if plan.origin == "manual" else "automatically"
    option = f" --cropper {plan.cropper}" if plan.cropper else ""
    remedy = (
        f"It is used as written. Look again: semioscope crop sheet{option}."
        if plan.origin == "manual"
        else f"A run plans it anew, and so does semioscope crop plan{option}."
    )
    return f"made {how} for other times of its event{or_length}: {other_times(plan, view)}. {remedy}"
