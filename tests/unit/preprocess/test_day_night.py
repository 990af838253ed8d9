"""Day and night: colours and brightness, on pictures and on synthetic video."""

import numpy as np
import pytest

from semioscope.core.intervals import Interval
from semioscope.core.records import Region
from semioscope.preprocess import NightRule, light_of_pictures, light_of_stretch
from semioscope.synthetic import ROUTINES, draw_contextual_plan, draw_style, ward_frames
from semioscope.video import VideoWriter

GREYS = np.repeat(np.linspace(30, 220, 48 * 64).reshape(48, 64, 1), 3, axis=2)


def colours():
    picture = GREYS.copy()
    picture[:, :32, 0] *= 1.15
    picture[24:, :, 2] *= 0.8
    return picture.clip(0, 255).astype(np.uint8)


def test_greys_are_night_and_colours_are_day():
    grey = light_of_pictures([GREYS.astype(np.uint8)])
    assert (grey.light, grey.colour, grey.num_pictures) == ("night", 0.0, 1)
    assert grey.brightness == pytest.approx(124.5, abs=1)
    assert light_of_pictures([colours()]).light == "day"


def test_one_tint_over_all_is_still_infrared():
    for tint in ((1.1, 0.95, 0.8), (0.8, 1.1, 0.85)):
        picture = (GREYS * np.array(tint)).clip(0, 255).astype(np.uint8)
        assert light_of_pictures([picture]).light == "night"


def test_noise_of_the_sensor_is_no_colour():
    rng = np.random.default_rng(0)
    pictures = [(GREYS + rng.normal(0, 6, GREYS.shape)).clip(0, 255).astype(np.uint8) for _ in range(5)]
    assert light_of_pictures(pictures).light == "night"


def test_dark_colours_are_night():
    dark = (colours() * 0.15).astype(np.uint8)
    assert light_of_pictures([dark]).light == "night"
    black = light_of_pictures([np.zeros((48, 64, 3), np.uint8)])
    assert (black.light, black.colour) == ("night", 0.0)
    rule = NightRule(least_brightness=0, least_colour=0)
    assert light_of_pictures([dark], rule).light == "day"


def test_without_a_picture_there_is_no_light():
    found = light_of_pictures([])
    assert found.light is None
    assert np.isnan([found.colour, found.brightness]).all()


@pytest.fixture(scope="module")
def flipped(tmp_path_factory):
    """Ten seconds by day, then ten by night, with a coloured inset all along."""
    path = tmp_path_factory.mktemp("light") / "v.mp4"
    with VideoWriter(path, width=64, height=48, fps=5) as writer:
        for number in range(100):
            picture = colours() if number < 50 else GREYS.astype(np.uint8)
            picture[:12, :16] = (200, 40, 40)
            writer.write(picture)
    return path


def test_a_stretch_has_its_own_light(flipped):
    def light(start, end, **words):
        return light_of_stretch(flipped, Interval(start_seconds=start, end_seconds=end), **words).light

    below = Region(x=0, y=0.4, width=1, height=0.6)
    assert light(0.0, 10.0, region=below) == "day"
    assert light(10.0, 20.0, region=below) == "night"
    blank = Region(x=0, y=0, width=0.25, height=0.25)
    assert light(10.0, 20.0, blank=blank) == "night"
    behind = light_of_stretch(flipped, Interval(start_seconds=18.0, end_seconds=23.0))
    assert 0 < behind.num_pictures < 5
    assert light(30.0, 31.0) is None


@pytest.mark.parametrize("light", ["day", "night"])
@pytest.mark.parametrize("activity", list(ROUTINES))
def test_synthetic_days_and_nights_are_told_apart(tmp_path, activity, light):
    for number in range(2):
        name = f"p{number + 1:02d}"
        plan = draw_contextual_plan(
            draw_style(name, seed=number), activity, light, recording_id=f"{name}-c1", seed=number,
            duration_seconds=60.0,
        )  # fmt: skip
        lit = plan.lamp_changes[1][0] if len(plan.lamp_changes) > 1 else 60.0
        path = tmp_path / f"{name}.mp4"
        with VideoWriter(path, width=192, height=108, fps=1) as writer:
            for frame in ward_frames(plan, width=192, height=108, fps=5, every=5):
                writer.write(frame.picture)
        found = light_of_stretch(path, Interval(start_seconds=0.0, end_seconds=min(lit, 60.0)))
        assert found.light == light, found
