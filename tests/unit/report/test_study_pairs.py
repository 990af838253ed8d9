"""The figure of two protocols: nothing is cut off, whatever the names, and signs are those of the words."""

import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from semioscope.recipes import PROTOCOLS
from semioscope.report import study_pairs
from semioscope.report.study_inputs import ProtocolScores
from semioscope.report.study_pairs import Pair, pairs_figure
from semioscope.report.study_words import rule_text


def named(name: str) -> str:
    rule = str(PROTOCOLS[name]["folds"]["rule"])
    one = ProtocolScores(
        name=name, rule=rule, selection="", shared_patients=np.nan, cells=(), best=(), scores={}
    )
    return rule_text(one)


NAMES = [
    *itertools.permutations(sorted(map(named, PROTOCOLS)), 2),
    ("a", "b"),
    ("W" * 30, "i" * 90),
    ("W" * 200, "x"),
]


def panels(title: str = "BLSTM", *, before: float = 0.9, after: float = 0.665) -> list[Any]:
    def pair(shift: float) -> Pair:
        return Pair(
            title=title,
            before={"value": before - shift, "low": before - 0.05, "high": before + 0.04},
            after={"value": after - shift, "low": after - 0.05, "high": after + 0.04},
        )

    return [("accuracy", [pair(0), pair(0.1)]), ("f1", [pair(0.02), pair(0.12)])]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures as they are before they become text, with what is told of them."""
    figures: list[Any] = []

    def keep(figure: Any, **words: Any) -> str:
        FigureCanvasAgg(figure).draw()
        figures.append((figure, words))
        return ""

    monkeypatch.setattr(study_pairs, "finish", keep)
    return figures


@pytest.mark.parametrize("names", NAMES, ids=lambda names: f"{names[0][:30]} and {names[1][:30]}")
def test_everything_lies_inside_the_figure_and_nothing_on_another(
    names: tuple[str, str], drawn: list[Any]
) -> None:
    pairs_figure(panels("an aggregator WITH A LONG NAME"), before=names[0], after=names[1])
    [(figure, _)] = drawn
    renderer = figure.canvas.get_renderer()
    legend = [text.get_window_extent(renderer) for text in figure.texts]
    whole = figure.bbox
    texts = [
        *legend,
        *(text.get_window_extent(renderer) for axes in figure.axes for text in (*axes.texts, axes.title)),
        *(axes.get_tightbbox(renderer) for axes in figure.axes),
    ]
    for box in texts:
        assert box.x0 >= whole.x0
        assert box.x1 <= whole.x1
        assert box.y0 >= whole.y0
        assert box.y1 <= whole.y1
    assert len(legend) == 3
    for one, other in itertools.combinations(legend, 2):
        assert not one.overlaps(other)
    for box, axes in itertools.product(legend, figure.axes):
        assert not box.overlaps(axes.get_tightbbox(renderer))


def test_a_short_name_is_not_cut(drawn: list[Any]) -> None:
    for before, after in NAMES[:-2]:
        pairs_figure(panels(), before=before, after=after)
        shown = [text.get_text() for text in drawn[-1][0].texts]
        assert shown == [before, after, "Bars: 95 % intervals over patients."]


def test_what_flatters_is_positive(drawn: list[Any]) -> None:
    pairs_figure(panels(before=0.9, after=0.665), before="folds by seizure", after="folds by patient")
    pairs_figure(panels(before=0.665, after=0.9), before="folds by seizure", after="folds by patient")
    for (figure, words), shown, area in zip(
        drawn, ("+23.5", "\N{MINUS SIGN}23.5"), ("+0.23", "\N{MINUS SIGN}0.23"), strict=True
    ):
        texts = [[text.get_text() for text in axes.texts] for axes in figure.axes]
        assert texts[0].count(shown) == 2
        assert len({text for text in texts[1] if text.startswith(area[0])}) == 1
        assert f"difference {shown}" in words["description"]
