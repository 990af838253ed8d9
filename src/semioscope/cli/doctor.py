"""``semioscope doctor``: what this machine can do, in one block to paste into a bug report."""

import os
import shutil
import tempfile
import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

WIDTH = 100
_GLUE = "\N{NO-BREAK SPACE}"


def command(
    folder: Annotated[
        Path,
        typer.Option(
            "--folder", help="Where cohorts and runs will be: checked for space and rights.", metavar="DIR"
        ),
    ] = Path(),
) -> None:
    """Print versions, codecs, engines, accelerator, disk and weights. Names no person, host or folder."""
    from semioscope.core.provenance import machine, package_versions

    lines: list[tuple[str, str]] = []
    versions = package_versions()
    lines.append(("semioscope", f"{versions.pop('semioscope')}, Python {versions.pop('python')}"))
    lines.append(("packages", ", ".join(f"{name}{_GLUE}{version}" for name, version in versions.items())))
    facts = machine()
    lines.append(("system", str(facts["system"])))
    lines.append(
        ("processor", f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB memory")
    )
    lines += _checked("codecs", _codecs)
    accelerator = _checked("accelerator", _accelerator)
    lines += _checked("engines", lambda: _engines([text for _, text in accelerator]))
    lines += accelerator
    lines.append(("disk", _disk(folder)))
    lines.append(("write rights", _rights(folder)))
    lines += _checked("weights", _weights)
    print(_block(lines))
    print("\nNext: semioscope demo DIR. With own videos: semioscope cohort new DIR.")


def _block(lines: list[tuple[str, str]]) -> str:
    """Return names and texts as two columns, wrapped, each name written once."""
    margin = max(len(name) for name, _ in lines) + 2
    shown: list[str] = []
    before = ""
    for name, text in lines:
        label = "" if name == before else name
        wrapped = textwrap.wrap(text, WIDTH - margin, break_long_words=False, break_on_hyphens=False)
        for part in wrapped or [""]:
            shown.append(f"{label:<{margin}}{part}".rstrip().replace(_GLUE, " "))
            label = ""
        before = name
    return "\n".join(shown)


def _checked(name: str, function: Any) -> list[tuple[str, str]]:
    try:
        return [(name, text) for text in function()]
    except Exception as err:  # the doctor must get to the end of its round
        said = " ".join(str(err).split()).replace(str(Path.home()), "~")
        return [(name, f"failed: {type(err).__name__}: {said}")]


def _codecs() -> list[str]:
    from semioscope.video import available_codecs

    return [", ".join(f"{name} {'yes' if there else 'NO'}" for name, there in available_codecs().items())]


def _engines(said: list[str]) -> list[str]:
    """Describe the engines, without the sentences that the block says elsewhere."""
    from semioscope.networks import describe_engines

    lines = list(describe_engines())
    for text in said:
        lines = [line.replace(f". {text}", "") for line in lines]
    return lines


def _accelerator() -> list[str]:
    from semioscope.networks import describe_accelerator

    return [describe_accelerator()]


def _disk(folder: Path) -> str:
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    free = shutil.disk_usage(there).free / 2**30
    hint = "" if free > 10 else "  (little: make room before a long extraction)"
    return f"{free:.0f} GiB free{hint}"


def _rights(folder: Path) -> str:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as err:
        return f"cannot write here: {err.strerror}. Check another place with --folder DIR."
    store = os.environ.get("SEMIOSCOPE_STORE")
    return "yes" + (", $SEMIOSCOPE_STORE is set" if store else "")


def _weights() -> list[str]:
    """Group the backbones by the state of their weights."""
    from semioscope.networks import list_weights

    names: dict[str, list[str]] = {}
    for item in list_weights():
        names.setdefault(item.state, []).append(item.name)
    return [f"{state}: {', '.join(group)}" for state, group in names.items()]
