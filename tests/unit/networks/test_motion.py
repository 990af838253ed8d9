"""The weight-free backbone: laws, and the Fourier transform of NumPy as independent reference."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semioscope.networks import (
    FEATURE_NAMES,
    band_limit,
    band_power_ratio,
    grey,
    load,
    motion_energy,
    motion_features,
)
from semioscope.networks.motion import BANDS_HZ, frequencies


def oscillation(hertz: float, *, fps: float, seconds: float = 2.0, phase: float = 0.3) -> np.ndarray:
    """Return grey pictures in which a disc goes to and fro at a rate."""
    times = np.arange(round(fps * seconds)) / fps
    y, x = np.mgrid[0:32, 0:32]
    centre = 16 + 0.7 * np.sin(2 * np.pi * hertz * times + phase)
    distance = np.hypot(x[None] - centre[:, None, None], y[None] - 16)
    return (255 / (1 + np.exp(distance - 6))).astype(np.float32)


def named(clip: np.ndarray, fps: float) -> dict[str, float]:
    return dict(zip(FEATURE_NAMES, motion_features(clip, fps=fps).tolist(), strict=True))


def random_clip(frames: int = 30, side: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (frames, side, side)).astype(np.float32)


@pytest.mark.parametrize("fps", [25.0, 30.0, 50.0])
@pytest.mark.parametrize(
    ("hertz", "low", "high"), [(3.0, 0.9, 1), (4.0, 0.9, 1), (0.8, 0, 0.2), (10.0, 0, 0.1)]
)
def test_only_movement_at_2_to_6_hz_counts_as_convulsive(fps, hertz, low, high) -> None:
    assert low <= band_power_ratio(oscillation(hertz, fps=fps), fps=fps) <= high


@pytest.mark.parametrize("fps", [10.0, 15.0, 25.0])
def test_the_ratio_is_that_of_the_fourier_transform(fps) -> None:
    clip = random_clip(frames=round(2 * fps), side=9)
    changes = np.diff(clip.astype(np.float64), axis=0)
    window = np.sin(np.pi * (np.arange(len(changes)) + 0.5) / len(changes)) ** 2
    changes -= changes.mean(axis=0)
    spectrum = np.abs(np.fft.rfft(changes * window[:, None, None], n=round(fps / 0.25), axis=0)) ** 2
    hertz = np.fft.rfftfreq(round(fps / 0.25), 1 / fps)
    power = spectrum.sum(axis=(1, 2))
    inside = (hertz >= 2) & (hertz < 6)
    wide = (hertz >= 0.5) & (hertz <= min(12.5, fps / 2) + 1e-9)
    expected = power[inside & wide].sum() / power[wide].sum()
    assert band_power_ratio(clip, fps=fps) == pytest.approx(expected, rel=1e-4)


def test_motion_energy_is_the_mean_absolute_difference() -> None:
    clip = np.zeros((3, 4, 4), dtype=np.float32)
    clip[1, 0, 0], clip[2, 0, 0] = 16, 0
    np.testing.assert_allclose(motion_energy(clip), [1, 1])


@pytest.mark.parametrize("hertz", [1.0, 2.0, 3.5, 5.0])
def test_the_peak_is_at_the_rate_of_the_movement(hertz) -> None:
    assert named(oscillation(hertz, fps=15), 15)["peak_hz"] * 12.5 == pytest.approx(hertz, abs=0.5)


def test_bands_share_the_power() -> None:
    features = named(random_clip(60), 30)
    shares = [features[f"band_{low:g}_{high:g}_hz"] for low, high in BANDS_HZ]
    assert sum(shares) == pytest.approx(1, rel=1e-5)
    assert features["band_ratio"] == pytest.approx(sum(shares[2:5]), rel=1e-5)


def test_nyquist_limits_the_band_and_the_report_can_say_so() -> None:
    assert band_limit(25) == (12.5, "")
    limit, note = band_limit(15)
    assert limit == 7.5
    assert "2-6 Hz over 0.5-7.5 Hz (Nyquist limit)" in note
    assert frequencies(15)[-1] == 7.5
    assert frequencies(50)[-1] == 12.5
    assert frequencies(15)[0] == 0.5
    assert named(random_clip(), 15)["band_9_12.5_hz"] == 0


def test_a_still_picture_has_no_motion() -> None:
    clip = np.repeat(random_clip(1), 30, axis=0)
    features = named(clip, 15)
    assert band_power_ratio(clip, fps=15) == 0
    energies = {name for name in FEATURE_NAMES if name.startswith("energy")} - {
        "energy_variation",
        "energy_trend",
    }
    for name, value in features.items():
        assert value == pytest.approx(np.log10(0.05) if name in energies else 0), name


def test_change_at_constant_speed_has_no_rhythm() -> None:
    clip = (np.arange(30)[:, None, None] * np.linspace(0, 3, 64).reshape(8, 8)).astype(np.float32)
    assert band_power_ratio(clip, fps=15) == 0


@given(
    frames=st.integers(8, 70),
    height=st.integers(4, 20),
    width=st.integers(4, 20),
    fps=st.floats(0.5, 240),
    scale=st.sampled_from([0.0, 1e-3, 1.0, 255.0]),
)
@settings(max_examples=60, deadline=None)
def test_any_length_rate_and_size_gives_finite_features_of_unit_range(
    frames, height, width, fps, scale
) -> None:
    clip = (np.random.default_rng(frames).random((frames, height, width)) * scale).astype(np.float32)
    features = motion_features(clip, fps=fps)
    assert features.shape == (len(FEATURE_NAMES),)
    assert np.isfinite(features).all()
    assert np.abs(features).max() <= 2.5
    assert 0 <= band_power_ratio(clip, fps=fps) <= 1


@given(gain=st.floats(0.1, 1), offset=st.floats(-50, 50), seed=st.integers(0, 20))
@settings(max_examples=20, deadline=None)
def test_brightness_does_not_matter_and_contrast_only_for_energy(gain, offset, seed) -> None:
    clip = random_clip(seed=seed)
    changed = (gain * clip + offset).astype(np.float32)
    assert band_power_ratio(changed, fps=15) == pytest.approx(band_power_ratio(clip, fps=15), rel=1e-3)
    np.testing.assert_allclose(motion_energy(changed), gain * motion_energy(clip), rtol=1e-3)


def test_a_mirrored_clip_moves_on_the_other_side() -> None:
    clip = oscillation(3, fps=15)
    clip = np.concatenate([clip, np.full((30, 32, 40), 9, dtype=np.float32)], axis=2)
    plain, mirrored = named(clip, 15), named(clip[:, :, ::-1].copy(), 15)
    assert plain["centre_x"] < -0.3
    assert mirrored["centre_x"] == pytest.approx(-plain["centre_x"], abs=1e-5)
    for name in ("energy_mean", "band_ratio", "peak_hz", "spread", "spectral_entropy", "moving_area_mean"):
        assert mirrored[name] == pytest.approx(plain[name], abs=1e-5)
    assert mirrored["energy_cell_13"] == pytest.approx(plain["energy_cell_10"], abs=1e-5)


def test_time_reversed_motion_has_the_same_spectrum_and_the_opposite_trend() -> None:
    clip = random_clip() * np.linspace(0.2, 1, 30, dtype=np.float32)[:, None, None]
    plain, reversed_ = named(clip, 15), named(clip[::-1].copy(), 15)
    assert plain["energy_trend"] > 0.1
    assert reversed_["energy_trend"] == pytest.approx(-plain["energy_trend"], abs=1e-5)
    assert reversed_["band_ratio"] == pytest.approx(plain["band_ratio"], abs=1e-4)


def test_inputs_are_not_changed() -> None:
    clip = random_clip()
    before = clip.copy()
    motion_features(clip, fps=15)
    band_power_ratio(clip, fps=15)
    np.testing.assert_array_equal(clip, before)


@pytest.mark.parametrize("fps", [12.5, 15.0, 25.0, 30.0])
def test_the_clip_is_two_seconds_long_at_every_rate(fps) -> None:
    backbone = load("motion", fps=fps)
    assert backbone.spec.frames_per_clip == round(2 * fps)
    assert backbone.weights_hash == f"motion-1-{fps:g}fps"
    assert backbone.engine == "numpy"
    assert f"{round(2 * fps)} at {fps:g} per second" in backbone.spec.preprocessing


def test_the_backbone_gives_the_features_of_the_grey_clip() -> None:
    backbone = load("motion", fps=15)
    frames = np.random.default_rng(0).integers(0, 256, (30, 64, 64, 3), dtype=np.uint8)
    clip = backbone.preprocess(frames)
    np.testing.assert_array_equal(backbone(clip[None])[0, 0], motion_features(grey(clip), fps=15))
    luma = frames @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(grey(clip), luma, rtol=1e-4)


def test_choices_that_do_not_apply_are_said() -> None:
    assert load("motion").notes == ()
    backbone = load("motion", engine="openvino", precision="bf16")
    assert backbone.precision == "f32"
    assert "engine and precision do not apply" in backbone.notes[0]


def test_it_is_fast() -> None:
    clip = random_clip(30, 64)
    motion_features(clip, fps=15)
    start = time.perf_counter()
    for _ in range(5):
        motion_features(clip, fps=15)
    assert (time.perf_counter() - start) / 5 < 0.05  # measured: 2.5 ms


@pytest.mark.parametrize("function", [motion_features, band_power_ratio])
def test_wrong_clips_are_refused(function) -> None:
    with pytest.raises(ValueError, match="needs at least 8 pictures, got 7"):
        function(random_clip(7), fps=15)
    with pytest.raises(ValueError, match="fps must be above 0 frames per second, got -1"):
        function(random_clip(8), fps=-1.0)


def test_small_pictures_and_single_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="pictures of at least 4 x 4 pixels, got 3 x 3"):
        motion_features(random_clip(8, 3), fps=15)
    with pytest.raises(ValueError, match="needs at least 2 pictures, got 1"):
        motion_energy(random_clip(1))
