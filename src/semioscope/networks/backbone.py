"""What every backbone is to the rest: pictures in, feature vectors out, in NumPy."""

import numpy as np
from jaxtyping import Float32, UInt8

from semioscope.networks.pictures import network_input
from semioscope.networks.runner import Runner
from semioscope.networks.spec import BackboneSpec


class Backbone:
    """A frozen network, or the weight-free ``motion``, that turns clips into features.

    Clips run in batches of one fixed size, padded with zeros where needed: what a clip gives does not depend
    on the clips beside it. May be called from several threads; Python goes on while the engine computes.

    Args:
        spec: What it is.
        weights_hash: Names the numbers of the network, for feature keys.
        runner: The network on its engine.
        batch_size: Clips (3d) or pictures (2d) at once; None takes the one of the spec.
        notes: Sentences about anything that differs from what was asked for.
    """

    def __init__(
        self,
        spec: BackboneSpec,
        *,
        weights_hash: str,
        runner: Runner,
        batch_size: int | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.spec = spec
        self.weights_hash = weights_hash
        self._runner = runner
        self.batch_size = batch_size or (
            spec.accelerator_batch_size if runner.on_accelerator else spec.batch_size
        )
        self.notes = (*notes, *runner.notes)

    def __repr__(self) -> str:
        how = f"{self.engine} {self.precision} on {self.device}"
        return f"Backbone({self.spec.name}, {how}, weights {self.weights_hash})"

    @property
    def engine(self) -> str:
        """What computes: a key of ``ENGINES``, or ``numpy`` for ``motion``."""
        return self._runner.engine

    @property
    def precision(self) -> str:
        """What it computes in; where it differs from what was asked for, ``notes`` says why."""
        return self._runner.precision

    @property
    def device(self) -> str:
        """Where it computes: ``cpu`` or ``cuda``."""
        return self._runner.device

    @property
    def min_frames(self) -> int:
        """Fewest frames of a clip."""
        return self.spec.min_frames

    def num_steps(self, num_frames: int) -> int:
        """Return how many feature vectors a clip of so many frames gives.

        Raises:
            ValueError: If the clip is too short.
        """
        return self.spec.num_steps(num_frames)

    def preprocess(
        self, frames: UInt8[np.ndarray, "num_frames side side 3"]
    ) -> Float32[np.ndarray, "3 num_frames size size"]:
        """Return square RGB pictures as the network wants them: resized where needed, normalised.

        Args:
            frames: Already cropped and padded to squares; best already of ``spec.input_size``.

        Raises:
            ValueError: If they are too few or not square.
        """
        return network_input(frames, self.spec)

    def __call__(
        self, clips: Float32[np.ndarray, "num_clips 3 num_frames height width"]
    ) -> Float32[np.ndarray, "num_clips num_steps num_features"]:
        """Return the features of clips.

        Args:
            clips: Preprocessed, all of one length.

        Raises:
            ValueError: If the clips are too short.
        """
        num_clips, _, num_frames = clips.shape[:3]
        num_steps = self.num_steps(num_frames)
        if self.spec.kind == "2d":
            pictures = np.moveaxis(clips, 2, 1).reshape(num_clips * num_frames, 3, *clips.shape[3:])
            features = self._run_in_batches(pictures, 1)
        else:
            features = self._run_in_batches(clips, num_steps)
        return features.reshape(num_clips, num_steps, self.spec.num_features)

    def _run_in_batches(self, inputs: np.ndarray, num_steps: int) -> np.ndarray:
        features = np.empty((len(inputs), num_steps, self.spec.num_features), dtype=np.float32)
        for start in range(0, len(inputs), self.batch_size):
            batch = inputs[start : start + self.batch_size]
            missing = self.batch_size - len(batch)
            if missing:
                batch = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), dtype=np.float32)])
            found = self._runner.run(batch).reshape(-1, num_steps, self.spec.num_features)
            features[start : start + self.batch_size] = found[: self.batch_size - missing]
        return features
