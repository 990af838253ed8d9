"""``semioscope bench``: measures the ratios that the documentation states, on this machine, in one run."""

import importlib
import operator
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

BENCHMARKS: dict[str, str] = {
    "engines": "OpenVINO against eager PyTorch, f32 and bf16",
    "segment_sampling": "segment sampling and batch assembly against one draw and slice per item",
    "extraction": "extraction against network time plus decode and resize time",
    "i3d": "I3D on one 60-frame clip: OpenVINO against a usual PyTorch port, f32 and bf16",
    "grid": "the grid of Figure 2 at the size of the public set, memory of it and of a whole study, and an epoch",
    "depth_crop": "noise removal and depth crop of a 512x424 stream against real time, beside its decoding",
    "slices": "trainings at the size of Karácsony 2022: seconds per epoch, hours of five folds and of a search",
    "crop_quality": "what the depth crop keeps of synthetic patients, and which of the bad crops its check sees",
    "pretraining": "pre-training at the size of Hou 2022: cached features, bf16, memory, two processes",
    "predict_length": "predict on a 60-minute video against a 2-minute video",
}
_SIGNS = {">=": operator.ge, "<=": operator.le, "<": operator.lt}


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(help=f"Which [default: all]: {', '.join(BENCHMARKS)}.", metavar="NAME"),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few repetitions, for a first impression.")] = False,
    out: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures as JSON.", metavar="FILE")
    ] = None,
) -> None:
    """Measure ratios as medians of interleaved runs. Let the machine be quiet meanwhile."""
    from semioscope.core.errors import ConfigError, unknown_name
    from semioscope.core.files import write_json
    from semioscope.core.provenance import provenance

    chosen = names or list(BENCHMARKS)
    for name in chosen:
        if name not in BENCHMARKS:
            raise ConfigError(unknown_name("benchmark", name, BENCHMARKS))
    facts = provenance()
    machine: Any = facts["machine"]
    print(f"{machine['processor']}, {machine['cores']} cores; medians of interleaved runs")
    results: dict[str, dict[str, float]] = {}
    for name in chosen:
        module = _benchmark(name)
        print(f"\n{name}: {BENCHMARKS[name]}")
        results[name] = module.measure(quick=quick)
        for key, value in results[name].items():
            print(_line(key, value, module.GOALS.get(key)))
    if out is not None:
        write_json(out, {"provenance": facts, "quick": quick, "results": results})
        print(f"\nWritten to {out}.")
        print("Next: compare with docs/benchmarks.md.")
    else:
        print("\nNext: the same command with --json FILE keeps the figures.")


def _benchmark(name: str) -> Any:
    from semioscope.core.errors import ConfigError

    folder = Path(__file__).parents[3] / "benchmarks"
    if not (folder / f"{name}.py").exists():
        msg = "The benchmarks are part of the source tree. Clone the repository, make install, and run it there."
        raise ConfigError(msg)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return importlib.import_module(name)


def _line(key: str, value: float, goal: tuple[str, float] | None) -> str:
    shown = f"{value:.3g}"
    if goal is None or value != value:
        verdict = "" if value == value else "  not measured on this machine"
    else:
        sign, bound = goal
        reached = _SIGNS[sign](value, bound)
        verdict = f"  goal {sign} {bound:g}: {'reached' if reached else 'NOT reached'}"
    return f"  {key:<36} {shown:>10}{verdict}"
