"""Features of pictures that are one value everywhere: what stands for a masked frame, and for none.

References:
    Hou et al. (2022), section 4: tensors of -1 and 0. Methods, section 4: filled after normalisation, so they are
    features of the frozen network too.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from semioscope.core.files import digest
from semioscope.core.formats import SCHEMA_VERSION
from semioscope.features.key import BackboneChoice, load_backbone
from semioscope.features.store import Block, FeatureStore
from semioscope.networks import Backbone

CONSTANTS = {"mask": -1.0, "pad": 0.0}
"""What the pictures are filled with, after normalisation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantKey:
    """What the features of pictures that are one value everywhere depend on.

    Args:
        network: The loaded network.
    """

    network: Backbone

    @property
    def content(self) -> dict[str, Any]:
        """The key as plain data; written to ``key.json``."""
        return {
            "schema_version": SCHEMA_VERSION,
            "pictures": "constant after normalisation",
            "values": list(CONSTANTS.values()),
            "backbone": self.network.spec.name,
            "input_size": self.network.spec.input_size,
            "weights_hash": self.network.weights_hash,
            "precision": self.network.precision,
        }

    @property
    def digest(self) -> str:
        """The name of the key's folder in a store."""
        return digest(self.content)


def constant_features(
    backbone: BackboneChoice, store: FeatureStore, *, fps: float = 25.0
) -> Float32[np.ndarray, "2 num_features"]:
    """Return the features of MASK and PAD, from the store or computed and kept there.

    Args:
        backbone: The network.
        store: Where features are kept.
        fps: As in ``load_backbone``.

    Raises:
        WeightsError: If its weights are absent.
        StoreError: If the store cannot be written.
    """
    network = load_backbone(backbone, fps=fps)
    key = ConstantKey(network=network)
    known = store.read_block(key.digest, 0)
    if known is None:
        size = network.spec.input_size
        pictures = np.stack([np.full((3, 1, size, size), value, np.float32) for value in CONSTANTS.values()])
        zeros = np.zeros(len(CONSTANTS), np.int32)
        known = Block(
            clip_index=np.arange(len(CONSTANTS), dtype=np.int64),
            features=network(pictures),
            num_missing_frames=zeros,
            num_held_frames=zeros,
            num_damaged_frames=zeros,
            engines=(network.engine,),
        )
        store.register(key)
        store.write_block(key.digest, 0, known)
    return known.features[:, 0]
