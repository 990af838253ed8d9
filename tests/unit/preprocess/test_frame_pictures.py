import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semioscope.core.errors import ConfigError
from semioscope.core.records import Region
from semioscope.preprocess import resized
from semioscope.preprocess.frame_pictures import (
    FramePicture,
    FramePictureConfig,
    RandomCut,
    base_of,
    cut_of,
)

BASE = np.random.default_rng(0).integers(0, 256, (128, 171, 3), dtype=np.uint8)
MIDDLE = FramePicture(base_height=128, base_width=171)


def random_cut(number=0, seed=0, video="v", frames=250):
    return RandomCut(seed=seed, video=video, number=number, excerpt_frames=frames)


def place_of(cut, frame):
    """Return where a cut of the base was taken, by looking for it."""
    small = cut_of(BASE, MIDDLE.model_copy(update={"cut": cut}), number=frame, size=112)
    [where] = np.argwhere(
        [[np.array_equal(BASE[t : t + 112, j : j + 112], small) for j in range(60)] for t in range(17)]
    )
    return tuple(where.tolist())


def test_the_middle_is_cut_with_the_odd_line_behind():
    assert np.array_equal(cut_of(BASE, MIDDLE, number=7, size=112), BASE[8:120, 29:141])


def test_all_frames_of_an_excerpt_are_cut_at_one_place_and_excerpts_videos_cuts_and_seeds_differ():
    cut = random_cut()
    assert len({place_of(cut, frame) for frame in (0, 100, 249)}) == 1
    others = [place_of(cut, 250), *(place_of(random_cut(**one), 0) for one in ({"number": 1}, {"seed": 1}))]
    others += [place_of(random_cut(video="w"), 0), place_of(cut, 0)]
    assert len(set(others)) == 5


@given(st.integers(0, 2**31), st.integers(0, 10**7))
def test_every_place_lies_inside(seed, frame):
    down, right = random_cut(seed=seed).place(frame)
    assert 0 <= down < 1
    assert 0 <= right < 1


def test_every_place_is_drawn():
    tops = {int(17 * random_cut(frames=1).place(frame)[0]) for frame in range(500)}
    assert tops == set(range(17))


def test_the_base_is_the_part_of_the_view_stretched():
    frame = np.random.default_rng(1).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    region, blank = Region(x=0.5, y=0, width=0.5, height=1), Region(x=0.75, y=0, width=0.25, height=0.5)
    wanted = frame[:, 45:].copy()
    wanted[:30, 23:] = 0
    found = base_of(frame, MIDDLE, region=region, blank=blank)
    assert np.array_equal(found, resized(wanted, height=128, width=171))
    whole = base_of(BASE, MIDDLE, region=None, blank=None)
    assert np.array_equal(whole, BASE)


def test_a_network_whose_pictures_are_larger_than_the_base_is_refused():
    FramePictureConfig().check_size(128)
    with pytest.raises(ConfigError, match=r"129 x 129 cannot be cut from 171 x 128.*input_size"):
        FramePictureConfig().check_size(129)


def test_the_choice_names_its_cut():
    assert FramePictureConfig().random_cut("v") is None
    chosen = FramePictureConfig(cut_seed=3, cut_number=2, excerpt_frames=9).random_cut("v")
    assert chosen == random_cut(number=2, seed=3, frames=9)
    assert FramePicture(base_height=8, base_width=8, cut=chosen).uncut.cut is None
