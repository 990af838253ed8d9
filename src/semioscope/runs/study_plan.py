"""What a study will do: every cell of its grid under every protocol, over the same events and clips."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.wording import counted
from semioscope.recipes import PROTOCOLS, GridConfig, RunConfig, protocol_settings, updated
from semioscope.runs.plan_checks import check_names, check_training_names
from semioscope.runs.planning import RunPlan, plan_run

PROTOCOL_SECTIONS = ("folds", "selection", "segments")
"""What a protocol may change inside a study; the clips are the same under all, so that only one thing differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One combination of settings.

    Args:
        name: Short and unique in the study, such as ``blstm-n16-gamma4``.
        any_gamma: The name without gamma: cells that share it differ only in how clips are drawn.
        config: Its settings, apart from those of the protocol.
    """

    name: str
    any_gamma: str
    config: RunConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """Everything that is known before a study begins.

    Args:
        config: Settings of the study.
        cells: Every combination, in the order of the lists of the grid.
        plans: Events, folds and clips by protocol and backbone.
    """

    config: RunConfig
    cells: tuple[Cell, ...]
    plans: Mapping[str, Mapping[str, RunPlan]]

    @property
    def protocols(self) -> tuple[str, ...]:
        """Names of the protocols."""
        return tuple(self.plans)

    @property
    def backbones(self) -> tuple[str, ...]:
        """Names of the backbones."""
        return tuple(next(iter(self.plans.values())))

    @property
    def any_plan(self) -> RunPlan:
        """A plan for what all plans share: cohort, events, classes."""
        return next(iter(next(iter(self.plans.values())).values()))

    @property
    def num_trainings(self) -> int:
        """Fits over all protocols, cells and folds; without those of yardsticks."""
        return sum(len(self.folds_of(protocol).folds.folds) * len(self.cells) for protocol in self.protocols)

    def folds_of(self, protocol: str) -> RunPlan:
        """Return a plan that has the folds of a protocol; they do not depend on the backbone."""
        return next(iter(self.plans[protocol].values()))

    def config_of(self, protocol: str, cell: Cell) -> RunConfig:
        """Return the whole settings of a cell under a protocol."""
        return _settings_of(self.config, cell, protocol)

    def describe(self) -> str:
        """Return the plan in a few lines."""
        first = self.any_plan
        lines = first.describe().splitlines()[:1]
        lines.append(
            f"{counted(len(self.cells), 'configuration')}, each under {_listed(self.protocols)}: "
            f"{counted(self.num_trainings, 'training')} of {counted(self.config.training.epochs, 'epoch')}."
        )
        lines.append(
            f"Clips: one every {self.config.clips.stride} frames at {self.config.clips.fps:g} frames per second; "
            f"backbone {_listed(self.backbones)}."
        )
        for protocol in self.protocols:
            folds = self.folds_of(protocol).folds
            lines.append(
                f"{protocol}: {counted(len(folds.folds), 'fold')} by rule {folds.rule}, selection on "
                f"{folds.selection}."
            )
        lines += [f"Left out: {count} ({reason})." for reason, count in first.selection.reasons.items()]
        lines += [f"Note: {note}" for note in self.notes()]
        return "\n".join(lines)

    def notes(self) -> list[str]:
        """Return the notes of all plans, each once, with the protocol where only one has it."""
        found: dict[str, list[str]] = {}
        for protocol in self.protocols:
            for plan in self.plans[protocol].values():
                for note in plan.notes:
                    if protocol not in found.setdefault(note, []):
                        found[note].append(protocol)
        return [
            note if len(owners) == len(self.protocols) else f"{_listed(owners)}: {note}"
            for note, owners in found.items()
        ]


def plan_study(
    config: RunConfig, cohort_folder: Path, *, store: Path | None = None, folds_file: Path | None = None
) -> StudyPlan:
    """Return what a study will do, with everything checked that can be checked before work begins.

    Args:
        config: Settings with a grid; without ``grid.protocols`` folds and selection are the run's own.
        cohort_folder: The cohort.
        store: Feature store; None means ``$SEMIOSCOPE_STORE`` or the cohort's own.
        folds_file: Folds to use again; for studies of one protocol only.

    Raises:
        ConfigError: As ``plan_run``; or if the grid names what does not exist, or a cell comes twice.
        CohortError: As ``plan_run``.
        LeakageError: As ``plan_run``.
    """
    cells = check_grid(config)
    protocols = config.grid.protocols or (config.protocol,)
    if folds_file is not None and len(protocols) > 1:
        msg = (
            f"A folds file fits one protocol, but the study has {_listed(protocols)}. "
            "Add --set grid.protocols=[NAME]."
        )
        raise ConfigError(msg)
    plans: dict[str, dict[str, RunPlan]] = {}
    for protocol in protocols:
        plans[protocol] = {}
        for backbone in dict.fromkeys(cell.config.backbone.name for cell in cells):
            own = [cell for cell in cells if cell.config.backbone.name == backbone]
            # cells of a backbone share everything that is planned; the most segments need the longest views
            hardest = max(own, key=lambda cell: cell.config.segments.num_segments)
            plans[protocol][backbone] = plan_run(
                _settings_of(config, hardest, protocol), cohort_folder,
                store=store, folds_file=folds_file, in_study=True,
            )  # fmt: skip
    return StudyPlan(config=config, cells=cells, plans=plans)


def check_grid(config: RunConfig) -> tuple[Cell, ...]:
    """Return the cells of a study, every name in them checked; nothing is read.

    Raises:
        ConfigError: If the grid names what does not exist, or a value comes twice.
    """
    for name in config.grid.protocols or (config.protocol,):
        if name not in PROTOCOLS:
            raise ConfigError(unknown_name("value of grid.protocols", name, PROTOCOLS))
    _refuse_repeats(config.grid)
    unused = ("aggregators", "num_segments", "gammas") if config.examples.level == "clip" else ()
    for key in unused:
        if getattr(config.grid, key):
            msg = (
                f"A study of clips compares backbones, so grid.{key} must be empty, got "
                f"{_listed(map(str, getattr(config.grid, key)))}. Use grid.backbones"
                f"{', or aggregator.name for another classifier' if key == 'aggregators' else ''}."
            )
            raise ConfigError(msg)
    check_training_names(config.grid.clip_training, section="grid.clip_training")
    cells = tuple(_cells(config))
    for cell in cells:
        check_names(cell.config)
    return cells


def _settings_of(config: RunConfig, cell: Cell, protocol: str) -> RunConfig:
    """Return the settings of a cell: folds and selection are the protocol's where the grid lists protocols."""
    return under_protocol(cell.config, protocol) if config.grid.protocols else cell.config


