"""What the depth crop keeps of the patient and removes of carers, and whether its check sees the bad crops.

Synthetic scenes at full size, seven placements of the camera in turn, carers and blankets; some more scenes are
made to fail (``FAILURES``). The truth is in the labels of the scenes; algorithm and check do not see it.
The thresholds of the check were chosen on the scenes of ``TUNING_SEEDS``; what is measured are those of
``MEASURING_SEEDS``, which were not looked at before. A first measurement on seed 4201 found 2 misses among 17 bad
crops and 6 false flags among 53 good ones; its scenes were then looked at, the check was changed (a patient whom
a carer holds; the threshold), and that seed became one to tune on. So one measurement was spent.

The body is the patient, and the blanket where it lies on the patient: a leg that kicks under a blanket is part of
a seizure. The flat blanket beside the patient is not. Figures for the uncovered patient alone stand beside it.

Run ``python benchmarks/crop_quality.py`` to measure, ``python benchmarks/crop_quality.py tune`` for the table from
which the thresholds were chosen.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from semioscope.preprocess import denoised, plan_depth_crop
from semioscope.preprocess.depth_quality import LEAST_KEPT_BODY, CropCheck, check_crop
from semioscope.scoring.intervals import exact_binomial
from semioscope.synthetic import FAILURES, PARTS, SceneFrame, make_depth_scene, scene_frames

TUNING_SEEDS = (9001, 9002, 9003, 9004, 9005, 9006, 4201)
MEASURING_SEEDS = (5301,)
NUM_SCENES = 60
NUM_FORCED = 2
"""Of each failure."""
PUBLISHED = 110 / 115
GOALS = {"misses": ("<=", 0.0), "false_flags_share": ("<", 0.10)}
CAUTION = (
    "The synthetic rooms were made while watching this algorithm, so a share near the published one confirms "
    "nothing."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One scene.

    Args:
        name: Seed, event, placement or failure.
        failure: Empty for an ordinary scene.
        kept_body: Share of the body's pixels that the crop keeps, covered parts included.
        kept_patient: The same of the uncovered patient; NaN if nothing of it is seen.
        carer_pixels: How many there are.
        carer_removed: How many of them the crop removes.
        plan_flagged: Whether the algorithm itself flags its plan, or remarks on it.
        check: What the check says.
    """

    name: str
    failure: str
    kept_body: float
    kept_patient: float
    carer_pixels: int
    carer_removed: int
    plan_flagged: bool
    check: CropCheck

    @property
    def bad(self) -> bool:
        """Whether the crop keeps less than it should of the body."""
        return not self.kept_body >= LEAST_KEPT_BODY


def judged(seed: int, *, num_scenes: int, num_forced: int) -> Iterator[Judged]:
    """Yield ordinary scenes of a seed, then ``num_forced`` of each failure."""
    failures = tuple(FAILURES) * num_forced
    for scene in scene_frames(seed, num_scenes=num_scenes + len(failures), failures=failures):
        yield judge(scene, name=f"{seed} {scene.event_id}")


def judge(scene: SceneFrame, *, name: str) -> Judged:
    """Return what the crop does to a scene, and what the check says about it."""
    plan = plan_depth_crop(denoised(scene.depth))
    outside = plan.outside(denoised(scene.depth))
    patient, carer = scene.labels == PARTS["patient"], scene.labels >= PARTS["carer"]
    body = patient | covered(scene)
    return Judged(
        name=f"{name} {scene.plan.failure or scene.plan.placement}",
        failure=scene.plan.failure or "",
        kept_body=_share(~outside, body),
        kept_patient=_share(~outside, patient),
        carer_pixels=int(carer.sum()),
        carer_removed=int((carer & outside).sum()),
        plan_flagged=plan.status == "flagged" or bool(plan.remark),
        check=check_crop(scene.depth, scene.infrared, plan),
    )


def covered(scene: SceneFrame) -> np.ndarray:
    """Return where the blanket lies on the patient: where it is nearer than in the room without people."""
    height, width = scene.labels.shape
    empty = make_depth_scene(scene.plan, np.array([0.0]), width=width, height=height)
    room = empty.room.depth * empty.projection.inverse_norm
    return (scene.labels == PARTS["blanket"]) & (scene.true_depth < room - 0.01)


