"""Which units of a run are done: one small JSON file per unit, so that a killed run goes on."""

import os
from pathlib import Path
from typing import Any

from semioscope.core.errors import StoreError
from semioscope.core.files import digest, read_json, write_json
from semioscope.execution.units import Unit


class Ledger:
    """The records of done units in a folder.

    A record belongs to the outputs of a unit (to its name, where it has none), so work with other settings on
    the same files replaces the record. It holds the key and the sizes of the outputs: a file that is missing
    or was cut makes the unit undone. Paths are kept relative, so both may move together.

    Args:
        folder: Where the records are; made when the first unit is done.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def is_done(self, unit: Unit) -> bool:
        """Return whether the unit was done with the same key and its outputs are still there."""
        return self.record(unit) is not None

    def record(self, unit: Unit) -> dict[str, Any] | None:
        """Return what was noted about a done unit (``name``, ``key``, ``seconds``, ``value``), or None."""
        try:
            record = read_json(self._path(unit))
        except StoreError:  # absent, or damaged: the unit is simply done again
            return None
        if not isinstance(record, dict) or record.get("key") != unit.key:
            return None
        return record if record.get("sizes") == self._sizes(unit) else None

    def mark_done(self, unit: Unit, seconds: float, *, value: Any = None) -> None:
        """Note that a unit is done.

        Args:
            unit: The unit; its outputs exist.
            seconds: How long it took.
            value: Plain data that the unit returned; given back when the unit is skipped later.

        Raises:
            StoreError: If an output is missing, or the record cannot be written.
        """
        sizes = self._sizes(unit)
        missing = [name for name, size in sizes.items() if size is None]
        if missing:
            msg = (
                f"Unit {unit.name} must leave its outputs behind, but {', '.join(missing)} is missing. "
                "Give the same command again."
            )
            raise StoreError(msg)
        record = {
            "name": unit.name,
            "key": unit.key,
            "sizes": sizes,
            "seconds": round(seconds, 3),
            "value": value,
        }
        write_json(self._path(unit), record)

    def forget(self, unit: Unit) -> None:
        """Take back that a unit is done, so that it is done again; its outputs stay."""
        self._path(unit).unlink(missing_ok=True)

    def _path(self, unit: Unit) -> Path:
        return self.folder / f"{digest(sorted(self._sizes(unit)) or unit.name)}.json"

    def _sizes(self, unit: Unit) -> dict[str, int | None]:
        """Return the size of each output by its path from the folder; folders count as 0, absent is None."""
        sizes: dict[str, int | None] = {}
        for output in unit.outputs:
            name = Path(os.path.relpath(output, self.folder)).as_posix()
            sizes[name] = (0 if output.is_dir() else output.stat().st_size) if output.exists() else None
        return sizes
