"""Tasks: which column holds the label, and which labels make which class.

Methods: section 0, "Tasks".
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError, field_validator, model_validator

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.records import Patient, Seizure


def _fold(label: str) -> str:
    return " ".join(label.casefold().split())


def _plain_list(labels: Any) -> Any:
    if isinstance(labels, (str, int, float)):
        return [_plain(labels)]
    return [_plain(label) for label in labels] if isinstance(labels, Iterable) else labels


def _plain(label: Any) -> Any:
    if isinstance(label, bool):
        msg = (
            f"{label} is what YAML makes of yes, no, on, off, true and false; put the word in quotation marks"
        )
        raise ValueError(msg)
    return str(label) if isinstance(label, (int, float)) else label


class Task(Config):
    """A classification task. The order of ``classes`` is the order of their indices."""

    name: str
    """Short name."""
    table: Literal["patients", "seizures", "both"] = "seizures"
    """Table with the label; ``both``: that of the seizure where it has one, else that of its patient."""
    column: str
    """Column with the label."""
    classes: dict[str, list[str]]
    """Labels of each class, compared without regard to case and outer spaces; a label stands in one class."""
    without_clonic_phase: tuple[str, ...] = ()
    """Classes whose seizures should have no clonic onset; one that has is reported."""
    parts_class: str | None = None
    """Class of the stretches of a recording before and after its seizures; None: they take no part."""

    @field_validator("classes", mode="before")
    @classmethod
    def _plain_labels(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {_plain(name): _plain_list(labels) for name, labels in value.items()}

    @model_validator(mode="after")
    def _distinct(self) -> "Task":
        if len(self.classes) < 2:
            msg = f"classes must name at least two classes, got {', '.join(self.classes) or 'none'}"
            raise ValueError(msg)
        first: dict[str, str] = {}
        for name, labels in self.classes.items():
            if not labels:
                msg = f"class {name} must list at least one label, got none"
                raise ValueError(msg)
            for label in labels:
                other = first.setdefault(_fold(label), name)
                if other != name:
                    msg = f"label {label!r} must stand in one class, but stands in {other} and {name}"
                    raise ValueError(msg)
        named = [("without_clonic_phase", name) for name in self.without_clonic_phase]
        if self.parts_class is not None:
            named.append(("parts_class", self.parts_class))
        for key, name in named:
            if name not in self.classes:
                raise ValueError(unknown_name(f"class in {key}", name, self.classes).rstrip("."))
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes by index."""
        return tuple(self.classes)

    @property
    def parts_index(self) -> int | None:
        """Index of ``parts_class``; None without one."""
        return None if self.parts_class is None else self.class_names.index(self.parts_class)

    def class_index(self, label: str) -> int | None:
        """Return the class of a label, or None if the task does not name it."""
        wanted = _fold(label)
        for index, labels in enumerate(self.classes.values()):
            if any(_fold(option) == wanted for option in labels):
                return index
        return None

    def label_of(self, seizure: Seizure, patient: Patient) -> str | None:
        """Return the label of a seizure under this task, or None if it has none."""
        own, patients = seizure.labels.get(self.column), patient.labels.get(self.column)
        return {"seizures": own, "patients": patients, "both": own if own is not None else patients}[
            self.table
        ]


_FOCAL = ["FOS", "focal", "focal onset", "focal onset seizure", "focal seizure"]
_TONIC_CLONIC = [
    "TCS", "FBTCS", "GTCS", "BTCS", "tonic-clonic", "tonic clonic", "tonic-clonic seizure",
    "bilateral tonic-clonic", "focal to bilateral tonic-clonic", "generalised tonic-clonic",
    "generalized tonic-clonic",
]  # fmt: skip
_FRONTAL = ["FLE", "left FLE", "right FLE", "frontal", "frontal lobe", "frontal lobe epilepsy"]
_TEMPORAL = ["TLE", "left TLE", "right TLE", "temporal", "temporal lobe", "temporal lobe epilepsy"]
_NO_EPILEPTIC_EVENT = ["non-epileptic", "nonepileptic", "pre-ictal", "preictal", "post-ictal", "postictal"]
_DISSOCIATIVE = [
    "PNES", "psychogenic", "non-epileptic", "nonepileptic", "psychogenic non-epileptic",
    "psychogenic nonepileptic seizure", "dissociative", "functional", "FDS",
]  # fmt: skip

TASKS: dict[str, Task] = {
    "fos-vs-tcs": Task(
        name="fos-vs-tcs",
        table="seizures",
        column="seizure_type",
        classes={"FOS": _FOCAL, "TCS": _TONIC_CLONIC},
        without_clonic_phase=("FOS",),
    ),
    "fle-vs-tle": Task(
        name="fle-vs-tle", table="both", column="syndrome", classes={"FLE": _FRONTAL, "TLE": _TEMPORAL}
    ),
    "fle-vs-tle-vs-nonepileptic": Task(
        name="fle-vs-tle-vs-nonepileptic",
        table="both",
        column="syndrome",
        classes={"FLE": _FRONTAL, "TLE": _TEMPORAL, "nonepileptic": _NO_EPILEPTIC_EVENT},
        parts_class="nonepileptic",
    ),
    "es-vs-pnes": Task(
        name="es-vs-pnes",
        table="both",
        column="seizure_type",
        classes={
            "ES": ["ES", "epileptic", "epileptic seizure", *_FOCAL, *_TONIC_CLONIC],
            "PNES": _DISSOCIATIVE,
        },
    ),
}


def read_task(name_or_path: str | Path) -> Task:
    """Return a preset task, or the task of a YAML file.

    Args:
        name_or_path: A key of ``TASKS``, or the path of a file that ends in ``.yaml`` or ``.yml``.

    Raises:
        ConfigError: If there is no such preset, the file cannot be read, or it breaks a rule.
    """
    if str(name_or_path) in TASKS:
        return TASKS[str(name_or_path)]
    path = Path(name_or_path)
    if path.suffix.casefold() not in (".yaml", ".yml"):
        raise ConfigError(unknown_name("task", name_or_path, TASKS) + " Or give a YAML file (name.yaml).")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as err:
        told = getattr(err, "strerror", None) or str(err)
        msg = (
            f"The task {path.name} must be a YAML file that can be read: {told}. See docs/formats.md, Tasks."
        )
        raise ConfigError(msg) from err
    if not isinstance(content, dict):
        msg = f"The task {path.name} must hold name, table, column and classes, got {content!r}."
        raise ConfigError(msg)
    return make_task({"name": path.stem, **content}, source=path.name)


def make_task(content: Mapping[Any, Any], *, source: str = "") -> Task:
    """Return the task of plain data.

    Args:
        content: As in YAML.
        source: Where it comes from, for messages.

    Raises:
        ConfigError: If it breaks a rule; the message names every key at fault.
    """
    for key in content:
        if key not in Task.model_fields:
            raise ConfigError(_named(source) + unknown_name("key of a task", key, Task.model_fields))
    try:
        return Task.model_validate(dict(content))
    except ValidationError as err:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'task'}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in err.errors()
        ]
        msg = (
            f"{_named(source)}A task must be valid: {'; '.join(faults)}. Correct it (docs/formats.md, Tasks)."
        )
        raise ConfigError(msg) from err


def _named(source: str) -> str:
    return f"{source}: " if source else ""
