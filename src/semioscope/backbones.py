"""The public door to the backbones.

Examples:
    >>> from semioscope import backbones
    >>> sorted(backbones.BACKBONES)
    ['i3d', 'motion', 'r2plus1d_34_32', 'r2plus1d_34_8', 'resnet152', 'resnet34', 'wide_resnet50_2']
    >>> backbones.backbone_spec("r2plus1d_34_8").num_features
    512
"""

from semioscope.networks import BACKBONES, Backbone, BackboneSpec, WeightsSource, backbone_spec, load

__all__ = ["BACKBONES", "Backbone", "BackboneSpec", "WeightsSource", "backbone_spec", "load"]
