"""The feature store: blocks of clips on disk, which several runs and machines may share.

```
STORE/<key>/key.json                   what the numbers depend on
STORE/<key>/block-000123.safetensors   clips 123*64 .. 123*64+63, those that were needed
STORE/<key>/.lock                      held by the one that writes a block; empty
```
A block is replaced in one step. Its metadata hold a hash of its arrays: a block that was damaged is as good
as absent, and is computed again. ``docs/formats.md`` gives the arrays.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int, Int32, Int64

from semioscope.core.errors import StoreError
from semioscope.core.files import canonical_json, write_bytes, write_json
from semioscope.core.formats import SCHEMA_VERSION
from semioscope.core.locks import locked
from semioscope.plans import CLIPS_PER_BLOCK

_ARRAYS = ("features", "clip_index", "num_missing_frames", "num_held_frames", "num_damaged_frames")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Features of some clips, ascending.

    Args:
        clip_index: Indices of the clips on the grid.
        features: One row per clip; NaN where a frame was missing.
        num_missing_frames: Frames of each clip that the video does not have.
        num_held_frames: Frames of each clip that repeat an older picture, because nothing newer was there.
        num_damaged_frames: Frames of each clip that the decoder marked as damaged.
        engines: What computed them; provenance.
    """

    clip_index: Int64[np.ndarray, " num_clips"]
    features: Float32[np.ndarray, "num_clips num_steps num_features"]
    num_missing_frames: Int32[np.ndarray, " num_clips"]
    num_held_frames: Int32[np.ndarray, " num_clips"]
    num_damaged_frames: Int32[np.ndarray, " num_clips"]
    engines: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not np.all(np.diff(self.clip_index) > 0):
            msg = f"Clips of a block must ascend, got {self.clip_index.tolist()}."
            raise ValueError(msg)

    def merged(self, other: "Block") -> "Block":
        """Return the clips of both; those of ``other`` win."""
        keep = ~np.isin(self.clip_index, other.clip_index)
        order = np.argsort(np.concatenate([self.clip_index[keep], other.clip_index]))
        arrays = {
            name: np.concatenate([getattr(self, name)[keep], getattr(other, name)])[order] for name in _ARRAYS
        }
        return Block(**arrays, engines=tuple(sorted({*self.engines, *other.engines})))

    def only(self, clip_index: Int[np.ndarray, " num_wanted"]) -> "Block":
        """Return the wanted clips among those of the block."""
        keep = np.isin(self.clip_index, clip_index)
        return Block(**{name: getattr(self, name)[keep] for name in _ARRAYS}, engines=self.engines)


def join(blocks: Iterable[Block]) -> Block:
    """Return the clips of blocks that follow each other as one.

    Raises:
        ValueError: If there is no block.
    """
    parts = list(blocks)
    if not parts:
        msg = "Joining needs at least one block, got none."
        raise ValueError(msg)
    engines = tuple(sorted({engine for part in parts for engine in part.engines}))
    return Block(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS}, engines=engines
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredClips:
    """Which clips of a key a store has.

    Args:
        clip_index: Their indices, ascending.
        damaged_blocks: Numbers of blocks whose file cannot be trusted.
    """

    clip_index: Int64[np.ndarray, " num_clips"]
    damaged_blocks: tuple[int, ...] = field(default=())


@runtime_checkable
class StoreKey(Protocol):
    """What names a folder of the store."""

    @property
    def content(self) -> dict[str, Any]:
        """The key as plain data; written to ``key.json``."""

    @property
    def digest(self) -> str:
        """The name of the folder."""


OTHER_STORE = "Give a folder that can be written with --store or $SEMIOSCOPE_STORE."


class FeatureStore:
    """A folder of features.

    Args:
        folder: Where it is; made when the first block is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def block_path(self, key_digest: str, number: int) -> Path:
        """Return the file of a block."""
        return self.folder / key_digest / f"block-{number:06d}.safetensors"

    def register(self, key: StoreKey) -> None:
        """Write ``key.json`` of a key, if it is not there.

        Raises:
            StoreError: If the folder cannot be written.
        """
        path = self.folder / key.digest / "key.json"
        if not path.exists():
            write_json(path, key.content)

    def read_block(self, key_digest: str, number: int) -> Block | None:
        """Return a block, or None if it is absent or its file is damaged."""
        block, _ = self._read(key_digest, number)
        return block

    def write_block(self, key_digest: str, number: int, block: Block) -> None:
        """Write a block in one step; clips that its file already has are kept, whoever writes them.

        Args:
            key_digest: Digest of the key that the numbers belong to.
            number: Number of the block.
            block: New clips, all of this block.

        Raises:
            StoreError: If the disk is full or the folder cannot be written.
            ValueError: If a clip belongs to another block.
        """
        if np.any(block.clip_index // CLIPS_PER_BLOCK != number):
            first = number * CLIPS_PER_BLOCK
            msg = f"Block {number} holds clips {first} to {first + CLIPS_PER_BLOCK - 1} only."
            raise ValueError(msg)
        path = self.block_path(key_digest, number)
        with locked(path.with_name(".lock"), wait=True):
            before = self.read_block(key_digest, number)
            whole = block if before is None else before.merged(block)
            write_bytes(path, _packed(whole))

    def stored_clips(self, key_digest: str, numbers: Iterable[int]) -> StoredClips:
        """Return which clips the blocks of these numbers have; every file is checked against its hash."""
        clips: list[Int64[np.ndarray, " num_clips"]] = [np.zeros(0, np.int64)]
        damaged = []
        for number in sorted(numbers):
            block, exists = self._read(key_digest, number)
            if block is not None:
                clips.append(block.clip_index)
            elif exists:
                damaged.append(number)
        return StoredClips(clip_index=np.concatenate(clips), damaged_blocks=tuple(damaged))

    def _read(self, key_digest: str, number: int) -> tuple[Block | None, bool]:
        """Return the block (None if absent or damaged) and whether there is a file."""
        path = self.block_path(key_digest, number)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None, False
        except OSError as err:
            msg = (
                f"{path} must be a file that can be read: {err.strerror}. "
                "Ask for read access or use another --store."
            )
            raise StoreError(msg) from err
        return _unpacked(content, path, number), True


def _packed(block: Block) -> bytes:
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(getattr(block, name)) for name in _ARRAYS}
    words = {"schema_version": SCHEMA_VERSION, "sha256": _hash(arrays), "engines": list(block.engines)}
    # one metadata key: several are written in an order that changes from process to process
    packed: bytes = save(arrays, metadata={"semioscope": canonical_json(words)})
    return packed


def _unpacked(content: bytes, path: Path, number: int) -> Block | None:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        length = int.from_bytes(content[:8], "little")
        words = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["semioscope"])
        version = int(words["schema_version"])
        if version > SCHEMA_VERSION:
            msg = (
                f"{path} must have format {SCHEMA_VERSION} or older, but has {version}: a newer semioscope "
                "wrote it. Update semioscope or use another --store."
            )
            raise StoreError(msg)
        arrays = {name: value for name, value in load(content).items() if name in _ARRAYS}
        if words["sha256"] != _hash(arrays):
            return None
        block = Block(**arrays, engines=tuple(words["engines"]))
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError):
        return None
    return block if np.all(block.clip_index // CLIPS_PER_BLOCK == number) else None


def _hash(arrays: dict[str, np.ndarray]) -> str:
    state = hashlib.sha256()
    for name in _ARRAYS:
        array = arrays[name]
        state.update(f"{name} {array.dtype.str} {array.shape};".encode())
        state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()
