"""The weight-free backbone ``motion``: what moved, where, how fast and how rhythmically.

It needs no download and no network library, sees 2 s at once, and gives the yardsticks that a deep model must
beat: mean motion energy and band power of temporal differences. Everything is made from differences of
successive grey pictures. Units: grey levels (0 to 255) per frame, hertz.

Methods: section 5 (yardsticks); the list of features is ours.
"""

import numpy as np
from jaxtyping import Complex64, Float, Float32

from semioscope.networks.spec import BackboneSpec

CLIP_SECONDS = 2.0
"""Length of a clip: the shortest window in which 2 Hz can be told from 1 Hz."""
MIN_FRAMES = 8
GRID = 4
"""Cells of the coarse grid along each side."""
STEP_HZ = 0.25
"""Distance of the frequencies at which the power is computed, whatever the length of the clip."""
CONVULSION_HZ = (2.0, 6.0)
MOVEMENT_HZ = (0.5, 12.5)
BANDS_HZ = ((0.5, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 4.0), (4.0, 6.0), (6.0, 9.0), (9.0, 12.5))
MOVING_GREY_LEVELS = 8.0
"""A pixel that changes by more than this in one frame counts as moving."""
VERSION = 1
"""Part of the weights hash; raised when a number changes."""

FEATURE_NAMES: tuple[str, ...] = (
    "energy_mean",
    "energy_median",
    "energy_max",
    "energy_variation",
    "energy_trend",
    "moving_area_mean",
    "moving_area_max",
    "centre_x",
    "centre_y",
    "spread",
    *(f"energy_cell_{row}{column}" for row in range(GRID) for column in range(GRID)),
    *(f"band_{low:g}_{high:g}_hz" for low, high in BANDS_HZ),
    "band_ratio",
    *(f"band_ratio_quadrant_{row}{column}" for row in range(2) for column in range(2)),
    "peak_hz",
    "peak_share",
    "centroid_hz",
    "spectral_entropy",
    "rhythm_peak_hz",
    "rhythm_peak_share",
)
"""What each feature is. Energies are ``log10(grey levels per frame + 0.05)``: about -1.3 (still) to 1.5.
``energy_variation`` is standard deviation over mean in time, through x/(1+x); ``energy_trend`` is (second
half - first half) / sum, in [-1, 1]. Moving areas are square roots of shares. ``centre_*`` are in [-1, 1]
from the middle of the picture (right and down positive), ``spread`` in units of half its width. Bands are
shares of the power in 0.5 to 12.5 Hz; frequencies are divided by 12.5; entropy by its largest value.
``rhythm_*`` belong to the course of the motion energy itself, which has a peak at the rate of jerks. Without
any motion all but the energies are 0."""

SPEC = BackboneSpec(
    name="motion",
    kind="none",
    frames_per_clip=30,
    min_frames=MIN_FRAMES,
    input_size=64,
    num_features=len(FEATURE_NAMES),
    num_parameters=0,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    weights=None,
    paper="none; band power after the classical video detectors of convulsive seizures",
    preprocessing="2 s of RGB pictures (30 at 15 frames per second), square, 64 x 64, values to [0, 1]",
    batch_size=1,
    accelerator_batch_size=1,
)


def grey(
    clip: Float[np.ndarray, "3 num_frames height width"],
) -> Float32[np.ndarray, "num_frames height width"]:
    """Return the luma (ITU-R BT.601) of an RGB clip in [0, 1], in grey levels of 0 to 255."""
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32) * np.float32(255)
    rgb = clip.astype(np.float32, copy=False)
    luma: np.ndarray = weights[0] * rgb[0] + weights[1] * rgb[1] + weights[2] * rgb[2]
    return luma


def motion_energy(clip: Float[np.ndarray, "num_frames height width"]) -> Float32[np.ndarray, " num_frames-1"]:
    """Return the mean absolute difference of successive grey pictures.

    Args:
        clip: Grey pictures; the result has their unit. At least two.

    Returns:
        One value per pair of pictures, 0 or more.

    Raises:
        ValueError: If there are fewer than two pictures.
    """
    if len(clip) < 2:
        msg = f"Motion energy needs at least 2 pictures, got {len(clip)}. Use a longer clip."
        raise ValueError(msg)
    energy: np.ndarray = np.abs(_differences(clip)).mean(axis=(1, 2))
    return energy


