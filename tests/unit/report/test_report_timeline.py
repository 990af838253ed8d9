"""The timeline stands on its own: no run folder, no clonic onset, no event, no score."""

import math
import xml.etree.ElementTree as Xml

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from semioscope.report import TimelineView, timeline_figure


def view(num_segments=8, **changes):
    start = 10.0 + 3.0 * np.arange(num_segments)
    cells = {
        "name": "large",
        "start_seconds": start,
        "end_seconds": start + 8 / 15,
        "score_clip": np.linspace(0.1, 0.9, num_segments),
        "score_prefix": np.linspace(0.2, 0.8, num_segments),
        "onset_seconds": 9.5,
        "clonic_onset_seconds": 22.0,
        "offset_seconds": 34.0,
        "score": 0.8,
    }
    return TimelineView(**(cells | changes))


def draw(*views, **changes):
    svg = timeline_figure(views, **({"title": "sz-1", "positive_class": "TCS"} | changes))
    Xml.fromstring(svg)
    return svg


def test_marks_are_labelled_and_described():
    svg = draw(view())
    assert "t0 = 0:09.5 in the recording" in svg
    assert "tG +12.5" in svg
    assert "t1 +24.5" in svg
    assert "large: 80 %" in svg
    assert "Seconds since onset (t0)" in svg
    description = Xml.fromstring(svg).find("{http://www.w3.org/2000/svg}desc").text.replace("\xa0", " ")
    assert "clonic onset after 12.5 s, probability of TCS 0.80 at the end" in description
    assert "at or above the threshold first after" in description


def test_the_figure_says_what_it_shows():
    assert "sz-1: probability of TCS, threshold 0.50" in draw(view())
    assert "threshold 0.7737" in draw(view(), threshold=0.77366)
    drawn = draw(view(), title="x" * 60, positive_class="y" * 60)
    assert f"{'x' * 39}\u2026: probability of {'y' * 23}\u2026, threshold 0.50" in drawn


def test_without_a_threshold_none_is_drawn_or_told():
    svg = draw(view(), threshold=None)
    assert "threshold" not in svg
    assert "probability of TCS 0.80 at the end." in svg


def test_what_is_near_the_threshold_can_be_told_from_it():
    near = np.full(8, 0.4996)
    svg = draw(view(score=0.4996, score_prefix=near, score_clip=near))
    assert "large: 49.96 %" in svg
    assert "probability of TCS 0.4996 at the end, always below the threshold 0.50." in svg
    assert "large: 50 %" in draw(view(score=0.5))
    assert "large: 47 %" in draw(view(score=0.469))


def test_no_clonic_onset():
    svg = draw(view(clonic_onset_seconds=None))
    assert "tG" not in svg
    assert "no clonic onset marked" in svg


def test_a_video_without_an_event():
    svg = draw(view(onset_seconds=None, clonic_onset_seconds=None, offset_seconds=None))
    assert "Seconds in the recording" in svg
    assert "t0" not in svg
    assert "had the video ended here" in svg


def test_views_stand_above_each_other():
    assert "small" in draw(view(), view(name="small", onset_seconds=0.0, clonic_onset_seconds=None))


def test_unknown_scores_are_crosses_and_not_zero():
    nothing = np.full(8, math.nan)
    svg = draw(view(score_clip=nothing, score_prefix=nothing, score=math.nan))
    assert "no score" in svg
    assert "no probability is known" in svg
    assert "nan" not in svg.lower()
    assert "no score" not in draw(view())


def test_no_segments():
    empty = np.array([])
    svg = draw(view(start_seconds=empty, end_seconds=empty, score_clip=empty, score_prefix=empty))
    assert "0 clips" in svg


def test_saved_and_returned_are_the_same(tmp_path):
    svg = draw(view(), name="timeline-a", folder=tmp_path)
    assert (tmp_path / "timeline-a.svg").read_text(encoding="utf-8") == svg


def test_same_bytes_and_ids_of_their_own():
    first, again, other = (draw(view(), name=name) for name in ("a", "a", "b"))
    assert first == again

    def ids(svg):
        return {element.get("id") for element in Xml.fromstring(svg).iter() if element.get("id")}

    assert not ids(first) & ids(other)
    for reference in ("url(#", 'href="#'):
        assert all(part.split('"')[0].split(")")[0] in ids(first) for part in first.split(reference)[1:])


def test_the_settings_of_the_user_have_no_say():
    import matplotlib

    before = draw(view())
    with matplotlib.rc_context(
        {"lines.linewidth": 9, "axes.grid": True, "font.size": 30, "svg.fonttype": "path"}
    ):
        assert draw(view()) == before
        assert matplotlib.rcParams["font.size"] == 30


def test_at_least_one_view():
    with pytest.raises(ValueError, match="needs at least one view, got none for 'sz-1'"):
        draw()


def test_equal_lengths():
    # Where the shapes of annotations are checked, as here, they speak first.
    with pytest.raises((ValueError, TypeCheckError), match="score_clip"):
        view(score_clip=np.zeros(3))


@settings(max_examples=12, deadline=None)
@given(
    name=st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()),
    scores=st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), min_size=1, max_size=20),
    onset=st.floats(0, 1e5),
    duration=st.floats(0.05, 3e3),
    share=st.one_of(st.none(), st.floats(0.01, 0.99)),
)
def test_any_view_is_well_formed(name, scores, onset, duration, share):
    number = len(scores)
    start = onset + duration * np.arange(number) / number
    drawn = draw(
        view(
            number,
            name=name,
            start_seconds=start,
            end_seconds=start + 0.01,
            score_clip=np.array(scores),
            score_prefix=np.array(scores),
            onset_seconds=onset,
            clonic_onset_seconds=None if share is None else onset + share * duration,
            offset_seconds=onset + duration,
        ),
        title=name,
    )
    assert drawn.startswith("<svg")
