"""The catalogue of backbones: one dictionary, a file per family. Reading it loads no network library."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from semioscope.core.errors import ConfigError, unknown_name
from semioscope.networks.backbones import r2plus1d, resnet
from semioscope.networks.motion import SPEC as MOTION
from semioscope.networks.spec import BackboneSpec

if TYPE_CHECKING:
    from torch import nn

__all__ = ["BACKBONES", "BackboneEntry", "backbone_spec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneEntry:
    """A backbone of the catalogue.

    Args:
        spec: What it is.
        build: Makes the network without weights, in evaluation mode; None when there is no network. A 3d
            network maps (B, 3, T, H, W) to (B, num_features), a 2d one (B, 3, H, W) to (B, num_features).
    """

    spec: BackboneSpec
    build: "Callable[[], nn.Module] | None"


BACKBONES: dict[str, BackboneEntry] = {
    **{
        name: BackboneEntry(spec=spec, build=r2plus1d.build_r2plus1d) for name, spec in r2plus1d.SPECS.items()
    },
    **{
        name: BackboneEntry(spec=spec, build=partial(resnet.build_resnet, name))
        for name, spec in resnet.SPECS.items()
    },
    "motion": BackboneEntry(spec=MOTION, build=None),
}


def backbone_spec(name: str) -> BackboneSpec:
    """Return what a backbone is, without loading it.

    Raises:
        ConfigError: If there is no backbone of that name.
    """
    if name not in BACKBONES:
        raise ConfigError(unknown_name("backbone", name, BACKBONES))
    return BACKBONES[name].spec
