"""The errors that users see.

SemioscopeError
├── ConfigError     a setting, an option, a name that does not exist
├── CohortError     a table or a file of the cohort
├── VideoError      a video that cannot be read or written
├── WeightsError    weights that are absent, damaged or of another network
├── LeakageError    a patient on both sides of a split
├── StoreError      the feature store, a run folder, a bundle, a full disk
└── SourceError     a live source

Every message says what must hold, what came and what to do, and names the row, file or key.
"""

import difflib
from collections.abc import Iterable


class SemioscopeError(Exception):
    """Base of all errors that a user can mend. The command line prints its text without a traceback."""


class ConfigError(SemioscopeError):
    """A setting, an option or a name is not valid."""


class CohortError(SemioscopeError):
    """A table or a file of the cohort breaks a rule of ``docs/formats.md``."""


class VideoError(SemioscopeError):
    """A video cannot be opened, decoded or written."""


class WeightsError(SemioscopeError):
    """Network weights are absent, damaged, or belong to another network."""


class LeakageError(SemioscopeError):
    """A patient would stand on both sides of a split."""


class StoreError(SemioscopeError):
    """A feature store, run folder or bundle cannot be read or written."""


class SourceError(SemioscopeError):
    """A live source cannot be read."""


def nearest_names(name: str, allowed: Iterable[str], *, most: int = 3) -> list[str]:
    """Return the allowed names that look most like a name, best first; at most ``most`` of them."""
    by_fold: dict[str, str] = {option.casefold(): option for option in allowed}
    hits = difflib.get_close_matches(name.casefold(), list(by_fold), n=most, cutoff=0.5)
    return [by_fold[hit] for hit in hits]


def unknown_name(kind: str, name: object, allowed: Iterable[str]) -> str:
    """Return the message for a name that is not among the allowed ones.

    Examples:
        >>> unknown_name("aggregator", "blsm", ["mean", "blstm"])
        "Unknown aggregator 'blsm'. Did you mean blstm? Allowed: blstm, mean."
    """
    options = sorted(allowed)
    near = nearest_names(str(name), options)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"Unknown {kind} {str(name)!r}.{hint} Allowed: {', '.join(options)}."
