"""The weights folder: what is there, fetching what is not, checking it, and loading it without running code.

Folder: ``$SEMIOSCOPE_WEIGHTS``, else the user's cache. A published file is fetched once, checked against its
hash, fitted to the network (its classification layer is dropped), and kept as ``<name>.safetensors`` beside
``<name>.json``, which says where it came from. A published file that was put into the folder by hand is taken
the same way, which is how weights come to a computer without network.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from semioscope.core.errors import StoreError, WeightsError
from semioscope.core.files import atomic_path, file_sha256, read_json, write_json
from semioscope.core.locks import locked
from semioscope.core.progress import Progress
from semioscope.networks.backbones import BACKBONES, Translate, backbone_spec
from semioscope.networks.detectors import DETECTORS
from semioscope.networks.download import (
    BASE_VARIABLE,
    Unreachable,
    disk_errors,
    download,
    hash_problem,
    source_url,
)
from semioscope.networks.spec import WeightsSource

if TYPE_CHECKING:
    import torch
    from torch import nn

FOLDER_VARIABLE = "SEMIOSCOPE_WEIGHTS"
_RECORD_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsStatus:
    """What is known about the weights of one backbone or detector on this computer.

    Args:
        name: The backbone or detector.
        state: ``present``; ``waiting`` (the published file lies in the folder and will be checked and
            converted on first use); ``absent``; ``damaged``; ``none needed``.
        path: The converted or waiting file.
        message: One sentence, with what to do where something must be done.
        source: The published file; None when none is needed.
        sha256: Of the published file, once it was seen.
    """

    name: str
    state: Literal["present", "waiting", "absent", "damaged", "none needed"]
    path: Path | None
    message: str
    source: WeightsSource | None
    sha256: str | None = None


def weights_folder() -> Path:
    """Return the folder of weights; it need not exist."""
    given = os.environ.get(FOLDER_VARIABLE, "").strip()
    if given:
        return Path(given).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("semioscope", appauthor=False) / "weights"


def list_weights() -> list[WeightsStatus]:
    """Return the state of the weights of every backbone and every published detector, without reading them."""
    detectors = [name for name, entry in DETECTORS.items() if entry.spec.weights is not None]
    return [weights_status(name) for name in (*BACKBONES, *detectors)]


def weights_status(name: str) -> WeightsStatus:
    """Return the state of the weights of a backbone or detector, without reading them.

    Raises:
        ConfigError: If there is no backbone or detector of that name.
    """
    source, _, _ = _network(name)
    if source is None:
        return WeightsStatus(
            name=name, state="none needed", path=None, message="Has no weights.", source=None
        )
    tensors, record_path, original = _paths(name, source)
    if tensors.is_file() and record_path.is_file():
        try:
            found = str(_read_record(record_path)["sha256"])
        except WeightsError as err:
            return WeightsStatus(name=name, state="damaged", path=tensors, message=str(err), source=source)
        message = f"In {tensors.parent}."
        return WeightsStatus(
            name=name, state="present", path=tensors, message=message, source=source, sha256=found
        )
    if original.is_file():
        message = f"{original.name} lies in the folder; it is checked and converted on first use."
        return WeightsStatus(name=name, state="waiting", path=original, message=message, source=source)
    message = f"Run 'semioscope weights fetch {name}', or bring {source.file_name} into {tensors.parent}."
    return WeightsStatus(name=name, state="absent", path=None, message=message, source=source)


def fetch_weights(name: str, *, progress: Progress | None = None) -> Path | None:
    """Make sure that the weights of a backbone or detector are here, and return the converted file.

    Does nothing where they are. One process at a time fetches; the others wait for it.

    Args:
        name: The backbone.
        progress: Where to report to.

    Returns:
        The safetensors file; None when the backbone has no weights.

    Raises:
        ConfigError: If there is no backbone or detector of that name.
        WeightsError: If they cannot be had, or are not what they should be.
        StoreError: If the folder cannot be written.
    """
    source, _, _ = _network(name)
    if source is None:
        return None
    tensors, record_path, original = _paths(name, source)
    if tensors.is_file() and record_path.is_file():
        return tensors
    lock = tensors.with_suffix(".lock")
    with disk_errors(lock.parent):
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
    with locked(lock, wait=True):
        if tensors.is_file() and record_path.is_file():  # another process was quicker
            return tensors
        by_hand = original.is_file()
        if by_hand:
            if problem := hash_problem(original, source):
                msg = (
                    f"{original} must be the published weights of {name}, but {problem}. It is damaged or "
                    f"another version: bring it again from {source.url}."
                )
                raise WeightsError(msg)
        else:
            _download(source, original, progress)
        try:
            _convert(name, source, original, "brought by hand" if by_hand else source_url(source))
        finally:
            if not by_hand:
                original.unlink(missing_ok=True)
    return tensors


def load_weights(name: str, *, progress: Progress | None = None) -> "tuple[dict[str, torch.Tensor], str]":
    """Return the pre-trained tensors of a backbone or detector and their digest; fetches them on first use.

    Raises:
        ConfigError: If there is no backbone or detector of that name.
        WeightsError: If they cannot be had, are damaged, or the backbone has none.
        StoreError: If the folder cannot be written.
    """
    from semioscope.networks.checkpoints import fit_state, read_checkpoint, tensors_digest

    path = fetch_weights(name, progress=progress)
    if path is None:
        msg = f"{name} has no pre-trained weights. Choose another backbone."
        raise WeightsError(msg)
    record = _read_record(path.with_suffix(".json"))
    state = fit_state(read_checkpoint(path), _shapes(name), network=name, where=path)
    found = tensors_digest(state)
    if found != record["tensors"]:
        msg = (
            f"{path} has changed since it was made: its digest must be {record['tensors']}, got {found}. "
            "Delete it; it is fetched again."
        )
        raise WeightsError(msg)
    return state, found


def verify_weights(name: str) -> WeightsStatus:
    """Read the weights of a backbone or detector, if they are here, and compare them with the record; fetch nothing.

    Raises:
        ConfigError: If there is no backbone or detector of that name.
    """
    status = weights_status(name)
    if status.source is None or status.path is None:
        return status
    if status.state == "waiting":
        problem = hash_problem(status.path, status.source)
        if not problem:
            return status
        message = (
            f"{status.path} is not the published file: {problem}. Bring it again from {status.source.url}."
        )
        return WeightsStatus(
            name=name, state="damaged", path=status.path, message=message, source=status.source
        )
    try:
        load_weights(name)
    except WeightsError as err:
        return WeightsStatus(
            name=name, state="damaged", path=status.path, message=str(err), source=status.source
        )
    return status


def _network(name: str) -> "tuple[WeightsSource | None, Callable[[], nn.Module] | None, Translate | None]":
    """Return the published file of a backbone or detector, what builds its network and what reads its names.

    Raises:
        ConfigError: If there is no backbone (and no detector) of that name.
    """
    if name in DETECTORS and name not in BACKBONES:
        detector = DETECTORS[name]
        return detector.spec.weights, detector.build, detector.translate
    spec = backbone_spec(name)
    return spec.weights, BACKBONES[name].build, BACKBONES[name].translate


def _paths(name: str, source: WeightsSource) -> tuple[Path, Path, Path]:
    folder = weights_folder()
    return folder / f"{name}.safetensors", folder / f"{name}.json", folder / source.file_name


def _shapes(name: str) -> dict[str, tuple[int, ...]]:
    import torch

    from semioscope.networks.checkpoints import expected_shapes

    _, build, _ = _network(name)
    if build is None:
        return {}
    with torch.device("meta"):
        return expected_shapes(build())


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = read_json(path)
    except StoreError as err:
        raise WeightsError(str(err)) from err
    version = record.get("schema_version") if isinstance(record, dict) else None
    if not isinstance(version, int) or not {"tensors", "sha256"} <= record.keys():
        msg = (
            f"{path} must be the record of a file of weights. Delete it and the .safetensors beside it; they "
            "are made again."
        )
        raise WeightsError(msg)
    if version > _RECORD_VERSION:
        msg = (
            f"{path} was written by a newer semioscope (version {version}, this one knows "
            f"{_RECORD_VERSION}). Update semioscope, or choose another folder with {FOLDER_VARIABLE}."
        )
        raise WeightsError(msg)
    return dict(record)


def _download(source: WeightsSource, target: Path, progress: Progress | None) -> None:
    url = source_url(source)
    started = arrived = False

    def on_start(size: int) -> None:
        nonlocal started
        if progress is not None and not started:
            progress.start(f"fetch {source.name}", size / 1e6, unit="MB")
        started = True

    def on_bytes(count: int) -> None:
        if progress is not None:
            progress.advance(count / 1e6, note=source.file_name)

    try:
        download(url, target, source=source, on_start=on_start, on_bytes=on_bytes)
        arrived = True
    except Unreachable as err:
        msg = (
            f"The weights of {source.name} are not on this computer, and {url} could not be fetched: {err}. "
            f"On a computer with network, download {source.file_name} from {source.url} and put it into "
            f"{target.parent}; the same command then goes on. {BASE_VARIABLE} may name a mirror, and "
            "--weights FILE takes a file from anywhere."
        )
        raise WeightsError(msg) from err
    finally:
        if progress is not None and started:
            progress.finish(stopped=not arrived)


def _convert(name: str, source: WeightsSource, original: Path, came_from: str) -> None:
    from safetensors.torch import save_file

    from semioscope.networks.checkpoints import read_state, tensors_digest

    tensors, record_path, _ = _paths(name, source)
    state = read_state(original, _shapes(name), network=name, translate=_network(name)[2])
    with disk_errors(tensors.parent), atomic_path(tensors) as temporary:
        save_file(state, temporary)
    pinned = "sha256" if source.sha256 else "git blob" if source.git_blob else "sha256 prefix"
    if not (source.sha256 or source.git_blob or source.sha256_prefix):
        pinned = "none published; recorded on first use"
    write_json(
        record_path,
        {
            "schema_version": _RECORD_VERSION,
            "name": name,
            "file_name": source.file_name,
            "source": came_from,
            "published_at": source.url,
            "sha256": file_sha256(original),
            "checked_against": pinned,
            "tensors": tensors_digest(state),
            "licence": source.licence,
            "origin": source.origin,
            "paper": source.paper,
        },
    )
