"""Laws over every engine and precision; OpenVINO against eager PyTorch; and that nothing is reported to anyone."""

import os
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from semioscope.core.errors import ConfigError
from semioscope.networks import (
    BACKBONES,
    ENGINES,
    PRECISIONS,
    backbone_spec,
    choose_engine,
    import_openvino,
    load,
)
from semioscope.networks.backbones.r2plus1d_network import R2Plus1D
from semioscope.networks.engines import make_runner
from semioscope.networks.openvino_engine import MOST_SHAPES, OpenVinoRunner
from semioscope.networks.random_weights import fill_random
from semioscope.networks.runner import Runner, supported_precision
from semioscope.networks.torch_engine import fold_batch_norm

TOLERANCE = {"f32": 1e-5, "bf16": 0.03}
LEAST_COSINE = {"i3d": 0.9998}
"""Of bf16, where it is not 0.9999: without shortcuts, random weights magnify the rounding from layer to layer."""


def tiny() -> torch.nn.Module:
    module = R2Plus1D(num_blocks=(1, 1, 1, 1), widths=(8, 12, 16, 24), stem_planes=6)
    fill_random(module, backbone_spec("r2plus1d_34_8"), seed=0)
    return module.eval().requires_grad_(False)


def relative_error(found: np.ndarray, reference: np.ndarray) -> float:
    return float(np.linalg.norm(found - reference) / np.linalg.norm(reference))


@cache
def ready(engine: str, precision: str) -> Runner:
    return make_runner(tiny(), engine=engine, precision=precision, num_threads=1)


@pytest.fixture(params=[(e, p) for e in sorted(ENGINES) for p in PRECISIONS], ids="-".join)
def runner(request) -> Runner:
    return ready(*request.param)


@pytest.fixture(params=sorted(ENGINES))
def exact_runner(request) -> Runner:
    return ready(request.param, "f32")


def batch_of(num_clips: int, num_frames: int = 8) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((num_clips, 3, num_frames, 32, 32), dtype=np.float32)


def large_batch() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((1, 3, 9, 256, 256), dtype=np.float32)


def test_every_engine_agrees_with_the_plain_network(runner) -> None:
    batch = batch_of(2)
    with torch.no_grad():
        reference = tiny()(torch.from_numpy(batch)).numpy()
    found = runner.run(batch)
    assert found.dtype == np.float32
    assert found.shape == reference.shape
    assert relative_error(found, reference) < TOLERANCE[runner.precision]


def test_other_lengths_and_sizes_are_right_too(exact_runner) -> None:
    batch = large_batch()
    with torch.no_grad():
        reference = tiny()(torch.from_numpy(batch)).numpy()
    assert relative_error(exact_runner.run(batch), reference) < TOLERANCE["f32"]


def test_the_same_bits_twice_and_from_threads(runner) -> None:
    batch = batch_of(2)
    first = runner.run(batch)
    np.testing.assert_array_equal(runner.run(batch), first)
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(runner.run(batch))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in found:
        np.testing.assert_array_equal(other, first)


def test_openvino_keeps_few_shapes_and_is_right_after_it_forgot_one() -> None:
    pool = torch.nn.Sequential(torch.nn.AdaptiveAvgPool3d(1), torch.nn.Flatten()).eval()
    runner = make_runner(pool, engine="openvino", num_threads=1)
    assert isinstance(runner, OpenVinoRunner)
    for num_frames in (8, 9, 10, 8, 11, 12, 8, 9):
        batch = batch_of(1, num_frames)
        np.testing.assert_allclose(runner.run(batch), batch.mean(axis=(2, 3, 4)), atol=1e-6)
        assert len(runner._requests) <= MOST_SHAPES
    assert [shape[2] for shape in runner._requests] == [11, 12, 8, 9]  # the one that was used last is last


def test_results_are_copies(runner) -> None:
    first = runner.run(batch_of(2))
    kept = first.copy()
    runner.run(-batch_of(2))
    np.testing.assert_array_equal(first, kept)


def test_python_goes_on_while_the_engine_computes(exact_runner) -> None:
    batch = large_batch()
    exact_runner.run(batch)
    ready, stop, counts = threading.Event(), threading.Event(), [0]

    def count() -> None:
        ready.set()
        while not stop.is_set():
            counts[0] += 1

    thread = threading.Thread(target=count)
    thread.start()
    ready.wait()
    before = counts[0]
    exact_runner.run(batch)
    during = counts[0] - before
    stop.set()
    thread.join()
    assert during > 1000  # a held interpreter lock would leave it at a few turns


def test_it_says_what_it_computes_in(runner) -> None:
    assert runner.engine in ENGINES
    assert runner.precision in PRECISIONS
    assert runner.device in ("cpu", "cuda")
    assert runner.on_accelerator is (runner.device == "cuda")


def test_a_processor_without_bf16_is_said() -> None:
    assert supported_precision("f32", False) == ("f32", ())
    assert supported_precision("bf16", True) == ("bf16", ())
    precision, notes = supported_precision("bf16", False)
    assert precision == "f32"
    assert "this CPU has no bf16 arithmetic: f32 is used" in notes[0]


