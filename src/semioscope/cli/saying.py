"""How commands speak: sentences that fit the terminal, and the next sensible command at the end."""

import contextlib
import contextvars
import shutil
import sys
import textwrap
from collections.abc import Iterator

_inside = contextvars.ContextVar("inside", default=False)


def say(text: str, *, is_error: bool = False) -> None:
    """Print sentences, errors to standard error; on a terminal, wrap them between words."""
    target = sys.stderr if is_error else sys.stdout
    if target.isatty():
        text = wrapped(text, shutil.get_terminal_size().columns)
    print(text, file=target)


def wrapped(text: str, width: int) -> str:
    r"""Return a text whose lines are broken between words; what follows a break is indented by two.

    Examples:
        >>> wrapped("one two three\nfour", 9)
        'one two\n  three\nfour'
    """
    return "\n".join(
        "\n".join(
            textwrap.wrap(line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        )
        for line in text.splitlines()
    )


def say_next(text: str) -> None:
    """Print the next sensible command, unbroken for copying; silent inside :func:`as_a_step`."""
    if not _inside.get():
        print(f"Next: {text}")


def say_nothing_done() -> None:
    """Print how a dry run ends."""
    print("Nothing was computed (--dry-run). Next: the same command without --dry-run.")


@contextlib.contextmanager
def as_a_step() -> Iterator[None]:
    """Run commands as steps of another one, which says itself what comes next."""
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)
