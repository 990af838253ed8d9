"""``semioscope doctor``: what this machine can do, in one block to paste into a bug report."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer


def command(
    folder: Annotated[
        Path, typer.Option("--folder", help="Where cohorts and runs will be: checked for space and rights.")
    ] = Path(),
) -> None:
    """Print versions, codecs, engines, accelerator, disk and weights. Names no person, host or folder."""
    from semioscope.core.provenance import machine, package_versions

    lines: list[tuple[str, str]] = []
    versions = package_versions()
    lines.append(("semioscope", f"{versions.pop('semioscope')}, Python {versions.pop('python')}"))
    lines.append(("packages", ", ".join(f"{name} {version}" for name, version in versions.items())))
    facts = machine()
    lines.append(("system", str(facts["system"])))
    lines.append(("processor", f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB memory"))
    lines += _checked("codecs", _codecs)
    lines += _checked("engines", _engines)
    lines += _checked("accelerator", _accelerator)
    lines.append(("disk", _disk(folder)))
    lines.append(("write rights", _rights(folder)))
    lines += _checked("weights", _weights)
    width = max(len(name) for name, _ in lines)
    before = ""
    for name, text in lines:
        print(f"{name if name != before else '':<{width}}  {text}")
        before = name
    print("\nNext: semioscope demo DIR, or semioscope cohort new DIR for own videos.")


def _checked(name: str, function: Any) -> list[tuple[str, str]]:
    try:
        return [(name, text) for text in function()]
    except Exception as err:  # the doctor must get to the end of its round
        return [(name, f"failed: {type(err).__name__}: {err}")]


def _codecs() -> list[str]:
    from semioscope.video import available_codecs

    return [", ".join(f"{name} {'yes' if there else 'NO'}" for name, there in available_codecs().items())]


def _engines() -> list[str]:
    from semioscope.networks import describe_engines

    return list(describe_engines())


def _accelerator() -> list[str]:
    from semioscope.networks import describe_accelerator

    return [describe_accelerator()]


def _disk(folder: Path) -> str:
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    free = shutil.disk_usage(there).free / 2**30
    hint = "" if free > 10 else "  (features of an hour of video need about 0.1 GiB; more space is advised)"
    return f"{free:.0f} GiB free{hint}"


def _rights(folder: Path) -> str:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as err:
        return f"cannot write here: {err.strerror}. Use --folder to check another place."
    store = os.environ.get("SEMIOSCOPE_STORE")
    return "yes" + (", $SEMIOSCOPE_STORE is set" if store else "")


def _weights() -> list[str]:
    from semioscope.networks import list_weights

    return [f"{item.name}: {item.state}" for item in list_weights()]