def under_protocol(config: RunConfig, protocol: str) -> RunConfig:
    """Return settings with the folds and the selection of a protocol; the number of folds stays."""
    own = protocol_settings(config.recipe, protocol)
    sections = {key: own[key] for key in PROTOCOL_SECTIONS if key in own}
    return updated(config, {"protocol": protocol, **sections})


def training_name(protocol: str, cell: Cell, fold: int, *, any_gamma: bool = False) -> str:
    """Return the name of one training of a study, or of all that differ from it only in gamma."""
    return f"{protocol} {cell.any_gamma if any_gamma else cell.name} fold {fold}"


def gamma_name(gamma: float) -> str:
    """Return a gamma for names and tables: ``inf`` for an infinite one."""
    return "inf" if math.isinf(gamma) else f"{gamma:g}"


def _cells(config: RunConfig) -> Iterator[Cell]:
    grid, is_clip = config.grid, config.examples.level == "clip"
    backbones = grid.backbones or (config.backbone.name,)
    aggregators = grid.aggregators or (config.aggregator.name,)
    counts = grid.num_segments or (config.segments.num_segments,)
    gammas = grid.gammas or (config.segments.gamma,)
    for backbone, aggregator, count, gamma in itertools.product(backbones, aggregators, counts, gammas):
        changes: dict[str, Any] = {
            "backbone": {"name": backbone},
            "aggregator": {"name": aggregator},
            "segments": {"num_segments": count, "gamma": gamma},
            "grid": GridConfig().model_dump(),
        }
        parts = [backbone] if len(backbones) > 1 or is_clip else []
        parts += [] if is_clip else [aggregator, f"n{count}"]
        own = [] if is_clip else [f"gamma{gamma_name(gamma)}"]
        yield Cell(name="-".join(parts + own), any_gamma="-".join(parts), config=updated(config, changes))


def _refuse_repeats(grid: GridConfig) -> None:
    for key, values in grid.model_dump().items():
        if isinstance(values, (tuple, list)) and len(set(values)) < len(values):
            msg = f"Values of grid.{key} must differ, got {_listed(map(str, values))}. Leave out the repeats."
            raise ConfigError(msg)


def _listed(names: Sequence[str] | Iterator[str]) -> str:
    return ", ".join(names)
