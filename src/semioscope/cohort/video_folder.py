"""Which videos lie in a folder, and which of them a cohort has already, under this name or another."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semioscope.core.errors import CohortError, VideoError
from semioscope.core.wording import counted
from semioscope.video import fingerprint, is_parts_list, read_parts

VIDEO_SUFFIXES = (
    ".3gp", ".asf", ".avi", ".flv", ".m2p", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf",
    ".ogv", ".ps", ".ts", ".vob", ".webm", ".wmv",
)  # fmt: skip
"""Endings of files that are taken for videos."""


@dataclass(slots=True, kw_only=True)
class Shelf:
    """The files that a cohort has: by path, and by size to find copies.

    Args:
        owners: Patient by file, resolved.
        by_size: Files of each size in bytes.
        prints: Fingerprints that were needed so far.
    """

    owners: dict[Path, str] = field(default_factory=dict)
    by_size: dict[int, list[Path]] = field(default_factory=dict)
    prints: dict[Path, str] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, rows: Sequence[Mapping[str, Any]]) -> "Shelf":
        """Return the files that rows of ``recordings.tsv`` name, with the parts of parts lists."""
        shelf = cls()
        for row in rows:
            if row.get("path") is not None:
                path = (folder / str(row["path"])).resolve()
                for file in (path, *_parts_of(path)):
                    shelf.add(file, str(row["patient_id"]))
        return shelf

    def add(self, file: Path, patient_id: str) -> None:
        """Put a file on the shelf."""
        self.owners[file.resolve()] = patient_id
        if file.is_file():
            self.by_size.setdefault(file.stat().st_size, []).append(file.resolve())

    def has(self, file: Path, patient_id: str) -> bool:
        """Return whether a file, or a copy of it, is there; put it on the shelf if not.

        Raises:
            CohortError: If it is there as of another patient.
            VideoError: If it cannot be read.
        """
        own = file.resolve()
        same_size = [own] if own in self.owners else self.by_size.get(file.stat().st_size, [])
        for other in same_size:
            if other == own or self._print(other) == self._print(own):
                if self.owners[other] != patient_id:
                    there = (
                        "is in the cohort as one" if other == own else f"shows the same video as {other.name}"
                    )
                    msg = (
                        f"is of patient {patient_id}, but {there} of patient {self.owners[other]}. One person under "
                        "two ids would stand on both sides of a split: give both one patient."
                    )
                    raise CohortError(msg)
                return True
        self.add(file, patient_id)
        return False

    def _print(self, file: Path) -> str:
        if file not in self.prints:
            self.prints[file] = fingerprint(file)
        return self.prints[file]


def videos_below(source: Path, folder: Path) -> tuple[list[Path], list[str]]:
    """Return the videos and parts lists below a folder in the order of their paths, and notes on what else there is.

    Hidden files and folders and ``derived`` of the cohort are passed over, and so are files that a parts list
    names; of several names of one file the first is taken.

    Args:
        source: The folder.
        folder: The cohort.

    Raises:
        CohortError: If it is no folder or holds no video.
    """
    if not source.is_dir():
        what = "is a file" if source.exists() else "does not exist"
        msg = f"{source} must be a folder of videos, but {what}. Check the path."
        raise CohortError(msg)
    found, others = [], 0
    for file in _files_below(source, folder / "derived"):
        if is_parts_list(file) or file.suffix.casefold() in VIDEO_SUFFIXES:
            found.append(file)
        else:
            others += 1
    if not found:
        msg = (
            f"{source} must hold videos ({', '.join(sorted(VIDEO_SUFFIXES))}), but holds none among "
            f"{counted(others, 'file')}. Check the path."
        )
        raise CohortError(msg)
    parts = {part for file in found if is_parts_list(file) for part in _parts_of(file.resolve())}
    notes = [f"{counted(others, 'other file')} passed over"] if others else []
    once: dict[Path, Path] = {}
    for file in found:
        if file.resolve() not in parts:
            once.setdefault(file.resolve(), file)
    return list(once.values()), notes


def _files_below(source: Path, passed_over: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(source):
        here = Path(place)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (here / name).resolve() != passed_over.resolve()
        )
        yield from (here / name for name in sorted(names) if not name.startswith("."))


def _parts_of(file: Path) -> tuple[Path, ...]:
    """Return the files that a parts list names, resolved; none for another file or a list that is not valid."""
    if not is_parts_list(file):
        return ()
    try:
        return tuple(part.path.resolve() for part in read_parts(file))
    except VideoError:
        return ()
