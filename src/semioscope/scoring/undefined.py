"""What happens where a score is not defined: NaN and a warning, never 0."""

import warnings


class UndefinedScoreWarning(UserWarning):
    """A score is not defined on these examples; its value is NaN."""


def undefined(what: str, why: str) -> float:
    """Warn that a score is not defined, and return NaN."""
    warnings.warn(f"{what} is undefined here: {why}. Its value is NaN.", UndefinedScoreWarning, stacklevel=3)
    return float("nan")
