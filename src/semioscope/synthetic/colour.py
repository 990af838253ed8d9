"""Colour by day: every object of a scene has a tint, which the light of the ceiling brings out and infrared does not.

Tints keep the brightness, so a picture in colour and one in grey differ in colour alone.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float32, UInt8

from semioscope.core.randomness import stream
from semioscope.synthetic.body import Capsules
from semioscope.synthetic.room import Box
from semioscope.synthetic.style import PatientStyle

_BRIGHTNESS = np.array([0.299, 0.587, 0.114])
_SKIN = (1.18, 0.95, 0.82)
_CLOTHES = ((0.75, 0.95, 1.5), (1.45, 0.85, 0.8), (0.85, 1.1, 0.85), (1.0, 1.0, 1.05), (1.1, 0.9, 1.25))
_WALLS = ((1.06, 1.0, 0.9), (0.95, 1.02, 0.98), (0.94, 1.0, 1.1), (1.0, 1.0, 1.0))
_FLOORS = ((1.2, 0.97, 0.75), (0.9, 1.0, 1.15), (1.0, 1.05, 0.9))


def tint_table(
    boxes: tuple[Box, ...], layers: Iterable[Capsules], style: PatientStyle, *, seed: int
) -> Float32[np.ndarray, "objects 3"]:
    """Return red, green and blue of each object against its grey, in the order of ``ViewFrame.objects``.

    What a capsule is made of is told by its albedo, which is drawn once per material of a patient.

    Args:
        boxes: The room, in the order of ``furnish``: walls, floor, then furniture.
        layers: Body, blanket and others.
        style: The patient.
        seed: Of the cohort.
    """
    rng = stream(seed, "synthetic-colours", patient=style.patient_id)

    def one_of(tints: tuple[tuple[float, float, float], ...]) -> tuple[float, float, float]:
        return tints[int(rng.integers(len(tints)))]

    walls, floor, clothes, blanket = (one_of(tints) for tints in (_WALLS, _FLOORS, _CLOTHES, _CLOTHES))
    sheet = (0.98, 1.0, 1.04)
    furniture = [one_of(_FLOORS + _CLOTHES) for _ in boxes]
    materials = {style.clothes: clothes, style.blanket: blanket, style.hair: (1.12, 0.97, 0.85)}
    tints = []
    for number, box in enumerate(boxes):
        if box.part in ("bed", "blanket"):
            tints.append(sheet if box.part == "bed" else blanket)
        else:
            tints.append({0: walls, 1: floor}.get(number, furniture[number]))
    tints.append(sheet)
    for layer in layers:
        uniform = one_of(_CLOTHES)
        for albedo in layer.albedo.tolist():
            if albedo in materials:
                tints.append(materials[albedo])
            else:
                tints.append(_SKIN if albedo in (style.skin, 0.7) else uniform)
    table = np.array(tints)
    even: Float32[np.ndarray, "objects 3"] = (table / (table @ _BRIGHTNESS)[:, None]).astype(np.float32)
    return even


def coloured(
    picture: UInt8[np.ndarray, "height width"],
    objects: UInt8[np.ndarray, "height width"],
    tints: Float32[np.ndarray, "objects 3"],
    *,
    lamp: float,
) -> UInt8[np.ndarray, "height width 3"]:
    """Return a picture in colour.

    Args:
        picture: Grey levels.
        objects: What each pixel shows.
        tints: Of the objects.
        lamp: Share of the light that shows colours, in [0, 1]; at 0 the picture stays grey.
    """
    if lamp <= 0:
        return np.repeat(picture[:, :, None], 3, axis=2)
    table = 1 + np.float32(lamp) * (tints - 1)
    shown = picture[:, :, None] * table[objects]
    whole: UInt8[np.ndarray, "height width 3"] = np.minimum(shown, 255).astype(np.uint8)
    return whole
