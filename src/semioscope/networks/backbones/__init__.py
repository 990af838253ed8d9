"""The catalogue of backbones: one dictionary, a file per family. Reading it loads no network library."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from semioscope.core.errors import ConfigError, unknown_name
from semioscope.networks.backbones import i3d, i3d_layouts, r2plus1d, resnet
from semioscope.networks.motion import SPEC as MOTION
from semioscope.networks.spec import BackboneSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["BACKBONES", "BackboneEntry", "Translate", "backbone_spec"]


@runtime_checkable
class Translate(Protocol):
    """Turns the named tensors of a published file into those of the network."""

    def __call__(
        self,
        state: "Mapping[str, torch.Tensor]",
        expected: Mapping[str, tuple[int, ...]],
        *,
        where: object,
    ) -> "dict[str, torch.Tensor]":
        """Return what ``expected`` names; a WeightsError names what is wrong with the file ``where``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneEntry:
    """A backbone of the catalogue.

    Args:
        spec: What it is.
        build: Makes the network without weights, in evaluation mode; None when there is no network. A 3d
            network maps (B, 3, T, H, W) to (B, num_features), or to (B, num_steps, num_features) where there are
            several steps; a 2d one maps (B, 3, H, W) to (B, num_features).
        translate: Reads the published forms of its weights; None where there is one, with the network's names.
    """

    spec: BackboneSpec
    build: "Callable[[], nn.Module] | None"
    translate: Translate | None = None


BACKBONES: dict[str, BackboneEntry] = {
    **{
        name: BackboneEntry(spec=spec, build=r2plus1d.build_r2plus1d) for name, spec in r2plus1d.SPECS.items()
    },
    **{
        name: BackboneEntry(spec=spec, build=partial(resnet.build_resnet, name))
        for name, spec in resnet.SPECS.items()
    },
    "i3d": BackboneEntry(spec=i3d.SPEC, build=i3d.build_i3d, translate=i3d_layouts.translate_i3d),
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
