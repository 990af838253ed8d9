"""Recipes and protocols by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from semioscope.cohort import TASKS, Task
from semioscope.core.errors import ConfigError, unknown_name
from semioscope.recipes.config import RunConfig
from semioscope.recipes.edit import updated
from semioscope.recipes.gestures import gestures_2021, gestures_2021_figure2, gestures_2021_table1
from semioscope.recipes.hou import hou_2022, hou_2022_small
from semioscope.recipes.karacsony import (
    CLASSIFIERS,
    MANY_CLASSES,
    karacsony_2020,
    karacsony_2022_a,
    karacsony_2022_b,
    karacsony_2022_b05,
)

RECIPES: dict[str, Callable[[], RunConfig]] = {
    "gestures-2021": gestures_2021,
    "gestures-2021-table1": gestures_2021_table1,
    "gestures-2021-figure2": gestures_2021_figure2,
    "karacsony-2020": karacsony_2020,
    "karacsony-2022-a": karacsony_2022_a,
    "karacsony-2022-b": karacsony_2022_b,
    "karacsony-2022-b05": karacsony_2022_b05,
    "hou-2022": hou_2022,
    "hou-2022-small": hou_2022_small,
}

WITH_MANY_CLASSES: dict[str, Mapping[str, Mapping[str, Any]]] = {
    "karacsony-2020": MANY_CLASSES,
    "karacsony-2022-a": MANY_CLASSES,
    "karacsony-2022-b": MANY_CLASSES,
    "karacsony-2022-b05": MANY_CLASSES,
}
"""What a recipe changes for tasks of more than two classes."""

Settings: TypeAlias = Mapping[str, Mapping[str, Any]]

PROTOCOLS: dict[str, Mapping[str, Mapping[str, Any]]] = {
    # Folds by patient; the epoch is chosen inside the training patients; the test fold is touched once.
    "patient": {
        "folds": {"rule": "patient"},
        "selection": {"on": "inner"},
    },
    # As published: the paper's own folds, and the best epoch of the fold that is reported. Here that of GESTURES,
    # folds by seizure and every start frame; see OWN_PROTOCOLS.
    "paper": {
        "folds": {"rule": "seizure"},
        "selection": {"on": "test"},
        "clips": {"stride": 1},
    },
    # As the code published with GESTURES deals its folds; a short segment is an error there.
    "released": {
        "folds": {"rule": "released"},
        "selection": {"on": "test"},
        "clips": {"stride": 1},
        "segments": {"short": "error"},
    },
}

_PATIENTS_PER_CLASS: Settings = {
    "folds": {"rule": "patients-per-class", "num_folds": 5, "patients_per_class": 3},
    "selection": {"on": "test"},
}

# One patient is left out at a time, the epochs are fixed and the scores are pooled. Nothing is chosen, so the paper's
# folds are fair already, and every protocol means them.
_ONE_PATIENT_LEFT_OUT: Settings = {
    "folds": {"rule": "leave-one-patient-out"},
    "selection": {"on": "none"},
}

OWN_PROTOCOLS: dict[tuple[str, str], Settings] = {
    # 16 and 12 patients train, 4 and 3 validate: a partition of 20 and 15 patients.
    ("karacsony-2020", "paper"): {
        "folds": {"rule": "patient", "num_folds": 5},
        "selection": {"on": "test"},
    },
    # 3 and 3 patients validate in every fold, so that some of 11 are validated twice.
    ("karacsony-2022-a", "paper"): _PATIENTS_PER_CLASS,
    ("karacsony-2022-b", "paper"): _PATIENTS_PER_CLASS,
    ("karacsony-2022-b05", "paper"): _PATIENTS_PER_CLASS,
    **{
        (recipe, protocol): _ONE_PATIENT_LEFT_OUT
        for recipe in ("hou-2022", "hou-2022-small")
        for protocol in PROTOCOLS
    },
}
"""What a protocol means for one recipe, where that is something else than for the others."""


def protocol_settings(recipe: str, protocol: str) -> Settings:
    """Return the settings of a protocol for a recipe.

    Raises:
        ConfigError: If there is no such protocol; the message holds the nearest ones.
    """
    if protocol not in PROTOCOLS:
        raise ConfigError(unknown_name("protocol", protocol, PROTOCOLS))
    return OWN_PROTOCOLS.get((recipe, protocol), PROTOCOLS[protocol])


def make_config(recipe: str, *, protocol: str = "patient", task: Task | None = None) -> RunConfig:
    """Return the configuration of a recipe under a protocol.

    Args:
        recipe: A key of ``RECIPES``.
        protocol: A key of ``PROTOCOLS``.
        task: In place of the recipe's own; a paper trains otherwise with more than two classes.

    Raises:
        ConfigError: If one of the names is unknown; the message holds the nearest ones.
    """
    if recipe not in RECIPES:
        raise ConfigError(unknown_name("recipe", recipe, [*RECIPES, *SERIES]))
    config = updated(RECIPES[recipe](), {"protocol": protocol, **protocol_settings(recipe, protocol)})
    if task is None:
        return config
    many = WITH_MANY_CLASSES.get(recipe, {}) if len(task.classes) > 2 else {}
    return updated(config.model_copy(update={"task": task}), many)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRow:
    """One run of a series.

    Args:
        name: Short and unique in the series; also its folder.
        recipe: A key of ``RECIPES``.
        data_set: How the paper calls it.
        task: The task.
        classifier: A key of ``CLASSIFIERS``.
    """

    name: str
    recipe: str
    data_set: str
    task: str
    classifier: str

    @property
    def title(self) -> str:
        """The row in words."""
        return f"{self.data_set}, {len(TASKS[self.task].classes)} classes, {self.classifier}"


def _table_2() -> tuple[SeriesRow, ...]:
    found = []
    for data_set, recipe in (
        ("A", "karacsony-2022-a"),
        ("B", "karacsony-2022-b"),
        ("B0.5", "karacsony-2022-b05"),
    ):
        short = recipe.rsplit("-", 1)[-1]
        for number, task in ((2, "fle-vs-tle"), (3, "fle-vs-tle-vs-nonepileptic")):
            for classifier in CLASSIFIERS:
                if classifier == "Extended LSTM" and (data_set, number) != ("B0.5", 3):
                    continue
                found.append(
                    SeriesRow(
                        name=f"{short}-{number}-{classifier.lower().replace(' ', '-')}",
                        recipe=recipe,
                        data_set=data_set,
                        task=task,
                        classifier=classifier,
                    )
                )
    return tuple(found)


SERIES: dict[str, Callable[[], tuple[SeriesRow, ...]]] = {
    # Every data set, number of classes and classifier of Table 2 of 2022; the extended one where the paper has it.
    "karacsony-2022-table2": _table_2,
}
"""Runs that make one table together."""


def series_config(row: SeriesRow, *, protocol: str = "patient") -> RunConfig:
    """Return the configuration of one run of a series under a protocol.

    Raises:
        ConfigError: If there is no such protocol.
    """
    return updated(
        make_config(row.recipe, protocol=protocol, task=TASKS[row.task]), CLASSIFIERS[row.classifier]
    )


def followed_protocol(config: RunConfig) -> str:
    """Return how folds and selection of a run are called: as its protocol, as long as they are the protocol's.

    Examples:
        >>> config = make_config("gestures-2021")
        >>> followed_protocol(config)
        'patient'
        >>> followed_protocol(updated(config, {"selection": {"on": "test"}}))
        'own settings (from patient)'
    """
    known = config.protocol in PROTOCOLS
    wanted = protocol_settings(config.recipe, config.protocol) if known else {}
    followed = all(
        getattr(getattr(config, section), key) == value
        for section in ("folds", "selection")
        for key, value in wanted.get(section, {}).items()
    )
    return config.protocol if wanted and followed else f"own settings (from {config.protocol})"
