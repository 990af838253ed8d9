"""The pre-training whose benefit is asked for: its folder, its features, and whose video it has seen."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semioscope.core.errors import ConfigError, StoreError
from semioscope.core.files import read_json
from semioscope.core.formats import PRETRAINING_PATIENTS
from semioscope.core.tables import read_rows
from semioscope.features import load_backbone, plan_fps
from semioscope.recipes import PRETRAIN_RECIPES, RunConfig
from semioscope.runs.planning import RunPlan
from semioscope.runs.pretraining_files import KIND, PretrainingFolder
from semioscope.splits import FoldPlan
from semioscope.training.pretraining_checkpoint import patients_digest, read_facts


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingFacts:
    """What is known of a pre-training.

    Args:
        folder: Its folder.
        recipe: Recipe of pre-training.
        step: Steps behind its checkpoint, 1 or more.
        num_steps: Steps of the whole pre-training.
        backbone: ``name``, ``input_size`` and ``weights_hash`` of the network whose features it learnt from.
        patients: Whose contextual video was used, sorted.
        curve: ``num_excerpts``, ``num_epochs`` (of the whole pre-training), ``hours``, ``trivial_loss``,
            ``epoch_loss`` and ``synthetic_pretraining``.
    """

    folder: Path
    recipe: str
    step: int
    num_steps: int
    backbone: dict[str, Any]
    patients: tuple[str, ...]
    curve: dict[str, Any]

    @property
    def checkpoint(self) -> Path:
        """The file that runs begin with."""
        return PretrainingFolder(path=self.folder).checkpoint

    @property
    def is_finished(self) -> bool:
        """Whether all its steps were taken."""
        return self.step >= self.num_steps

    def describe(self) -> str:
        """Return what it is, in a sentence or two."""
        text = (
            f"Pre-training {self.recipe} of {self.folder}: {self.curve['num_excerpts']} excerpts of "
            f"{len(self.patients)} patients, step {self.step} of {self.num_steps}."
        )
        return text if self.is_finished else f"{text} It is not finished, and is used as it stands."

    def facts(self) -> dict[str, Any]:
        """Return what ``benefit.json`` says of it."""
        return {
            "recipe": self.recipe,
            "step": self.step,
            "num_steps": self.num_steps,
            "num_patients": len(self.patients),
            "patients": list(self.patients),
            "backbone": self.backbone["name"],
            **self.curve,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Tested patients whose contextual video was used in pre-training.

    Args:
        patients: Their ids, sorted.
        num_tested: Patients that are tested in some fold.
        num_events: Tested events of these patients.
        num_events_tested: All tested events.
    """

    patients: tuple[str, ...]
    num_tested: int
    num_events: int
    num_events_tested: int

    @property
    def share(self) -> float:
        """Share of the tested patients, in [0, 1]."""
        return len(self.patients) / self.num_tested


def read_pretraining(folder: Path) -> PretrainingFacts:
    """Read the folder of a pre-training, finished or not.

    Raises:
        StoreError: If it is none, has no checkpoint yet, or one of its files is damaged.
    """
    files = PretrainingFolder(path=folder)
    if not folder.is_dir():
        what = "it is a file" if folder.is_file() else "it does not exist"
        msg = (
            f"--pretrained must be the folder of a pre-training, got {folder}, but {what}. Make one with semioscope "
            f"pretrain {next(iter(PRETRAIN_RECIPES))} --cohort COHORT --out RUN."
        )
        raise StoreError(msg)
    if not files.curve.is_file() and (folder / "scores.json").is_file():
        msg = (
            f"--pretrained must be the folder of a pre-training, got {folder}, the folder of a run that classifies. "
            "Give the folder that semioscope pretrain wrote."
        )
        raise StoreError(msg)
    absent = [path.name for path in (files.checkpoint, files.curve, files.patients) if not path.is_file()]
    if absent:
        msg = (
            f"--pretrained must be the folder of a pre-training that has taken a step, but {folder} has no "
            f"{', '.join(absent)}. Give the command of the pre-training again; it goes on where it stopped."
        )
        raise StoreError(msg)
    return _read(files)


