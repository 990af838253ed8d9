"""The door to the backbones: ``load``."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from semioscope.core.errors import ConfigError
from semioscope.core.progress import Progress
from semioscope.networks.backbone import Backbone
from semioscope.networks.backbones import BACKBONES, BackboneEntry, backbone_spec
from semioscope.networks.engines import check_choices, make_runner
from semioscope.networks.motion import CLIP_SECONDS, MIN_FRAMES, VERSION, grey, motion_features


def load(
    name: str,
    *,
    weights: str | Path = "pretrained",
    engine: str = "auto",
    precision: str = "f32",
    seed: int = 0,
    num_threads: int | None = None,
    batch_size: int | None = None,
    fps: float | None = None,
    progress: Progress | None = None,
) -> Backbone:
    """Return a backbone that is ready to run.

    Args:
        name: A key of ``BACKBONES``.
        weights: ``pretrained`` (fetched on first use), ``random`` (seeded; for tests, never for results), or
            the path of a file of weights (``.pth``, ``.pt``, ``.safetensors``, Keras ``.h5``, or TensorFlow
            ``.index`` beside its ``.data``).
        engine: ``auto`` (torch on a usable graphics card, else openvino) or a key of ``ENGINES``.
        precision: ``f32`` or ``bf16``. Without bf16 arithmetic f32 is used, and ``notes`` says so.
        seed: Of random weights.
        num_threads: Of the CPU; None leaves it to the engine.
        batch_size: Clips or pictures at once; None takes what suits the device.
        fps: Frames per second of the clips, above 0. Only ``motion`` needs it: its frequencies are in hertz
            and its clip is 2 s long. Default 15.
        progress: Where a download reports to.

    Raises:
        ConfigError: If a name or a number is not valid.
        WeightsError: If weights are absent, damaged or of another network.
        StoreError: If the weights folder cannot be written.

    Examples:
        >>> import numpy as np
        >>> backbone = load("motion", fps=15)
        >>> clip = backbone.preprocess(np.zeros((30, 64, 64, 3), dtype=np.uint8))
        >>> backbone(clip[None]).shape == (1, 1, backbone.spec.num_features)
        True
    """
    backbone_spec(name)
    entry = BACKBONES[name]
    check_choices(engine=engine, precision=precision, num_threads=num_threads)
    if batch_size is not None and batch_size < 1:
        msg = f"batch_size must be 1 or more, got {batch_size}. Leave it out to take what suits the device."
        raise ConfigError(msg)
    if entry.build is None:
        return _load_motion(entry, fps=15.0 if fps is None else fps, engine=engine, precision=precision)
    return _load_network(
        entry,
        weights=weights,
        engine=engine,
        precision=precision,
        seed=seed,
        num_threads=num_threads,
        batch_size=batch_size,
        progress=progress,
    )


def _load_network(
    entry: BackboneEntry,
    *,
    weights: str | Path,
    engine: str,
    precision: str,
    seed: int,
    num_threads: int | None,
    batch_size: int | None,
    progress: Progress | None,
) -> Backbone:
    import torch

    from semioscope.networks.checkpoints import expected_shapes, is_checkpoint, read_state, tensors_digest
    from semioscope.networks.random_weights import fill_random
    from semioscope.networks.weights import load_weights

    spec, build = entry.spec, entry.build
    assert build is not None
    notes: tuple[str, ...] = ()
    state = None
    if weights == "pretrained":  # before the network is made: what is missing is said at once
        state, weights_hash = load_weights(spec.name, progress=progress)
    with torch.device("meta"):
        module = build()
    if weights == "random":
        module = module.to_empty(device="cpu")
        weights_hash = fill_random(module, spec, seed=seed)
        notes = (f"{spec.name} has random weights (seed {seed}): its features mean nothing.",)
    elif state is None:
        path = Path(weights).expanduser()
        if not is_checkpoint(path):
            msg = (
                f"weights must be 'pretrained', 'random' or a file that exists, got {str(weights)!r}. Check "
                "the path."
            )
            raise ConfigError(msg)
        state = read_state(path, expected_shapes(module), network=spec.name, translate=entry.translate)
        weights_hash = tensors_digest(state)
    if state is not None:
        counters = {
            key: torch.zeros((), dtype=torch.int64)
            for key in module.state_dict()
            if key.endswith("num_batches_tracked")
        }
        module.load_state_dict(state | counters, strict=True, assign=True)
    module = module.eval().requires_grad_(False)
    runner = make_runner(module, engine=engine, precision=precision, num_threads=num_threads)
    return Backbone(spec, weights_hash=weights_hash, runner=runner, batch_size=batch_size, notes=notes)


class MotionRunner:
    """Runs the weight-free backbone in NumPy.

    Args:
        fps: Frames per second of the clips.
        notes: Sentences about choices that do not apply to it.
    """

    engine = "numpy"
    precision = "f32"
    device = "cpu"
    on_accelerator = False

    def __init__(self, *, fps: float, notes: tuple[str, ...] = ()) -> None:
        self.notes = notes
        self._fps = fps

    def run(
        self, batch: Float32[np.ndarray, "batch channels *rest"]
    ) -> Float32[np.ndarray, "batch *steps num_features"]:
        """Compute the clips one by one."""
        return np.stack([motion_features(grey(clip), fps=self._fps) for clip in batch])


def _load_motion(entry: BackboneEntry, *, fps: float, engine: str, precision: str) -> Backbone:
    if not (np.isfinite(fps) and fps > 0):
        msg = f"fps must be above 0 frames per second, got {fps}."
        raise ConfigError(msg)
    notes: list[str] = []
    if engine != "auto" or precision != "f32":
        notes.append("motion always runs in NumPy in f32; engine and precision do not apply to it.")
    frames = max(MIN_FRAMES, round(CLIP_SECONDS * fps))
    spec = replace(
        entry.spec,
        frames_per_clip=frames,
        preprocessing=(
            f"2 s of RGB pictures ({frames} at {fps:g} per second), square, 64 x 64, values to [0, 1]"
        ),
    )
    runner = MotionRunner(fps=fps, notes=tuple(notes))
    return Backbone(spec, weights_hash=f"motion-{VERSION}-{fps:g}fps", runner=runner)