def measure(*, quick: bool = False) -> dict[str, float]:
    """Judge the measuring scenes; print what is not a number, and return the figures."""
    num_scenes, num_forced = (14, 1) if quick else (NUM_SCENES, NUM_FORCED)
    found = [
        scene
        for seed in MEASURING_SEEDS
        for scene in judged(seed, num_scenes=num_scenes, num_forced=num_forced)
    ]
    ordinary = [scene for scene in found if not scene.failure]
    print(f"  {CAUTION}")
    for scene in found:
        if scene.bad and not scene.check.flagged:
            print(f"  missed: {scene.name}: keeps {scene.kept_body:.3f}, taken for {scene.check.score:.3f}")
        if not scene.bad and scene.check.flagged:
            print(f"  false flag: {scene.name}: keeps {scene.kept_body:.3f}; {' '.join(scene.check.reasons)}")
    carers = sum(scene.carer_pixels for scene in ordinary)
    figures = {
        **_with_interval("good_crops", [not scene.bad for scene in ordinary]),
        "good_crops_published": PUBLISHED,
        "good_crops_of_uncovered_patient": _mean([s.kept_patient >= LEAST_KEPT_BODY for s in ordinary]),
        "median_body_kept": float(np.median([scene.kept_body for scene in ordinary])),
        "carer_pixels_removed": sum(s.carer_removed for s in ordinary) / carers if carers else float("nan"),
        "scenes_with_carers": float(sum(scene.carer_pixels > 0 for scene in ordinary)),
        "scenes": float(len(found)),
        "bad_crops": float(sum(scene.bad for scene in found)),
    }
    return figures | judgement(found)


def judgement(found: list[Judged]) -> dict[str, float]:
    """Return misses among the bad crops and false flags among the good ones, ordinary and forced together."""
    bad, good = [s for s in found if s.bad], [s for s in found if not s.bad]
    patient_bad = [s for s in found if s.kept_patient < LEAST_KEPT_BODY]
    ordinary = [s for s in good if not s.failure]
    return {
        "misses": float(sum(not scene.check.flagged for scene in bad)),
        **_with_interval("misses_share", [not scene.check.flagged for scene in bad]),
        **_with_interval("false_flags_share", [scene.check.flagged for scene in good]),
        **_with_interval("false_flags_share_ordinary", [scene.check.flagged for scene in ordinary]),
        "misses_of_uncovered_patient": float(sum(not scene.check.flagged for scene in patient_bad)),
        "bad_crops_of_uncovered_patient": float(len(patient_bad)),
        "plan_flags_good_crops": _mean([scene.plan_flagged for scene in good]),
        "plan_misses": float(sum(not scene.plan_flagged for scene in bad)),
    }


def tune() -> None:
    """Print misses and false flags of the tuning scenes over thresholds."""
    found = [scene for seed in TUNING_SEEDS for scene in judged(seed, num_scenes=42, num_forced=3)]
    bad, good = [s for s in found if s.bad], [s for s in found if not s.bad]
    print(f"{len(found)} scenes, {len(bad)} bad crops; bed seen, estimate: misses, false flags (ordinary)")
    for seen in (0.0, 0.45, 0.5, 0.55, 0.6):
        for estimate in np.arange(0.945, 0.9801, 0.0025).tolist():

            def passes(scene: Judged, seen: float = seen, estimate: float = estimate) -> bool:
                return (
                    scene.check.score >= estimate
                    and scene.check.bed_seen >= seen
                    and not any(
                        ("missing" in reason and "more than half" in reason) or "Next to nothing" in reason
                        for reason in scene.check.reasons
                    )
                )

            missed = [scene for scene in bad if passes(scene)]
            false = [scene for scene in good if not passes(scene)]
            plain = [scene for scene in false if not scene.failure]
            of_plain = sum(not scene.failure for scene in good)
            print(
                f"{seen:.2f} {estimate:.4f}: {len(missed)} of {len(bad)}, {len(false)} of {len(good)} "
                f"({len(plain)} of {of_plain}) {[scene.name for scene in missed][:4]}"
            )


def _share(what: np.ndarray, of: np.ndarray) -> float:
    return float(what[of].mean()) if of.any() else float("nan")


def _mean(values: list[bool]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _with_interval(name: str, hits: list[bool]) -> dict[str, float]:
    """Return a share with its exact binomial interval of 95 %; NaN without trials."""
    if not hits:
        return {name: float("nan")}
    estimate = exact_binomial(sum(hits), len(hits))
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


if __name__ == "__main__":
    if sys.argv[1:] == ["tune"]:
        tune()
    else:
        print(json.dumps(measure(quick="--quick" in sys.argv), indent=1))
