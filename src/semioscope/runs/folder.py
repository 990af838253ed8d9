"""A run folder: what a run was asked for, and whether the same command may go on in it."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError, StoreError
from semioscope.core.files import check_folder, read_json, sweep_temporaries, write_json, write_text
from semioscope.core.formats import SCHEMA_VERSION
from semioscope.core.locks import locked
from semioscope.core.provenance import provenance
from semioscope.recipes import RunConfig, dump_config
from semioscope.recipes.edit import read_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """Paths of a run. See ``docs/formats.md``, section "Run folder"."""

    path: Path

    @property
    def config(self) -> Path:
        """Every setting."""
        return self.path / "config.yaml"

    @property
    def folds(self) -> Path:
        """The fold plan."""
        return self.path / "folds.json"

    @property
    def units(self) -> Path:
        """What has been done."""
        return self.path / "units"

    @property
    def models(self) -> Path:
        """Weights of the folds and the final bundle."""
        return self.path / "models"

    @property
    def scores(self) -> Path:
        """Every figure of the report."""
        return self.path / "scores.json"

    @property
    def request(self) -> Path:
        """Cohort, store and folds file of the command, to notice when another one comes."""
        return self.units / "request.json"

    @property
    def lock(self) -> Path:
        """Held by the run that works in the folder."""
        return self.units / "lock"


@contextlib.contextmanager
def working_in(path: Path) -> Iterator[None]:
    """Keep other runs out of a run folder while the block lasts.

    Raises:
        StoreError: If another run is working in it, it holds other things, or it cannot be written.
    """
    folder = RunFolder(path=path)
    refuse_foreign(folder)
    taken = f"Another run is working in {path}. Wait for its end, stop it, or choose another --out."
    with locked(folder.lock, wait=False, taken=taken):
        yield


def open_run(path: Path, config: RunConfig, *, cohort_hash: str, folds_digest: str = "") -> RunFolder:
    """Make a run folder, or go on in one that was made by the same command.

    What killed writers left is swept, so other runs must be kept out (``working_in``).

    Args:
        path: The folder; new, empty, or of the same run.
        config: Settings of the run.
        cohort_hash: Content of the cohort's tables.
        folds_digest: Content of a folds file that was given; empty when the folds are made.

    Raises:
        ConfigError: If the folder holds a run with other settings, or of another or changed cohort.
        StoreError: If the folder holds other things, or cannot be written.
    """
    request = {"cohort_hash": cohort_hash, "folds": folds_digest}
    return open_folder(path, config, request, changed=_changed(path))


def check_run(path: Path, config: RunConfig, *, cohort_hash: str, folds_digest: str = "") -> None:
    """Refuse what :func:`open_run` would refuse, and write nothing.

    Raises:
        ConfigError: If the folder holds a run with other settings, or of another or changed cohort.
        StoreError: If the folder holds other things, or cannot be made or written.
    """
    check_folder(path, what="--out", remedy="Choose another --out.")
    request = {"cohort_hash": cohort_hash, "folds": folds_digest}
    _check_same(RunFolder(path=path), config, request, changed=_changed(path))


def _changed(path: Path) -> dict[str, str]:
    return {
        "cohort_hash": f"The tables of the cohort changed since the run in {path} began. "
        "Choose another --out; features that are still valid are used again.",
        "folds": f"The run in {path} began with other folds. Choose another --out.",
    }


def open_folder(
    path: Path,
    config: Config,
    request: Mapping[str, Any],
    *,
    changed: Mapping[str, str],
    command: str = "run",
) -> RunFolder:
    """Make the folder of a run of any kind, or go on in one that was made by the same command.

    Args:
        path: The folder; new, empty, or of the same run.
        config: Settings of the run.
        request: What else it depends on, by key.
        changed: What to say where that of a key is another one than before; keys without a sentence may change.
        command: What runs the configuration.

    Raises:
        ConfigError: If the folder holds a run of another kind, with other settings or another request.
        StoreError: If the folder holds other things, or cannot be written.
    """
    folder = RunFolder(path=path)
    _check_same(folder, config, request, changed=changed)
    write_json(folder.request, {"schema_version": SCHEMA_VERSION, **request})
    write_text(folder.config, dump_config(config, command=command))
    sweep_temporaries(path)
    write_json(path / "provenance.json", provenance())
    return folder


def _check_same(
    folder: RunFolder, config: Config, request: Mapping[str, Any], *, changed: Mapping[str, str]
) -> None:
    refuse_foreign(folder)
    if folder.config.exists():
        _same_run(folder, config)
        before = read_json(folder.request) if folder.request.exists() else request
        for key, message in changed.items():
            if before.get(key) != request[key]:
                raise ConfigError(message)


def refuse_foreign(folder: RunFolder) -> None:
    """Refuse a path that is a file, or a folder that holds other things than a run.

    Raises:
        StoreError: If it is.
    """
    path = folder.path
    if path.exists() and not path.is_dir():
        msg = f"--out must be a folder, but {path} is a file. Choose another --out."
        raise StoreError(msg)
    ours = folder.config.exists() or folder.units.is_dir()
    if not ours and path.is_dir() and any(path.iterdir()):
        msg = f"--out must be a new or empty folder or a run, but {path} holds other files. Choose another."
        raise StoreError(msg)


def _same_run(folder: RunFolder, config: Config) -> None:
    try:
        before = read_settings(folder.config, type(config))
    except ConfigError as err:
        msg = (
            f"{folder.path} holds a run of another kind, or settings that cannot be read: {err} "
            "Choose another --out, or delete the folder to run anew."
        )
        raise ConfigError(msg) from err
    if _placeless(before) != _placeless(config):
        _tell_absent_detector(folder, before, config)
        old, new = (_flat(_placeless(one).model_dump(mode="json")) for one in (before, config))
        changed = [
            f"{key} was {old.get(key)!r}, now {new.get(key)!r}" for key in new if old.get(key) != new[key]
        ]
        msg = (
            f"{folder.path} holds a run with other settings ({'; '.join(changed[:5])}). "
            "Choose another --out, or delete the folder to run anew."
        )
        raise ConfigError(msg)


def _tell_absent_detector(folder: RunFolder, before: Config, config: Config) -> None:
    """Refuse the same run where nobody can tell that its detector is the same, because its file is not there."""
    if not (isinstance(before, RunConfig) and isinstance(config, RunConfig)):
        return
    unknown = before.crops.model_copy(update={"weights": config.crops.weights, "weights_sha256": ""})
    if before.crops.weights_sha256 and before.model_copy(update={"crops": unknown}) == config:
        msg = (
            f"{folder.path} holds a run with the detector of the file {before.crops.weights}, but "
            f"{config.crops.weights} is not there. Give its place (--set crops.weights=FILE), or go on with "
            f"semioscope run {folder.config}."
        )
        raise ConfigError(msg)


def _placeless(config: Config) -> Config:
    return config.without_places if isinstance(config, RunConfig) else config


def _flat(content: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(content, dict):
        flat: dict[str, Any] = {}
        for key, value in content.items():
            flat |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
        return flat
    return {prefix: content}


def log_event(folder: RunFolder, event: str, **facts: Any) -> None:
    """Append one line to run.jsonl; the log is the only file that is not made anew by the same command."""
    record = {"time": round(time.time(), 3), "event": event, **facts}
    with (folder.path / "run.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(record, sort_keys=True) + "\n")
