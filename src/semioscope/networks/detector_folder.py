"""A folder of detectors of one training: which of them was trained without whom.

```
FOLDER/detectors.json      rule, settings, scores; written last, so a folder without it is not finished
FOLDER/detectors.tsv       one row per detector and patient: whether his pictures were trained on
FOLDER/fold-1.safetensors  a detector, its JSON beside it (networks.detector_files)
FOLDER/all.safetensors     trained on everybody: for patients of whom no picture was annotated
```
Under the rule ``patient`` a patient gets a detector that was trained without him, or none: an error, never another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from semioscope.core.errors import LeakageError, StoreError
from semioscope.core.files import digest, file_sha256, read_json, write_json
from semioscope.core.formats import DETECTOR_PATIENTS
from semioscope.core.tables import read_rows, write_table
from semioscope.networks.detections import Detection, Detector

FACTS = "detectors.json"
"""The file of a folder that says what its detectors are."""
NO_FILE = ("pretrained", "random")
"""Weights of a detector that are no file."""
EVERYBODY = "all"
"""Name of the detector that was trained on all patients."""
RULES = ("patient", "paper")
"""``patient``: nobody is looked at by a detector that was trained on him. ``paper``: one detector, trained on all."""
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedDetector:
    """One detector of a folder.

    Args:
        name: ``fold-1``, ``hold-out`` or ``all``; the file is ``NAME.safetensors``.
        weights_hash: Names its numbers.
        num_pictures: Pictures of each patient; 0 where a patient has none.
        trained_on: The patients whose pictures were trained on.
        trained_without: The other patients.
    """

    name: str
    weights_hash: str
    num_pictures: Mapping[str, int]
    trained_on: frozenset[str]
    trained_without: frozenset[str]

    def __post_init__(self) -> None:
        shared = self.trained_on & self.trained_without
        if shared:
            msg = (
                f"Detector {self.name} cannot be trained both on patient {min(shared)} and without. Correct "
                f"{DETECTOR_PATIENTS.file}, or train again."
            )
            raise LeakageError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorFolder:
    """What a folder of detectors says of itself.

    Args:
        folder: Where it is.
        rule: One of ``RULES``.
        detectors: By name; one at least.
        facts: Everything in ``detectors.json``.
    """

    folder: Path
    rule: str
    detectors: Mapping[str, TrainedDetector]
    facts: Mapping[str, Any]

    @property
    def patients(self) -> frozenset[str]:
        """Everybody of whom there were pictures."""
        return frozenset().union(*(one.trained_on | one.trained_without for one in self.detectors.values()))

    def choose(self, patient_id: str) -> TrainedDetector:
        """Return the detector of a patient.

        Under the rule ``patient`` that is one that was trained without his pictures; whoever has no pictures here
        gets the one that was trained on most patients. Under ``paper`` it is the only one.

        Raises:
            LeakageError: If all detectors were trained on him, under the rule ``patient``.
        """
        by_size = sorted(self.detectors.values(), key=lambda one: (-len(one.trained_on), one.name))
        if self.rule == "paper":
            return by_size[0]
        for one in by_size:
            if patient_id not in one.trained_on:
                return one
        msg = (
            f"The detector of patient {patient_id} must not have seen this patient, but every detector in "
            f"{self.folder} was trained on {patient_id}. Train with folds (semioscope detector train --folds), which "
            "gives every patient one of their own."
        )
        raise LeakageError(msg)


class PatientDetectors:
    """The detectors of a folder: ``for_patient`` chooses one, which then looks at pictures.

    Args:
        record: What the folder says.
    """

    def __init__(self, record: DetectorFolder) -> None:
        self.record = record
        self.weights_hash = digest(sorted(one.weights_hash for one in record.detectors.values()))
        self.notes: tuple[str, ...] = ()
        if record.rule == "paper":
            self.notes = (
                f"The detector in {record.folder.name} was trained on all its patients (rule paper): what it finds "
                "on them is better than on others.",
            )
        self._loaded: dict[str, Detector] = {}

    def for_patient(self, patient_id: str) -> Detector:
        """Return the detector of a patient; see :meth:`DetectorFolder.choose`.

        Raises:
            LeakageError: If it was trained on this patient, by the table or by what the file itself says.
            WeightsError: If its file is absent, damaged or another one.
        """
        from semioscope.networks.detector_files import read_training
        from semioscope.networks.detectors import load_own_detector

        chosen = self.record.choose(patient_id)
        if chosen.name not in self._loaded:
            path = self.record.folder / f"{chosen.name}.safetensors"
            trained_on = frozenset(map(str, read_training(path).get("trained_on", ())))
            if trained_on != chosen.trained_on:
                msg = (
                    f"{path.name} and {DETECTOR_PATIENTS.file} must agree on whom it was trained, but differ in "
                    f"{', '.join(sorted(trained_on ^ chosen.trained_on))}. Bring the whole folder again."
                )
                raise LeakageError(msg)
            self._loaded[chosen.name] = load_own_detector(path, weights_hash=chosen.weights_hash)
        return self._loaded[chosen.name]

    def detect(self, picture: UInt8[np.ndarray, "height width 3"]) -> Sequence[Detection]:
        """Refuse: a picture alone does not say whose it is.

        Raises:
            LeakageError: Always.
        """
        del picture
        msg = f"The detectors of {self.record.folder} belong to patients. Ask for_patient first."
        raise LeakageError(msg)


def detector_for_patient(folder: Path, patient_id: str) -> Detector:
    """Return the detector of a folder that may look at a patient.

    Raises:
        StoreError: If the folder is not finished or not valid.
        LeakageError: If every detector in it was trained on this patient (under the rule ``patient``).
        WeightsError: If the file of the detector is absent, damaged or another one.
    """
    return read_detector_folder(folder).for_patient(patient_id)


def read_detector_folder(folder: Path) -> PatientDetectors:
    """Read what a folder of detectors says; the detectors are loaded when their patients come.

    Raises:
        StoreError: If it is not finished or not valid.
        LeakageError: If its table contradicts itself.
    """
    if not (folder / FACTS).is_file():
        msg = (
            f"{folder} must be a folder of trained detectors, but {FACTS} is not there. If its training was stopped, "
            "give the same command (semioscope detector train) again."
        )
        raise StoreError(msg)
    facts = read_json(folder / FACTS)
    version = facts.get("schema_version") if isinstance(facts, dict) else None
    listed = facts.get("detectors") if isinstance(facts, dict) else None
    if isinstance(version, int) and version > _VERSION:
        msg = f"{folder / FACTS} has schema_version {version}, this semioscope knows {_VERSION}. Update semioscope."
        raise StoreError(msg)
    if version is None or not isinstance(listed, dict) or not listed or facts.get("rule") not in RULES:
        msg = f"{folder / FACTS} must say rule and detectors, as semioscope detector train writes it. Train again."
        raise StoreError(msg)
    rows = read_rows(folder / DETECTOR_PATIENTS.file, DETECTOR_PATIENTS)
    detectors = {}
    for name, one in listed.items():
        own = [row for row in rows if row["detector"] == name]
        if not own or not isinstance(one, dict) or not isinstance(one.get("weights_hash"), str):
            msg = (
                f"{folder}: detector {name} must have a weights_hash in {FACTS} and rows in "
                f"{DETECTOR_PATIENTS.file}. Train again."
            )
            raise StoreError(msg)
        detectors[name] = TrainedDetector(
            name=name,
            weights_hash=one["weights_hash"],
            num_pictures={str(row["patient_id"]): int(str(row["num_pictures"])) for row in own},
            trained_on=frozenset(str(row["patient_id"]) for row in own if row["trained_on"] == "yes"),
            trained_without=frozenset(str(row["patient_id"]) for row in own if row["trained_on"] == "no"),
        )
    return PatientDetectors(
        DetectorFolder(folder=folder, rule=facts["rule"], detectors=detectors, facts=facts)
    )


def write_detector_folder(
    folder: Path, detectors: Sequence[TrainedDetector], *, rule: str, facts: Mapping[str, Any]
) -> None:
    """Write what a folder of detectors says of itself, the table first and ``detectors.json`` last.

    Args:
        folder: With the files of the detectors.
        detectors: All of them.
        rule: One of ``RULES``.
        facts: What else ``detectors.json`` holds; under ``detectors`` further facts by name.

    Raises:
        StoreError: If the folder cannot be written.
    """
    rows = [
        {
            "detector": one.name,
            "patient_id": patient,
            "trained_on": "yes" if patient in one.trained_on else "no",
            "num_pictures": one.num_pictures.get(patient, 0),
        }
        for one in detectors
        for patient in sorted(one.trained_on | one.trained_without)
    ]
    write_table(folder / DETECTOR_PATIENTS.file, DETECTOR_PATIENTS, rows)
    told = facts.get("detectors", {})
    own = {one.name: {**told.get(one.name, {}), "weights_hash": one.weights_hash} for one in detectors}
    write_json(folder / FACTS, {**facts, "schema_version": _VERSION, "rule": rule, "detectors": own})


def detector_identity(name: str, weights: str, *, sha256: str = "") -> str:
    """Return what tells a detector from another one without loading it; empty where its file is not there.

    Args:
        name: A key of ``DETECTORS``.
        weights: As in ``load_detector``.
        sha256: What :func:`detector_sha256` gave, where it is known already; empty has it computed.
    """
    known = weights if weights in NO_FILE else (sha256 or detector_sha256(weights))[:16]
    return f"{name}:{known}" if known else ""


def detector_sha256(weights: str) -> str:
    """Return the SHA-256 of a detector: of its file, or of ``detectors.json`` in a folder; empty without one."""
    if weights in NO_FILE:
        return ""
    place = Path(weights).expanduser()
    file = place / FACTS if place.is_dir() else place
    return file_sha256(file) if file.is_file() else ""
