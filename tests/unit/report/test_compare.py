"""The page and the words of a comparison: the answer first, nothing claimed that the test does not carry."""

import html
import re
from html.parser import HTMLParser

import pytest
from compared import write_run

from semioscope.core.errors import StoreError
from semioscope.core.files import read_json, write_json
from semioscope.report.compare import write_comparison
from semioscope.report.compare_figures import DifferenceRow, differences_figure
from semioscope.report.compare_words import (
    cautions,
    difference_cell,
    headline,
    metric_title,
    other_metrics,
    p_text,
    pair_words,
    setting_text,
    test_words,
    verdict_title,
)
from semioscope.report.style import text_inches
from semioscope.runs.compare import compare_runs, write_comparison_tables

test_words.__test__ = False
SECTIONS = ["scores", "differences", "settings", "events", "patients", "disagreements", "words"]
FEW = {"num_flips": 300, "num_resamples": 60}


class Page(HTMLParser):
    """The ids, what is loaded and the words of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.loads, self.hidden, self.said = [], [], False, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        cells = dict(attrs)
        self.ids += [cells["id"]] if "id" in cells else []
        self.loads += [cells[key] for key in ("src", "action") if key in cells] + (
            ["link"] if tag == "link" else []
        )
        self.hidden = tag in ("style", "script")

    def handle_endtag(self, tag):
        self.hidden = False

    def handle_data(self, data):
        self.said += [] if self.hidden else [data]

    @property
    def text(self):
        return " ".join(" ".join(self.said).replace("\xa0", " ").split())


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    base = tmp_path_factory.mktemp("runs")
    for name, skill, seed in (("poor", 0.2, 1), ("fair", 1.0, 2), ("good", 3.0, 3)):
        write_run(base / name, skill=skill, seed=seed)
    return base


@pytest.fixture(scope="module")
def content(runs):
    return compare_runs([str(runs / "poor"), str(runs / "good")], **FEW)


def written(folder, content):
    write_comparison_tables(folder, content)
    return write_comparison(folder).read_text(encoding="utf-8")


def pair(value=0.08, low=0.01, high=0.15, p_holm=0.03, note=""):
    cells = {
        "difference": {"value": value, "low": low, "high": high, "note": note},
        "test": {"p_value": p_holm, "note": note},
        "p_holm": p_holm,
    }
    return {"run": "B", "against": "A", "metrics": {"balanced_accuracy": cells, "brier": cells, "f1": cells}}


def said(made, metric="balanced_accuracy", num_comparisons=1):
    words = pair_words({"num_comparisons": num_comparisons}, made, metric)
    return words.verdict, words.sentence


def test_better_is_said_where_the_test_says_so():
    assert said(pair(), num_comparisons=3) == (
        "better",
        "B is better than A in balanced accuracy by 8.0 percentage points (95 % interval 1.0 to 15.0; p = 0.03, "
        "corrected for 3 comparisons).",
    )
    assert said(pair(-0.08, -0.15, -0.01), "f1") == (
        "better", "A is better than B in F1 by 0.08 (95 % interval 0.01 to 0.15; p = 0.03).",
    )  # fmt: skip


def test_a_lower_brier_score_is_better():
    assert said(pair(), "brier")[1].startswith("A is better than B in Brier score by 0.08")
    assert metric_title("brier") == "Brier score (lower is better)"


def test_chance_is_said_where_it_could_be_chance():
    verdict, sentence = said(pair(p_holm=0.05))
    assert verdict == "unclear"
    assert (
        "B is ahead of A in balanced accuracy by 8.0 percentage points, but the difference could be chance"
        in sentence
    )
    assert said(pair(0.0, p_holm=1.0)) == ("unclear", "A and B have the same balanced accuracy (p = 1).")


def test_what_is_undefined_is_not_judged():
    verdict, sentence = said(pair(None, None, None, None, note="No test: it needs a positive example."))
    assert verdict == "unknown"
    assert sentence == (
        "Which of A and B is better in balanced accuracy cannot be said: no test: it needs a positive example."
    )
    assert "no interval" in said(pair(low=None, high=None))[1]


def test_small_words():
    assert [p_text(p) for p in (0.0004, 0.03, 1.0, None)] == ["p < 0.001", "p = 0.03", "p = 1", "p undefined"]
    assert difference_cell("f1", {"value": -0.001, "low": -0.1, "high": 0.004}) == {
        "value": "0.00", "interval": "−0.10 to 0.00", "note": "",
    }  # fmt: skip
    assert [setting_text(value) for value in (None, True, [1, "a"], [], 0.5)] == [
        "–",
        "true",
        "1, a",
        "none",
        "0.5",
    ]


def test_the_headline_gathers_the_pairs():
    def shown(*pairs, kind="same folds"):
        return headline(
            {"metric": "f1", "comparison": kind, "num_comparisons": len(pairs), "pairs": list(pairs)}
        )

    def named(run, against, p_holm):
        return {**pair(p_holm=p_holm), "run": run, "against": against}

    assert shown(named("b", "a", 0.01)) == "b is better than a in F1"
    assert shown(named("b", "a", 0.2)) == "The difference between a and b in F1 could be chance"
    assert (
        shown(named("b", "a", 0.01), named("c", "a", 0.01), named("c", "b", 0.5))
        == "b and c are better than a in F1"
    )
    assert shown(named("b", "a", 0.2), named("c", "a", 0.3)) == "Every difference in F1 could be chance"
    assert shown(named("b", "a", 0.01), kind="protocols") == "Between protocols: b scores better than a in F1"
    many = [named("b", x, 0.01) for x in "acd"]
    assert shown(*many, named("e", "f", 1.0)) == "3 of 4 differences in F1 are more than chance"
    both = shown(named("b", "a", 0.01), named("c", "a", 0.01), named("c", "b", 0.5), kind="protocols")
    assert both == "Between protocols: b and c score better than a in F1"


def test_the_verdict_names_mixed_results(content):
    better, unclear = (pair_words({"num_comparisons": 1}, pair(p_holm=p), "f1") for p in (0.01, 0.5))
    assert verdict_title([better], "f1") == "More than chance in F1"
    assert verdict_title([better, unclear], "f1") == "More than chance in F1, but not every difference"
    assert verdict_title([unclear], "f1") == "Could be chance in F1"


def test_other_metrics_that_say_more_are_told_with_the_answer():
    made = pair(p_holm=0.3)
    made["metrics"]["f1"] = pair(p_holm=0.02)["metrics"]["f1"]
    content = {
        "metric": "balanced_accuracy", "metrics": ["balanced_accuracy", "f1", "brier"], "pairs": [made],
        "num_comparisons": 1, "comparison": "same folds",
    }  # fmt: skip
    assert headline(content) == "The difference between A and B in balanced accuracy could be chance"
    told = (
        "The answer is about balanced accuracy only. More than chance in other metrics, by p values that are not "
        "corrected for looking at 3 of them: B is better than A in F1 (p = 0.02)."
    )
    assert other_metrics(content) == told
    assert told in cautions({**content, "differences": [], "events": {"left_out": []}})
    assert other_metrics({**content, "metric": "f1"}) == ""
    made["metrics"]["balanced_accuracy"] = made["metrics"]["f1"]
    assert other_metrics(content) == "", "the answer says the same"


def test_the_number_of_arrangements_is_said(runs, content):
    assert "in all possible arrangements (up to 256)" in test_words(content).replace("\u202f", "")
    drawn = compare_runs([str(runs / "poor"), str(runs / "good")], num_flips=100, num_resamples=20)
    assert "in 100 drawn arrangements (seed 0)" in test_words(drawn)
    three = compare_runs(
        [str(runs / name) for name in ("poor", "fair", "good")], num_flips=100, num_resamples=20
    )
    assert "for 3 comparisons of runs" in test_words(three)


def test_the_page_answers_first_and_is_whole(content, tmp_path):
    text = written(tmp_path, content)
    page = Page(text)
    assert [name for name in page.ids if name in SECTIONS] == SECTIONS
    assert len(page.ids) == len(set(page.ids))
    assert page.loads == []
    assert "http://" not in re.sub(r"http://www\.w3\.org/[\w/.]+", "", text)
    sentence = pair_words(content, content["pairs"][0], "balanced_accuracy").sentence
    assert (
        page.text.index(headline(content))
        < page.text.index(sentence)
        < page.text.index("Side by side Per seizure")
    )
    assert "Synthetic data." in page.text
    for row in content["disagreements"]:
        assert row["event_id"] in page.text
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"pair-1.svg", "pair-1-patients.svg"}


def test_the_page_is_the_same_each_time(content, tmp_path):
    assert written(tmp_path / "one", content) == written(tmp_path / "two", content)


def test_three_runs_have_an_overview(runs, tmp_path):
    content = compare_runs([str(runs / name) for name in ("poor", "fair", "good")], **FEW)
    page = Page(written(tmp_path, content))
    assert (tmp_path / "figures" / "differences.svg").exists()
    for title in ("fair against poor", "good against poor", "good against fair"):
        assert title in page.text


def test_names_of_runs_are_escaped(runs, tmp_path):
    content = compare_runs([f"<b>x={runs / 'poor'}", str(runs / "good")], **FEW)
    text = written(tmp_path, content)
    assert "<b>x" not in text
    assert "&lt;b&gt;x" in text


@pytest.mark.parametrize(
    ("settings", "fold_seed", "banner", "caution"),
    [
        (
            ("folds.rule=seizure", "selection.on=test"),
            0,
            "A comparison of protocols.",
            "This compares protocols",
        ),
        ((), 7, "Different folds.", "did not have the same folds"),
    ],
)
def test_other_folds_are_said_at_the_top(runs, tmp_path, settings, fold_seed, banner, caution):
    other = write_run(tmp_path / "other", settings=settings, fold_seed=fold_seed, without=["sz-01-1"])
    content = compare_runs([str(runs / "fair"), str(other)], allow_different_folds=True, **FEW)
    page = Page(written(tmp_path / "out", content))
    assert banner in page.text
    assert any(caution in sentence for sentence in cautions(content))
    assert "1 seizure is not compared, because not every run scored it: sz-01-1." in page.text


def test_runs_that_agree_everywhere(runs, tmp_path):
    write_run(tmp_path / "twin", skill=3.0, seed=3)
    page = Page(written(tmp_path / "out", compare_runs([str(runs / "good"), str(tmp_path / "twin")], **FEW)))
    assert "All runs call every seizure alike." in page.text
    assert "No setting differs." in page.text
    assert "good and twin are alike in balanced accuracy" in page.text


def test_the_figure_says_in_words_what_it_shows(tmp_path):
    row = DifferenceRow(label="F1", value=8.0, low=1.0, high=15.0, text="+8.0  p = 0.03", is_sure=True)
    none = DifferenceRow(label="F2", value=float("nan"), low=float("nan"), high=float("nan"), text="undefined",
                         is_sure=False)  # fmt: skip
    text = differences_figure([row, none], name="x", sides=("A better", "B better"), folder=tmp_path)
    assert "F1 +8.0  p = 0.03; F2 undefined." in text
    assert (tmp_path / "x.svg").read_text() == text


def test_long_names_of_runs_stay_inside_the_figure_and_apart(tmp_path):
    names = [f"a-run-with-a-rather-long-name-{i}-and-more-of-it better" for i in range(2)]
    row = DifferenceRow(label=names[0], value=8.0, low=1.0, high=15.0, text="+8.0  p = 0.03", is_sure=True)
    text = differences_figure([row], name="x", sides=(names[0], names[1]), folder=tmp_path)
    shown = [html.unescape(words) for words in re.findall(r"<text[^>]*>([^<]*a-run[^<]*)</text>", text)]
    widths = {words: text_inches(words, 9.5) for words in shown}
    left = next(width for words, width in widths.items() if words.startswith("←"))
    right = next(width for words, width in widths.items() if words.endswith("→"))
    assert left < 6.8 * 0.545
    assert right < 6.8 * 0.455
    assert min(widths.values()) < 6.8 * 0.345
    assert len(shown) == 3


def test_another_file_is_refused(tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        write_comparison(tmp_path)
    write_json(tmp_path / "comparison.json", {"kind": "study"})
    with pytest.raises(StoreError, match="must be what semioscope compare wrote"):
        write_comparison(tmp_path)
    assert read_json(tmp_path / "comparison.json") == {"kind": "study"}