def band_power_ratio(clip: Float[np.ndarray, "num_frames height width"], *, fps: float) -> float:
    """Return the share of the power of temporal differences in 2-6 Hz over that in 0.5-12.5 Hz.

    The power is computed per pixel and then summed, so opposite changes do not cancel. Each pixel's mean
    change is removed, and the ends are faded (Hann). At less than 25 frames per second the upper limit is the
    Nyquist frequency; ``band_limit`` says so.

    Args:
        clip: Grey pictures of one recording, evenly spaced; at least 8; 2 s or more to mean much.
        fps: Their rate, above 0.

    Returns:
        In [0, 1]; 0 when nothing changes.

    Raises:
        ValueError: If there are fewer than 8 pictures or the rate is not above 0.
    """
    _check(len(clip), fps)
    hertz = frequencies(fps)
    power = _power(_differences(clip), hertz, fps).sum(axis=1)
    return float(_share(power, hertz, CONVULSION_HZ))


def band_limit(fps: float) -> tuple[float, str]:
    """Return the upper limit of the wide band in hertz, and a sentence when it is not 12.5 Hz."""
    nyquist = fps / 2
    if nyquist >= MOVEMENT_HZ[1]:
        return MOVEMENT_HZ[1], ""
    note = (
        f"At {fps:g} frames per second the band power is 2-6 Hz over 0.5-{nyquist:g} Hz (Nyquist limit) "
        "instead of 0.5-12.5 Hz."
    )
    return nyquist, note


def frequencies(fps: float) -> Float[np.ndarray, " num_frequencies"]:
    """Return the frequencies at which power is computed: 0.5 to 12.5 Hz or Nyquist, every 0.25 Hz.

    None at 1 frame per second or less; every share is 0 then.
    """
    limit, _ = band_limit(fps)
    count = int(np.floor((limit - MOVEMENT_HZ[0]) / STEP_HZ + 1e-9)) + 1
    return MOVEMENT_HZ[0] + STEP_HZ * np.arange(max(count, 0))


def motion_features(
    clip: Float[np.ndarray, "num_frames height width"], *, fps: float
) -> Float32[np.ndarray, " num_features"]:
    """Return the features of a clip, in the order of ``FEATURE_NAMES``.

    Args:
        clip: Grey pictures, 0 to 255, at least 8, each side at least 4 pixels.
        fps: Their rate, above 0.

    Raises:
        ValueError: If there are fewer than 8 pictures, they are below 4 x 4, or the rate is not above 0.
    """
    _check(len(clip), fps)
    if min(clip.shape[1:]) < GRID:
        msg = (
            f"Motion features need pictures of at least {GRID} x {GRID} pixels, got {clip.shape[2]} x "
            f"{clip.shape[1]}."
        )
        raise ValueError(msg)
    differences = _differences(clip)
    magnitude = np.abs(differences)
    course = magnitude.mean(axis=(1, 2), dtype=np.float64)
    features = [
        *_course_features(course),
        *_area_features(magnitude),
        *_place_features(magnitude.mean(axis=0, dtype=np.float64)),
        *_band_features(differences, course, fps),
    ]
    return np.array(features, dtype=np.float32)


def _check(num_frames: int, fps: float) -> None:
    if num_frames < MIN_FRAMES:
        msg = (
            f"The motion of a clip needs at least {MIN_FRAMES} pictures, got {num_frames}. Use a longer clip."
        )
        raise ValueError(msg)
    if not (np.isfinite(fps) and fps > 0):
        msg = f"fps must be above 0 frames per second, got {fps}."
        raise ValueError(msg)


def _differences(clip: Float[np.ndarray, "num_frames height width"]) -> Float32[np.ndarray, "t height width"]:
    return np.diff(clip.astype(np.float32, copy=False), axis=0)


def _log_energy(grey_levels: np.ndarray) -> list[float]:
    return [float(level) for level in np.log10(grey_levels + 0.05)]


def _course_features(course: Float[np.ndarray, " t"]) -> list[float]:
    mean = float(course.mean())
    half = len(course) // 2
    first, second = float(course[:half].mean()), float(course[-half:].mean())
    variation = float(course.std()) / mean if mean > 0 else 0.0
    trend = (second - first) / (second + first) if second + first > 0 else 0.0
    levels = np.array([mean, np.median(course), course.max()])
    return [*_log_energy(levels), variation / (1 + variation), trend]


def _area_features(magnitude: Float32[np.ndarray, "t height width"]) -> list[float]:
    share = (magnitude > MOVING_GREY_LEVELS).mean(axis=(1, 2))
    return [float(np.sqrt(share.mean())), float(np.sqrt(share.max()))]


