import re

import numpy as np
import pytest
from depth_scene import scene

from semioscope.preprocess import denoised, plan_depth_crop
from semioscope.report.crop_explain import LaterFrame, explain_figure, explain_png


@pytest.fixture(scope="module")
def room():
    return scene(width=128, height=106)


def text_of(svg):
    return " ".join(re.findall(r">([^<>]+)</text>", svg))


def test_every_step_is_shown_and_bytes_depend_on_the_data_alone(room, tmp_path):
    depth, infrared = room
    plan = plan_depth_crop(denoised(depth))
    svg = explain_figure(depth, infrared, plan, subject="event e1", folder=tmp_path)
    assert svg == explain_figure(depth, infrared, plan, subject="event e1")
    assert (tmp_path / "depth-crop.svg").read_text(encoding="utf-8") == svg
    shown = text_of(svg)
    for words in (
        f"Depth crop of event e1: {plan.status}", "Step 1: depth per column", "Step 1: depth per row", "Step 2",
        "Signed (this one is used)", "Absolute", "Steps 4 and 5", "upper plane", "lower plane", "Depth before",
        "Depth after", "Infrared before", "Infrared after", f"sigma = {plan.sigma:.0f} mm", "% missing (grey)",
    ):  # fmt: skip
        assert words in shown
    assert shown.count("its parabola") == 4
    assert f"{100 * plan.kept_fraction:.0f} % of the picture is left" in shown


def test_a_later_frame_in_doubt_is_what_is_shown_before_and_after(room):
    depth, infrared = room
    plan = plan_depth_crop(denoised(depth))
    dark = LaterFrame(seconds=1.5, depth=np.zeros_like(depth), infrared=np.zeros_like(infrared))
    svg = explain_figure(depth, infrared, plan, later=dark)
    shown = text_of(svg)
    for words in (
        "Depth before, 1.50 s on",
        "Infrared after, 1.50 s on",
        "the frame in doubt; cleared is grey",
    ):
        assert words in shown
    assert "% of the picture is left" not in shown
    pictures = re.findall(r"data:image/png;base64,[^\"]+", svg)
    usual = re.findall(r"data:image/png;base64,[^\"]+", explain_figure(depth, infrared, plan))
    assert [one == other for one, other in zip(pictures[-4:], usual[-4:], strict=True)] == [False] * 4


def test_a_picture_for_other_programs():
    depth, infrared = scene(width=64, height=53)
    png = explain_png(depth, infrared, plan_depth_crop(denoised(depth)))
    assert png.startswith(b"\x89PNG")
    assert b"Matplotlib" not in png  # nothing but the picture


def test_what_a_person_must_look_at_is_said(room):
    depth, infrared = room
    bent = np.ascontiguousarray(np.where(np.arange(128) < 80, 0, depth))
    plan = plan_depth_crop(denoised(bent))
    assert f"Please look at it: {plan.reason}" in text_of(explain_figure(bent, infrared, plan))
    assert "more than half" in plan.reason


def test_nothing_to_see_is_a_figure_too(room):
    _, infrared = room
    empty = np.zeros(infrared.shape, np.uint16)
    shown = text_of(explain_figure(empty, infrared, plan_depth_crop(empty)))
    assert "The frame holds no depth at all." in shown
    assert "not cropped" in shown
