"""The layout of the public GESTURES feature set: a csv of seizures, and a folder of vectors per view.

```
SET/seizures.csv                                  Subject,Seizure,OnsetClonic,GTCS,Discard
SET/features_fpc_8_fps_15/061_05_L/000000.pth     the vector of the clip that starts at frame 0; L large, S small
```
Data set: doi 10.5522/04/14781771. Methods: section 1, "Public feature data set".
"""

from dataclasses import dataclass
from pathlib import Path

from semioscope.core.errors import CohortError
from semioscope.core.tables import Problem
from semioscope.features.gestures_rows import CSV_FILE, CsvRow
from semioscope.plans import ClipPlan

FEATURES_FOLDER = "features_fpc_8_fps_15"
BACKBONE = "r2plus1d_34_8"
NUM_FEATURES = 512
CLIP_PLAN = ClipPlan(fps=15.0, frames_per_clip=8, stride=1)
VIEWS = {"L": "large", "S": "small"}
LEAST_SHARE = 0.9
"""Least share of the vectors of the longer view that the shorter should have."""
PUBLISHED_SOURCE = "doi:10.5522/04/14781771"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetView:
    """The vectors of one camera of a seizure.

    Args:
        name: Of the folder, such as ``061_05_L``.
        view: ``large`` or ``small``.
        num_clips: Vectors, one per start frame.
    """

    name: str
    view: str
    num_clips: int

    @property
    def duration_seconds(self) -> float:
        """From the first frame of the first clip to the end of the last frame of the last."""
        return (self.num_clips - 1) / CLIP_PLAN.fps + CLIP_PLAN.clip_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSeizure:
    """A seizure of the set: its row, and its views (large first; at least one)."""

    row: CsvRow
    views: tuple[SetView, ...]

    @property
    def duration_seconds(self) -> float:
        """Mean over the views."""
        return sum(view.duration_seconds for view in self.views) / len(self.views)

    @property
    def is_uneven(self) -> bool:
        """Whether a view is much shorter than the other."""
        lengths = [view.num_clips for view in self.views]
        return min(lengths) < LEAST_SHARE * max(lengths)


@dataclass(frozen=True, slots=True, kw_only=True)
class LostView:
    """A view that cannot be used, since files of it are missing or not what they should be.

    Args:
        name: Of its folder.
        row: Of its seizure.
        fault: Folder or file, what must hold and what came; without the full stop.
        is_whole_seizure: Whether the seizure has no other view to stay with.
    """

    name: str
    row: CsvRow
    fault: str
    is_whole_seizure: bool

    @property
    def problem(self) -> Problem:
        """A warning with row, folder, fault, what happened, and the remedy."""
        happened = (
            "The view is left out, and the seizure with it, as it has no other whole view."
            if self.is_whole_seizure
            else "The view is left out; the other view of the seizure stays."
        )
        remedy = "Unpack the data set again, then import it again, into another folder or with --force."
        return self.row.problem(f"{self.fault}. {happened} {remedy}", severity="warning")


@dataclass(frozen=True, slots=True, kw_only=True)
class GesturesSet:
    """A feature set whose rows and folders fit each other.

    Args:
        seizures: Ordered by subject and seizure.
        num_rows: Rows of the csv.
        notes: What a person should know.
        warnings: What a person should look at, but for the views that are left out.
        left_out: Views that cannot be used; not among those of ``seizures``.
    """

    seizures: tuple[SetSeizure, ...]
    num_rows: int
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    left_out: tuple[LostView, ...] = ()

    @property
    def views(self) -> tuple[SetView, ...]:
        """All views."""
        return tuple(view for seizure in self.seizures for view in seizure.views)

    @property
    def num_clips(self) -> int:
        """Vectors of all views."""
        return sum(view.num_clips for view in self.views)

    @property
    def view_notes(self) -> tuple[str, ...]:
        """Sentences about views that differ a little in length."""
        return tuple(
            f"The views of seizure {one.row.seizure_id} differ in their vectors: {_told_lengths(one)}."
            for one in self.seizures
            if len({view.num_clips for view in one.views}) > 1 and not one.is_uneven
        )

    @property
    def view_warnings(self) -> tuple[Problem, ...]:
        """Warnings about seizures with one view only, or with a view much shorter than the other."""
        lost = {view.row.number for view in self.left_out}
        found = []
        for one in self.seizures:
            if len(one.views) == 1 and one.row.number not in lost:
                view = one.views[0]
                other = next(
                    f"{one.row.seizure_id}_{letter}" for letter in VIEWS if VIEWS[letter] != view.view
                )
                message = (
                    f"has one view only ({view.view}, {view.num_clips} vectors), as there is no folder {other}. "
                    "It is used with this view. If the set was not unpacked whole, unpack and import it again."
                )
            elif one.is_uneven:
                message = (
                    f"should have views of about the same length, but of vectors it has {_told_lengths(one)}, as "
                    "after an interrupted unpacking. Both are used as they are. If one should be longer, unpack and "
                    "import the set again."
                )
            else:
                continue
            found.append(one.row.problem(message, severity="warning"))
        return tuple(found)


def _told_lengths(seizure: SetSeizure) -> str:
    return " and ".join(f"{view.num_clips} in {view.view}" for view in seizure.views)


def find_set(folder: Path) -> Path:
    """Return the folder that holds the csv and the folder of features: the one given, or the only one in it.

    Raises:
        CohortError: If there is none, or one of the two is missing.
    """
    if not folder.is_dir():
        what = "is a file; unpack it first" if folder.exists() else "does not exist"
        msg = f"{folder} must be the unpacked feature set, but {what}. Check the path."
        raise CohortError(msg)
    inner = sorted(path for path in folder.iterdir() if path.is_dir() and _looks_like_a_set(path))
    root = folder if _looks_like_a_set(folder) or len(inner) != 1 else inner[0]
    missing = [
        f"{name}{'/' if is_folder else ''}"
        for name, is_folder in ((CSV_FILE, False), (FEATURES_FOLDER, True))
        if not ((root / name).is_dir() if is_folder else (root / name).is_file())
    ]
    if missing:
        msg = (
            f"{root} must hold {CSV_FILE} and the folder {FEATURES_FOLDER}, but lacks {' and '.join(missing)}. Give "
            "the folder in which the data set was unpacked, or bring what is missing into it."
        )
        raise CohortError(msg)
    return root


def _looks_like_a_set(folder: Path) -> bool:
    return (folder / CSV_FILE).is_file() or (folder / FEATURES_FOLDER).is_dir()
