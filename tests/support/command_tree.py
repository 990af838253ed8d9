"""Every command of the command line, as the parser sees it."""

from collections.abc import Iterator, Sequence
from typing import Any


def tree() -> Any:
    """Return the parser of ``semioscope``."""
    from typer.main import get_command

    from semioscope.cli.app import app

    return get_command(app)


def walk(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Go through all groups and commands; paths leave out ``semioscope``."""
    command = command or tree()
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, (*path, name))


PATHS = [path for path, _ in walk()]


def option_names() -> set[str]:
    """Return the long options of all commands together."""
    return {
        name
        for _, command in walk()
        for parameter in command.get_params(command.make_context("x", ["--help"], resilient_parsing=True))
        for name in parameter.opts
        if name.startswith("--")
    }


def parse(words: Sequence[str]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Parse the words behind ``semioscope`` as the real command does; an error of usage is raised.

    A command without any argument is only looked up, since text names commands.

    Returns:
        The command's path and the values of its parameters.
    """
    command, context, path, rest = tree(), None, (), list(words)
    while hasattr(command, "commands"):
        context = command.make_context(path[-1] if path else "semioscope", rest, parent=context)
        if context.params.get("version"):
            return path, context.params
        name, command, rest = command.resolve_command(context, rest)
        path = (*path, name)
        if not rest:
            return path, {}
    return path, command.make_context(path[-1], rest, parent=context).params