def _place_features(place: Float[np.ndarray, "height width"]) -> list[float]:
    height, width = place.shape
    y = ((np.arange(height) + 0.5) / height * 2 - 1)[:, None]
    x = ((np.arange(width) + 0.5) / width * 2 - 1)[None, :]
    total = float(place.sum())
    weight = place / total if total > 0 else np.zeros_like(place)
    centre_x, centre_y = float((weight * x).sum()), float((weight * y).sum())
    spread = float(np.sqrt((weight * ((x - centre_x) ** 2 + (y - centre_y) ** 2)).sum()))
    return [centre_x, centre_y, spread, *_log_energy(_cell_means(place, GRID).ravel())]


def _cell_means(picture: Float[np.ndarray, "height width"], cells: int) -> Float[np.ndarray, "cells cells"]:
    rows = np.array_split(picture, cells, axis=0)
    return np.array([[cell.mean() for cell in np.array_split(row, cells, axis=1)] for row in rows])


def _band_features(
    differences: Float32[np.ndarray, "t height width"], course: Float[np.ndarray, " t"], fps: float
) -> list[float]:
    hertz = frequencies(fps)
    power = _power(differences, hertz, fps)
    total = power.sum(axis=1)
    quadrants = [
        _share(quadrant.sum(axis=(1, 2)), hertz, CONVULSION_HZ)
        for rows in np.array_split(power.reshape(len(hertz), *differences.shape[1:]), 2, axis=1)
        for quadrant in np.array_split(rows, 2, axis=2)
    ]
    rhythm = _power(course[:, None, None].astype(np.float32), hertz, fps)[:, 0]
    peak_hz, peak_share = _peak(total, hertz)
    rhythm_hz, rhythm_share = _peak(rhythm, hertz)
    shares = total / total.sum() if total.sum() > 0 else np.zeros(len(hertz))
    positive = shares[shares > 0]
    entropy = float(-(positive * np.log(positive)).sum() / np.log(max(len(hertz), 2)))
    return [
        *(_share(total, hertz, band) for band in BANDS_HZ),
        _share(total, hertz, CONVULSION_HZ),
        *quadrants,
        peak_hz / MOVEMENT_HZ[1],
        peak_share,
        float((shares * hertz).sum()) / MOVEMENT_HZ[1],
        entropy,
        rhythm_hz / MOVEMENT_HZ[1],
        rhythm_share,
    ]


def _power(
    differences: Float32[np.ndarray, "t height width"],
    hertz: Float[np.ndarray, " num_frequencies"],
    fps: float,
) -> Float[np.ndarray, "num_frequencies num_pixels"]:
    """Return the power of each pixel's changes at each frequency; the constant part is removed first."""
    basis = _basis(len(differences), hertz, fps)
    series = differences.reshape(len(differences), -1)
    real, imaginary = basis.real @ series, basis.imag @ series
    power = (real * real + imaginary * imaginary).astype(np.float64)
    # What is left of a change at constant speed is the rounding of single precision, not movement.
    floor = 1e-10 * len(series) * np.einsum("tp,tp->p", series, series).astype(np.float64)
    return np.where(power > floor, power, 0.0)


def _basis(
    length: int, hertz: Float[np.ndarray, " num_frequencies"], fps: float
) -> Complex64[np.ndarray, "num_frequencies t"]:
    times = np.arange(length) / fps
    window = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2
    waves = window * np.exp(-2j * np.pi * hertz[:, None] * times[None, :])
    # Taking the mean off every pixel is linear, so it is done here, on the small side.
    basis: np.ndarray = (waves - waves.mean(axis=1, keepdims=True)).astype(np.complex64)
    return basis


def _share(
    power: Float[np.ndarray, " num_frequencies"],
    hertz: Float[np.ndarray, " num_frequencies"],
    band: tuple[float, float],
) -> float:
    """Return the share of a band; lower end included, upper end only where the wide band ends there too."""
    low, high = band
    below = hertz <= high if high >= MOVEMENT_HZ[1] else hertz < high
    inside = (hertz >= low) & below
    total = float(power.sum())
    return float(power[inside].sum()) / total if total > 0 else 0.0


def _peak(
    power: Float[np.ndarray, " num_frequencies"], hertz: Float[np.ndarray, " num_frequencies"]
) -> tuple[float, float]:
    """Return the strongest frequency and the share of the power within half a hertz of it; zeros if still."""
    total = float(power.sum())
    if total <= 0:
        return 0.0, 0.0
    peak = float(hertz[int(power.argmax())])
    return peak, float(power[np.abs(hertz - peak) <= 0.5].sum()) / total
