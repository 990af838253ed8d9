"""What the arguments of a comparison mean: folders of finished runs, cells of studies, and names to show."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from semioscope.core.errors import ConfigError, StoreError, nearest_names
from semioscope.core.formats import STUDY_PREDICTIONS
from semioscope.core.tables import read_rows

_MOST_CELLS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where one side lies: the folder with folds and predictions, that with the settings, and the cell."""

    name: str
    folder: Path
    home: Path
    cell: str | None

    @property
    def text(self) -> str:
        """The argument without a name."""
        return str(self.folder) if self.cell is None else f"{self.folder}@{self.cell}"


def located(argument: str) -> Source:
    """Return where an argument points to: ``PATH``, ``STUDY/<protocol>@CELL``, each maybe after ``NAME=``.

    Raises:
        ConfigError: If a cell does not exist or is not named.
        StoreError: If it is no folder of a finished run.
    """
    name, rest = "", argument
    before, sign, after = argument.partition("=")
    if sign and not Path(argument).exists() and not set(before) & {"/", "\\"}:
        name, rest = before.strip(), after
        if not name or not rest:
            msg = f"A run must be PATH or NAME=PATH, got {argument!r}. Write for example wide=runs/wide."
            raise ConfigError(msg)
    cell: str | None = None
    if not Path(rest).exists() and "@" in rest:
        rest, _, cell = rest.rpartition("@")
    folder = Path(rest)
    _check_folder(folder)
    predictions = folder / "predictions.tsv"
    if not _is_of_study(folder):
        if cell is not None:
            msg = f"{folder} is a run and has no cells to choose from. Leave out @{cell}."
            raise ConfigError(msg)
        return Source(name=name, folder=folder, home=folder, cell=None)
    cells = sorted({str(row["cell"]) for row in read_rows(predictions, STUDY_PREDICTIONS)})
    if cell is None and len(cells) == 1:
        cell = cells[0]
    if cell is None:
        shown = ", ".join(cells[:_MOST_CELLS]) + (", ..." if len(cells) > _MOST_CELLS else "")
        msg = f"{folder} holds {len(cells)} configurations, so one must be named: {folder}@CELL. Its cells: {shown}."
        raise ConfigError(msg)
    if cell not in cells:
        near = nearest_names(cell, cells) or cells[:_MOST_CELLS]
        msg = f"{folder} has no cell {cell!r} among its {len(cells)}. The nearest: {', '.join(near)}."
        raise ConfigError(msg)
    return Source(name=name, folder=folder, home=folder.parent, cell=cell)


def _check_folder(folder: Path) -> None:
    """Refuse what is no finished run, with what it is instead.

    Raises:
        ConfigError: If it is a study, of which a part must be named.
        StoreError: If it is no run, or none that is finished.
    """
    if not folder.exists():
        beside = (
            [path.name for path in folder.parent.iterdir() if path.is_dir()] if folder.parent.is_dir() else []
        )
        near = [str(folder.parent / name) for name in nearest_names(folder.name, beside)]
        hint = f" Did you mean {' or '.join(near)}?" if near else " Check the path."
        msg = f"A run must be the folder of a finished run, but {folder} does not exist.{hint}"
        raise StoreError(msg)
    if not folder.is_dir():
        msg = f"A run must be the folder of a finished run, but {folder} is a file. Give the folder that it lies in."
        raise StoreError(msg)
    parts = sorted(path.parent.name for path in folder.glob("*/predictions.tsv") if _is_of_study(path.parent))
    if parts and not (folder / "predictions.tsv").exists():
        listed = " or ".join(f"{folder / part}@CELL" for part in parts)
        msg = f"{folder} is a study of several configurations; name one of them: {listed}."
        raise ConfigError(msg)
    home = folder if (folder / "config.yaml").is_file() else folder.parent
    inside = home == folder or _is_of_study(folder) or (folder / "folds.json").is_file()
    if not inside or not (home / "config.yaml").is_file():
        msg = f"A run must be the folder of a finished run, but {folder} has no config.yaml. Give the --out of a run."
        raise StoreError(msg)
    needed = (folder / "folds.json", folder / "predictions.tsv", home / "scores.json")
    missing = [path.name for path in needed if not path.is_file()]
    if missing:
        msg = (
            f"Only finished runs can be compared, but {folder} has no {' and no '.join(missing)} yet. Give the "
            "command of that run again; it goes on where it stopped."
        )
        raise StoreError(msg)


def _is_of_study(folder: Path) -> bool:
    """Return whether a folder holds the predictions of a study under one protocol."""
    path = folder / "predictions.tsv"
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as stream:
        return stream.readline().split("\t")[0].strip() == "cell"


def distinct_names(sources: Sequence[Source]) -> list[str]:
    """Return the names to show: those given, else the last part of each path, or as much as tells them apart.

    Raises:
        ConfigError: If two given names are equal.
    """
    given = Counter(source.name for source in sources if source.name)
    twice = [name for name, number in given.items() if number > 1]
    if twice:
        msg = f"Names of runs must be distinct, but {twice[0]!r} is given twice. Choose another NAME=PATH."
        raise ConfigError(msg)
    parts = [
        [*source.folder.resolve().parts[1:], *([source.cell] if source.cell else [])] for source in sources
    ]
    depth = 1
    while True:
        names = [source.name or "/".join(own[-depth:]) for source, own in zip(sources, parts, strict=True)]
        if len(set(names)) == len(names) or depth > max(map(len, parts)):
            return names
        depth += 1