def test_the_fallback_reaches_the_backbone(monkeypatch) -> None:
    monkeypatch.setattr("semioscope.networks.torch_engine.torch_cpu_has_bf16", lambda: False)
    backbone = load("resnet34", weights="random", engine="torch", precision="bf16")
    if backbone.device == "cuda":
        pytest.skip("the card has bf16")
    assert backbone.precision == "f32"
    assert any("no bf16" in note for note in backbone.notes)


def test_threads_of_torch_are_put_back() -> None:
    before = torch.get_num_threads()
    make_runner(tiny(), engine="torch", num_threads=2).run(batch_of(1))
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("name", ["tiny", "resnet34", pytest.param("resnet152", marks=pytest.mark.slow)])
def test_folding_keeps_the_numbers_and_leaves_no_batch_norm(name) -> None:
    if name == "tiny":
        module, x = tiny(), torch.from_numpy(batch_of(2))
    else:
        build = BACKBONES[name].build
        assert build is not None
        with torch.device("meta"):
            module = build()
        module = module.to_empty(device="cpu")
        fill_random(module, backbone_spec(name), seed=0)
        x = torch.from_numpy(batch_of(1)[:, :, 0])
    folded = fold_batch_norm(module)
    assert not any("BatchNorm" in type(layer).__name__ for layer in folded.modules())
    assert any("BatchNorm" in type(layer).__name__ for layer in module.modules())
    with torch.no_grad():
        torch.testing.assert_close(folded(x), module(x), rtol=1e-3, atol=1e-4)


def test_unknown_engines_are_named() -> None:
    with pytest.raises(ConfigError, match=r"Unknown engine 'torhc'\. Did you mean torch"):
        choose_engine("torhc")


def test_a_missing_openvino_is_said(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ConfigError, match=r"needs the package openvino.*pip install openvino.*engine torch"):
        import_openvino()


REPORTER = """
import os, pathlib
def report(*args, **kwargs):
    (pathlib.Path(os.environ["HOME"]) / "client-id").write_text("reported")
class Telemetry:
    __init__ = start_session = end_session = send_event = send_error = send_stack_trace = force_shutdown = report
"""
CONVERT = """
import torch
from semioscope.networks.engines import make_runner
module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()).eval()
make_runner(module, engine="openvino").run(torch.zeros(1, 3, 8, 8).numpy())
"""
PLAIN = """
import openvino, torch
module = torch.nn.Conv2d(3, 4, 3).eval()
openvino.convert_model(torch.export.export(module, (torch.zeros(1, 3, 8, 8),)))
"""


def files_written_at_home(tmp_path: Path, code: str) -> list[str]:
    """Run code where a reporting package is installed; return what appears in the home folder."""
    package = tmp_path / "site" / "openvino_telemetry"
    (package / "backend").mkdir(parents=True)
    (package / "__init__.py").write_text(REPORTER)
    (package / "backend" / "__init__.py").write_text("")
    (package / "backend" / "backend_ga4.py").write_text("")
    home = tmp_path / "home"
    home.mkdir()
    environment = os.environ | {
        "HOME": str(home),
        "PYTHONPATH": str(package.parent),
        "USERPROFILE": str(home),
    }
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    return sorted(str(path.relative_to(home)) for path in home.rglob("*"))


def test_nothing_is_reported_and_no_client_file_appears(tmp_path) -> None:
    assert files_written_at_home(tmp_path, CONVERT) == []


@pytest.mark.slow
def test_nothing_is_reported_when_openvino_was_imported_before(tmp_path) -> None:
    clean = 'import pathlib, openvino\n(pathlib.Path.home() / "client-id").unlink(missing_ok=True)\n'
    assert files_written_at_home(tmp_path, clean + CONVERT) == []


@pytest.mark.slow
def test_the_reporting_package_of_these_tests_would_be_noticed(tmp_path) -> None:
    assert files_written_at_home(tmp_path, PLAIN) == ["client-id"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["r2plus1d_34_8", "r2plus1d_34_32", "i3d", "resnet34", "wide_resnet50_2", "resnet152"]
)
def test_openvino_equals_eager_torch_at_full_size(name) -> None:
    eager = load(name, weights="random", engine="torch")
    spec = eager.spec
    shape = (spec.frames_per_clip, spec.input_size, spec.input_size, 3)
    clip = eager.preprocess(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))[None]
    reference = eager(clip)
    assert relative_error(load(name, weights="random", engine="openvino")(clip), reference) < 1e-5
    for engine in ENGINES:
        half = load(name, weights="random", engine=engine, precision="bf16")
        found = half(clip)
        cosine = float((found * reference).sum() / np.linalg.norm(found) / np.linalg.norm(reference))
        assert cosine >= LEAST_COSINE.get(name, 0.9999)


def test_resnet34_in_openvino_equals_eager_torch() -> None:
    clips = np.random.default_rng(0).standard_normal((3, 3, 1, 48, 48), dtype=np.float32)
    eager = load("resnet34", weights="random", engine="torch")(clips)
    fast = load("resnet34", weights="random", engine="openvino", num_threads=1)
    assert relative_error(fast(clips), eager) < 1e-5
    alone = np.concatenate([fast(clip[None]) for clip in clips])
    np.testing.assert_allclose(fast(clips), alone, rtol=1e-5, atol=1e-5)
