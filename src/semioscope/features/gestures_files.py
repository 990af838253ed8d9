"""The files of a view in the public GESTURES layout: one per start frame, numbered from the first frame on.

The public set does not say whether numbers begin at 0 or at 1, so the folders are asked: most of them are right.
"""

import itertools
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_SUFFIX = ".pth"
_NUMBER = re.compile(r"([0-9]+)(?=[^0-9]*$)")
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewFiles:
    """What the names of a view's files say.

    Args:
        num_files: How many there are.
        names: The first and the last, by number.
        numbers: Theirs; None where some file has no number.
        absent: The first few numbers between them that no file has.
    """

    num_files: int
    names: tuple[str, str]
    numbers: tuple[int, int] | None
    absent: tuple[int, ...] = ()

    def gap(self, begin: int) -> str:
        """Return which files are missing, in words; empty if none is.

        Args:
            begin: Number of the first file of a whole view; a smaller one that is there counts too.
        """
        if self.numbers is None:
            return ""
        first, last = self.numbers
        before = range(min(begin, first), first)
        count = last - before.start + 1 - self.num_files
        if not count:
            return ""
        named = [*before[:_MOST_NAMED], *self.absent][:_MOST_NAMED]
        names = ", ".join(_numbered_like(self.names[0], number) for number in named)
        more = f" and {count - len(named)} more" if count > len(named) else ""
        others = " as in other folders" if before and begin == 0 else ""
        return (
            f"must hold one {_SUFFIX} file per start frame, numbered from {before.start}{others} without a gap, but "
            f"{names}{more} {'is' if count == 1 else 'are'} missing beside {self.names[0]} to {self.names[1]}"
        )


def look_at_views(folders: Iterable[Path]) -> tuple[dict[str, int], dict[str, str]]:
    """Return the number of files of every view, and what is wrong with their names; nothing is read.

    Args:
        folders: Of the views.

    Returns:
        Files by name of the folder, 0 for one at fault; faults in words by name of the folder.
    """
    found: dict[str, ViewFiles] = {}
    faults: dict[str, str] = {}
    for folder in folders:
        try:
            found[folder.name] = view_files(folder)
        except ValueError as err:
            faults[folder.name] = f"{folder.name} {err}"
    begin = usual_begin(found)
    faults |= {name: f"{name} {gap}" for name, files in found.items() if (gap := files.gap(begin))}
    counts = {name: files.num_files for name, files in found.items()}
    return {**counts, **dict.fromkeys(faults, 0)}, faults


def usual_begin(found: Mapping[str, ViewFiles]) -> int:
    """Return the number that views begin with: 0, or 1 where more begin with 1 than with 0."""
    first = [files.numbers[0] for files in found.values() if files.numbers is not None]
    return 0 if first.count(0) and first.count(0) >= first.count(1) else 1


def view_files(folder: Path) -> ViewFiles:
    """Return what the names of a view's files say.

    Raises:
        ValueError: If there is none, a number comes twice, or the folder cannot be read.
    """
    names = _names(folder)
    numbered = _numbered(names)
    if numbered is None:
        return ViewFiles(num_files=len(names), names=(names[0], names[-1]), numbers=None)
    absent: list[int] = []
    for (before, _), (number, _) in itertools.pairwise(numbered):
        absent += range(before + 1, number)[: _MOST_NAMED - len(absent)]
    (first, first_name), (last, last_name) = numbered[0], numbered[-1]
    return ViewFiles(
        num_files=len(names), names=(first_name, last_name), numbers=(first, last), absent=tuple(absent)
    )


def vector_files(folder: Path) -> list[str]:
    """Return the names of the files of vectors in a folder, by number where all are numbered, else sorted.

    Raises:
        ValueError: If there is none, a number comes twice, or the folder cannot be read.
    """
    names = _names(folder)
    numbered = _numbered(names)
    return names if numbered is None else [name for _, name in numbered]


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name for entry in entries if entry.name.endswith(_SUFFIX) and entry.name[0] != "."
            )
    except OSError as err:
        msg = f"must be a folder that can be read: {err.strerror}"
        raise ValueError(msg) from err
    if not names:
        msg = f"must hold one {_SUFFIX} file per start frame, but holds none"
        raise ValueError(msg)
    return names


def _numbered(names: list[str]) -> list[tuple[int, str]] | None:
    """Return numbers and names, ascending; None if a name has no number."""
    numbers = [_NUMBER.search(name.removesuffix(_SUFFIX)) for name in names]
    numbered = sorted((int(found[1]), name) for found, name in zip(numbers, names, strict=True) if found)
    if len(numbered) < len(names):
        return None
    again = next((b for (a, _), (b, _) in itertools.pairwise(numbered) if a == b), None)
    if again is not None:
        msg = f"must hold one {_SUFFIX} file per start frame, but two have the number {again}"
        raise ValueError(msg)
    return numbered


def _numbered_like(name: str, number: int) -> str:
    """Return the name of the file of a number, with as many digits as another file has."""
    stem = name.removesuffix(_SUFFIX)
    return _NUMBER.sub(lambda found: f"{number:0{len(found[1])}d}", stem) + _SUFFIX
