"""The columns of every table that semioscope reads or writes; ``docs/formats.md`` explains them.

A schema is data: ``core.tables`` reads and writes by it, and nothing else knows how a cell is written.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

SCHEMA_VERSION = 1

Kind = Literal["text", "id", "ids", "path", "number", "integer", "time", "datetime", "region", "choice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table.

    Args:
        name: As in the header. For columns that a schema only describes, a pattern such as ``y_score_*``.
        kind: What a cell holds. ``time`` and ``region`` stay text when a table is read, since a clock time
            needs the recording to be understood.
        required: The column must be there.
        filled: Every cell must hold something other than ``n/a``.
        default: Stands for a missing cell or column.
        choices: Allowed words of a ``choice``.
        clock_name: Name of a column of clock times that may stand in place of this one.
    """

    name: str
    kind: Kind = "text"
    required: bool = False
    filled: bool = False
    default: str | None = None
    choices: tuple[str, ...] = ()
    clock_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSchema:
    """The columns of one table, in the order in which they are written.

    Args:
        file: Usual file name, for messages.
        columns: Known columns.
        further: Describes any other column; None refuses other columns.
        subject: Word and column that name a row in messages, such as ``("seizure", "seizure_id")``.
        unique: The column whose values may not repeat, or None.
    """

    file: str
    columns: tuple[Column, ...]
    further: Column | None = None
    subject: tuple[str, str] | None = None
    unique: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the known columns."""
        return tuple(column.name for column in self.columns)

    @property
    def accepted_names(self) -> tuple[str, ...]:
        """Names of the known columns and of the clock columns that may replace them."""
        clocks = tuple(column.clock_name for column in self.columns if column.clock_name)
        return self.names + clocks

    def column(self, name: str) -> Column | None:
        """Return the column of a name, or None for a name that the table may not have."""
        for column in self.columns:
            if column.name == name:
                return column
            if column.clock_name == name:
                return Column(name=name, kind="time", filled=column.filled)
        if self.further is not None and fnmatchcase(name, self.further.name):
            return Column(name=name, kind=self.further.kind)
        return None


_LABELS = Column(name="*")

PATIENTS = TableSchema(
    file="patients.tsv",
    columns=(Column(name="patient_id", kind="id", required=True, filled=True),),
    further=_LABELS,
    subject=("patient", "patient_id"),
    unique="patient_id",
)

RECORDINGS = TableSchema(
    file="recordings.tsv",
    columns=(
        Column(name="recording_id", kind="id", required=True, filled=True),
        Column(name="patient_id", kind="id", required=True, filled=True),
        Column(name="view", default="main"),
        Column(name="path", kind="path", required=True),
        Column(name="region", kind="region"),
        Column(name="blank", kind="region"),
        Column(name="depth_path", kind="path"),
        Column(name="depth_offset_seconds", kind="number", default="0"),
        Column(name="start_datetime", kind="datetime"),
        Column(name="role", kind="choice", default="seizures", choices=("seizures", "contextual")),
    ),
    subject=("recording", "recording_id"),
    unique="recording_id",
)

SEIZURES = TableSchema(
    file="seizures.tsv",
    columns=(
        Column(name="seizure_id", kind="id", required=True, filled=True),
        Column(name="recording_id", kind="ids", required=True, filled=True),
        Column(name="onset", kind="time", required=True, filled=True, clock_name="onset_clock"),
        Column(name="clonic_onset", kind="time", clock_name="clonic_onset_clock"),
        Column(name="offset", kind="time", required=True, filled=True, clock_name="offset_clock"),
        Column(name="use", kind="choice", default="train", choices=("train", "evaluate", "no")),
        Column(name="annotator"),
    ),
    further=_LABELS,
    subject=("seizure", "seizure_id"),
)

CROPS = TableSchema(
    file="crops.tsv",
    columns=(
        Column(name="event_id", kind="id", required=True, filled=True),
        Column(name="recording_id", kind="id", required=True, filled=True),
        Column(name="left", kind="number", required=True),
        Column(name="top", kind="number", required=True),
        Column(name="right", kind="number", required=True),
        Column(name="bottom", kind="number", required=True),
        Column(name="origin", kind="choice", required=True, filled=True, choices=("auto", "manual")),
        Column(
            name="status",
            kind="choice",
            required=True,
            filled=True,
            choices=("accepted", "flagged", "rejected"),
        ),
        Column(name="depth_axis", kind="choice", choices=("x", "y")),
        Column(name="depth_lower_slope", kind="number"),
        Column(name="depth_lower_intercept", kind="number"),
        Column(name="depth_upper_slope", kind="number"),
        Column(name="depth_upper_intercept", kind="number"),
        Column(name="depth_reason"),
        Column(name="box_reason"),
        Column(
            name="cropper", kind="choice", choices=("depth_box", "depth", "box", "montage", "identity")
        ),  # the keys of preprocess.CROP_METHODS
        Column(name="onset_seconds", kind="number"),
        Column(name="offset_seconds", kind="number"),
        Column(name="detector"),
    ),
    subject=("event", "event_id"),
)

CROP_FAILURES = TableSchema(
    file="crop-failures.tsv",
    columns=(
        Column(name="event_id", kind="id", required=True, filled=True),
        Column(name="recording_id", kind="id", required=True, filled=True),
        Column(name="cropper", required=True, filled=True),
        Column(name="onset_seconds", kind="number", required=True, filled=True),
        Column(name="offset_seconds", kind="number", required=True, filled=True),
        Column(name="message", required=True, filled=True),
    ),
    subject=("event", "event_id"),
)

BOX_TRACKS = TableSchema(
    file="box-tracks.tsv",
    columns=(
        Column(name="event_id", kind="id", required=True, filled=True),
        Column(name="recording_id", kind="id", required=True, filled=True),
        Column(name="time_seconds", kind="number", required=True, filled=True),
        Column(name="left", kind="number", required=True),
        Column(name="top", kind="number", required=True),
        Column(name="right", kind="number", required=True),
        Column(name="bottom", kind="number", required=True),
        Column(name="score", kind="number", required=True),
        Column(name="key", kind="id", required=True, filled=True),
    ),
    subject=("event", "event_id"),
)

DETECTOR_PATIENTS = TableSchema(
    file="detectors.tsv",
    columns=(
        Column(name="detector", kind="id", required=True, filled=True),
        Column(name="patient_id", kind="id", required=True, filled=True),
        Column(name="trained_on", kind="choice", required=True, filled=True, choices=("yes", "no")),
        Column(name="num_pictures", kind="integer", required=True, filled=True),
    ),
    subject=("patient", "patient_id"),
)

DETECTOR_PICTURES = TableSchema(
    file="pictures.tsv",
    columns=(
        Column(name="file_name", kind="path", required=True, filled=True),
        Column(name="patient_id", kind="id", required=True, filled=True),
        Column(name="detector", kind="id", required=True, filled=True),
        Column(name="has_box", kind="choice", required=True, filled=True, choices=("yes", "no")),
        Column(name="iou", kind="number", required=True),
        Column(name="constant_iou", kind="number", required=True),
        Column(name="left", kind="number", required=True),
        Column(name="top", kind="number", required=True),
        Column(name="right", kind="number", required=True),
        Column(name="bottom", kind="number", required=True),
        Column(name="score", kind="number", required=True),
    ),
    subject=("patient", "patient_id"),
)

PRETRAINING_PATIENTS = TableSchema(
    file="patients.tsv",
    columns=(
        Column(name="patient_id", kind="id", required=True, filled=True),
        Column(name="num_recordings", kind="integer", required=True, filled=True),
        Column(name="num_excerpts", kind="integer", required=True, filled=True),
        Column(name="seconds", kind="number", required=True, filled=True),
    ),
    subject=("patient", "patient_id"),
    unique="patient_id",
)

IMPORTED_FEATURES = TableSchema(
    file="features.tsv",
    columns=(
        Column(name="recording_id", kind="id", required=True, filled=True),
        Column(name="backbone", required=True, filled=True),
        Column(name="fps", kind="number", required=True, filled=True),
        Column(name="frames_per_clip", kind="integer", required=True, filled=True),
        Column(name="stride", kind="integer", required=True, filled=True),
        Column(name="num_clips", kind="integer", required=True, filled=True),
        Column(name="num_features", kind="integer", required=True, filled=True),
        Column(name="key", kind="id", required=True, filled=True),
        Column(name="source", required=True),
    ),
    subject=("recording", "recording_id"),
)

_PREDICTION_COLUMNS = (
    Column(name="fold", kind="integer", required=True),
    Column(name="level", kind="choice", required=True, filled=True, choices=("clip", "view", "event")),
    Column(name="event_id", kind="id", required=True, filled=True),
    Column(name="recording_id", kind="id", required=True),
    Column(name="patient_id", kind="id", required=True),
    Column(name="start_seconds", kind="number", required=True),
    Column(name="end_seconds", kind="number", required=True),
    Column(name="y_true", kind="integer", required=True),
)
_SCORES = Column(name="y_score_*", kind="number")

PREDICTIONS = TableSchema(
    file="predictions.tsv", columns=_PREDICTION_COLUMNS, further=_SCORES, subject=("event", "event_id")
)

STUDY_PREDICTIONS = TableSchema(
    file="predictions.tsv",
    columns=(Column(name="cell", required=True, filled=True), *_PREDICTION_COLUMNS),
    further=_SCORES,
    subject=("event", "event_id"),
)

BASELINES = TableSchema(
    file="baselines.tsv",
    columns=(Column(name="baseline", required=True, filled=True), *_PREDICTION_COLUMNS),
    further=_SCORES,
    subject=("event", "event_id"),
)

SEGMENTS = TableSchema(
    file="segments.tsv",
    columns=(
        Column(name="fold", kind="integer", required=True),
        Column(name="event_id", kind="id", required=True, filled=True),
        Column(name="recording_id", kind="id", required=True, filled=True),
        Column(name="view", required=True),
        Column(name="segment", kind="integer", required=True, filled=True),
        Column(name="start_seconds", kind="number", required=True),
        Column(name="end_seconds", kind="number", required=True),
        Column(name="y_score_clip", kind="number", required=True),
        Column(name="y_score_prefix", kind="number", required=True),
    ),
    subject=("event", "event_id"),
)

FAILURES = TableSchema(
    file="failures.tsv",
    columns=(
        Column(name="recording_id", required=True),
        Column(name="event_id", required=True),
        Column(name="stage", required=True, filled=True),
        Column(name="message", required=True, filled=True),
    ),
    subject=("recording", "recording_id"),
)

TABLES: dict[str, TableSchema] = {
    "patients": PATIENTS,
    "recordings": RECORDINGS,
    "seizures": SEIZURES,
    "crops": CROPS,
    "crop failures": CROP_FAILURES,
    "box tracks": BOX_TRACKS,
    "detectors": DETECTOR_PATIENTS,
    "pictures of detectors": DETECTOR_PICTURES,
    "pre-training patients": PRETRAINING_PATIENTS,
    "features": IMPORTED_FEATURES,
    "predictions": PREDICTIONS,
    "study predictions": STUDY_PREDICTIONS,
    "baselines": BASELINES,
    "segments": SEGMENTS,
    "failures": FAILURES,
}
