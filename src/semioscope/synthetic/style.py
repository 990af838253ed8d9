"""How one patient differs from the next: body, bed, room, cameras, light, habits of movement.

The style is drawn once per patient and shared by all of this patient's seizures. That is on purpose: a split
that puts one patient on both sides can recognise the person instead of the seizure, and scores too well.
"""

from dataclasses import dataclass

import numpy as np

from semioscope.core.randomness import stream
from semioscope.synthetic.geometry import Camera

FOCAL_KINDS = ("automatisms", "version", "hyperkinetic", "still")


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientStyle:
    """What is the same in all recordings of one synthetic patient. Lengths in metres, angles in degrees.

    Args:
        patient_id: Whose style.
        height_scale: Factor on every bone.
        girth: Factor on every radius.
        amplitude: Factor on every movement.
        handed: -1 for the right, 1 for the left hand that moves in automatisms.
        focal_kind: The kind of focal seizure that this patient has most often.
        tonic_flexed: 1 for arms bent before the chest in the tonic phase, 0 for arms stretched.
        backrest_degrees: How far the head of the bed is raised.
        bed_x: Place of the bed across the room.
        bed_yaw_degrees: Turn of the bed.
        blanket_reach: How far the blanket covers: 0 = feet only, 1 = to the chest.
        skin: Albedo in the near infrared; so are the next ones.
        hair: Of the hair.
        clothes: Of the pyjamas.
        blanket: Of the blanket.
        sheet: Of the sheet.
        wall: Of the walls.
        floor: Of the floor.
        brightness: Exposure of the recorder.
        vignette: Loss of light in the corners, in [0, 1].
        noise: Standard deviation of the sensor's noise in grey levels.
        side: Side of the room on which the large camera hangs, -1 or 1.
        large: The wide camera.
        small: The close camera.
    """

    patient_id: str
    height_scale: float
    girth: float
    amplitude: float
    handed: int
    focal_kind: str
    tonic_flexed: float
    backrest_degrees: float
    bed_x: float
    bed_yaw_degrees: float
    blanket_reach: float
    skin: float
    hair: float
    clothes: float
    blanket: float
    sheet: float
    wall: float
    floor: float
    brightness: float
    vignette: float
    noise: float
    side: int
    large: Camera
    small: Camera


def draw_style(patient_id: str, *, seed: int) -> PatientStyle:
    """Return the style of a patient; a function of the seed and the id alone."""
    rng = stream(seed, "synthetic-style", patient=patient_id)

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    side = int(rng.choice([-1, 1]))
    bed_x = between(-0.3, 0.3)
    shift = -1.0 if side < 0 else 0.3  # from this side the head lies to the left, towards the inset
    large = Camera(
        position=(side * between(1.7, 2.05), between(-1.6, -0.9), between(2.05, 2.4)),
        # looks past the bed, so that the patient is seen below and beside the inset
        target=(
            bed_x + between(-0.1, 0.1) + shift * 0.3,
            between(1.0, 1.2) - shift * 0.25,
            between(0.95, 1.1),
        ),
        field_degrees=between(38, 45),
    )
    small = Camera(
        position=(-side * between(0.6, 1.5), between(-0.9, -0.3), between(2.0, 2.4)),
        target=(bed_x + between(-0.08, 0.08), between(1.1, 1.25), between(0.68, 0.78)),
        field_degrees=between(27, 33),
    )
    return PatientStyle(
        patient_id=patient_id,
        height_scale=between(0.9, 1.08),
        girth=between(0.9, 1.25),
        amplitude=between(0.75, 1.25),
        handed=int(rng.choice([-1, 1])),
        focal_kind=str(rng.choice(FOCAL_KINDS)),
        tonic_flexed=between(0, 1),
        backrest_degrees=between(8, 34),
        bed_x=bed_x,
        bed_yaw_degrees=between(-9, 9),
        blanket_reach=between(0.1, 0.9),
        skin=between(0.6, 0.8),
        hair=float(rng.choice([0.1, 0.22, 0.5])),
        clothes=between(0.2, 0.62),
        blanket=between(0.15, 0.55),
        sheet=between(0.5, 0.75),
        wall=between(0.4, 0.65),
        floor=between(0.2, 0.45),
        brightness=between(0.8, 1.25),
        vignette=between(0.25, 0.6),
        noise=float(np.exp(rng.uniform(np.log(1.5), np.log(4.0)))),
        side=side,
        large=large,
        small=small,
    )