def _read(files: PretrainingFolder) -> PretrainingFacts:
    content = read_json(files.curve)
    patients = sorted(str(row["patient_id"]) for row in read_rows(files.patients, PRETRAINING_PATIENTS))
    checkpoint = read_facts(files.checkpoint)
    if checkpoint.settings.get("patients") != patients_digest(patients):
        msg = (
            f"{files.patients} must name the patients whose video {files.checkpoint.name} was trained on, but it was "
            "changed, or is of another training. Give the command of the pre-training again, which writes it anew."
        )
        raise StoreError(msg)
    try:
        if content["kind"] != KIND:
            msg = f"kind {content['kind']}"
            raise ValueError(msg)
        return PretrainingFacts(
            folder=files.path,
            recipe=str(content["run"]["recipe"]),
            step=len(checkpoint.loss),
            num_steps=int(content["num_steps"]),
            backbone={key: content["backbone"][key] for key in ("name", "input_size", "weights_hash")},
            patients=tuple(patients),
            curve={
                "num_excerpts": int(content["num_excerpts"]),
                "num_epochs": -(-int(content["num_steps"]) // int(content["steps_per_epoch"])),
                "hours": float(content["recordings"]["hours"]),
                "trivial_loss": {name: float(value) for name, value in content["trivial_loss"].items()},
                "epoch_loss": [float(value) for value in content["epoch_loss"]],
                "synthetic_pretraining": bool(content["synthetic"]),
            },
        )
    except (KeyError, TypeError, ValueError) as err:
        msg = (
            f"{files.curve} must be the curve that semioscope pretrain wrote, but it cannot be understood ({err!r}). "
            "Give the command of the pre-training again."
        )
        raise StoreError(msg) from err


def check_same_backbone(pretraining: PretrainingFacts, config: RunConfig) -> None:
    """Refuse runs on features of another network than the pre-training learnt from.

    Raises:
        ConfigError: Naming the setting.
    """
    name = str(pretraining.backbone["name"])
    if config.backbone.name != name:
        msg = (
            f"A run must have the backbone that its Transformer was pre-trained with, {name}, got "
            f"{config.backbone.name}. Use --backbone {name}, or pre-train with --set backbone.name="
            f"{config.backbone.name}."
        )
        raise ConfigError(msg)


def check_same_weights(pretraining: PretrainingFacts, plan: RunPlan) -> None:
    """Refuse runs whose backbone has other weights or pictures of another size than in pre-training.

    Raises:
        ConfigError: Naming the setting.
        WeightsError: If the weights are absent or damaged.
    """
    network = load_backbone(plan.backbone_choice(), fps=plan_fps(plan.clips))
    found = {"input_size": network.spec.input_size, "weights_hash": network.weights_hash}
    for key, setting in (("input_size", "backbone.input_size"), ("weights_hash", "backbone.weights")):
        if found[key] != pretraining.backbone[key]:
            msg = (
                f"A run must see the features that its Transformer was pre-trained with, but {key} of "
                f"{network.spec.name} was {_short(pretraining.backbone[key])} in {pretraining.folder} and is "
                f"{_short(found[key])} now. Set {setting} as in its config.yaml."
            )
            raise ConfigError(msg)


def overlap_of(pretraining: PretrainingFacts, folds: FoldPlan) -> Overlap:
    """Return which tested patients have contextual video that was used in pre-training; compared by patient_id."""
    tested = {event_id for fold in folds.folds for event_id in fold.test}
    patients = {folds.patient_of[event_id] for event_id in tested}
    shared = patients & set(pretraining.patients)
    return Overlap(
        patients=tuple(sorted(shared)),
        num_tested=len(patients),
        num_events=sum(folds.patient_of[event_id] in shared for event_id in tested),
        num_events_tested=len(tested),
    )


def _short(value: object) -> str:
    return str(value)[:12]
