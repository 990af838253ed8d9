"""The report page: whole, self-contained, safe, the same each time, and honest about what is missing."""

import importlib.util
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from semioscope.core.errors import StoreError
from semioscope.core.files import write_json, write_text
from semioscope.report import write_report
from semioscope.report.answer import answer
from semioscope.report.examples import make_example
from semioscope.report.inputs import read_run_tables
from semioscope.report.sections import comparison_notes, comparison_rows, event_rows

_SPEC = importlib.util.spec_from_file_location("made_up_run", Path(__file__).with_name("made_up_run.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
made_up_run = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(made_up_run)

SECTIONS = ["compared", "cohort", "folds", "mistakes", "curves", "patients", "calibration", "seizures", "events",
            "failures", "settings", "provenance", "again", "words"]  # fmt: skip
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """What the tests ask about a page: ids, links, sources, images, text; and that tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids, self.links, self.loads, self.tags, self.open, self.nested = [], [], [], [], [], True
        self.words: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        cells = dict(attrs)
        self.tags.append(tag)
        if "id" in cells:
            self.ids.append(cells["id"])
        if tag == "a":
            self.links.append(cells.get("href"))
        if tag == "img":
            self.images.append(cells)
        for key in ("src", "srcset", "data", "poster", "action", "formaction", "background"):
            if key in cells:
                self.loads.append(cells[key])
        if tag == "link" or (tag in ("use", "image") and not (cells.get("xlink:href") or "").startswith("#")):
            self.loads.append(cells.get("href") or cells.get("xlink:href"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        before = len(self.open)
        self.handle_starttag(tag, attrs)
        del self.open[before:]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.nested = False

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\xa0", " ").split())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    made_up_run.write_run(folder)
    made_up_run.write_thumbnails(folder, "sz-006", recordings=("p06-rec005-large",), segments=(3, 8))
    write_report(folder)
    return folder


@pytest.fixture
def quick_figures(monkeypatch):
    """Build figures but leave out the slow writing of SVG, where the text of the figures does not matter."""
    for module in ("figures", "people", "timeline"):
        monkeypatch.setattr(f"semioscope.report.{module}.finish", lambda *_, **__: "<svg></svg>")


def answered(folder: Path, change) -> str:
    """Write a small run, let ``change`` edit its scores, and return the words of its answer."""
    made_up_run.write_run(folder, num_patients=6, num_events=12)
    scores = json.loads((folder / "scores.json").read_text())
    change(scores)
    write_json(folder / "scores.json", scores)
    words = answer(read_run_tables(folder))
    return " ".join(
        [words.headline, words.lead, words.verdict_title, words.verdict_text, *words.sentences]
    ).replace("\xa0", " ")


@pytest.fixture(scope="module")
def html(run):
    return (run / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def edited(folder: Path, change) -> Page:
    """Write a small run, let ``change`` edit its scores, and return its page."""
    made_up_run.write_run(folder, num_patients=6, num_events=12, num_examples=1)
    scores = json.loads((folder / "scores.json").read_text())
    change(scores)
    write_json(folder / "scores.json", scores)
    return Page(write_report(folder).read_text(encoding="utf-8"))


def test_every_section_is_there_and_every_link_leads_to_one(page):
    assert set(SECTIONS) <= set(page.ids)
    assert set(page.links) >= {f"#{name}" for name in SECTIONS}
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)


def test_tags_nest_and_ids_are_unique(page):
    assert page.nested
    assert not page.open
    assert len(page.ids) == len(set(page.ids))


def test_nothing_is_loaded_from_anywhere(page, html):
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.loads)
    outside = set(re.findall(r"https?://[^\s\"'<>]+", html))
    assert outside <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    assert "default-src 'none'" in html


def test_the_script_is_the_one_that_the_policy_allows(html):
    import base64
    import hashlib

    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL).group(1)
    allowed = re.search(r"script-src 'sha256-([^']+)'", html).group(1)
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() == allowed


def test_the_answer_comes_first(page):
    text = page.text
    assert text.index("Right in 32 of 35 seizures") < text.index("Compared with simple rules")
    assert "Accuracy 91.4 % (95 % interval 80.4 to 98.4 % over 12 patients)." in text
    assert "19 of 21 FOS seizures were recognised; 2 called TCS." in text
    assert "Every seizure was judged by a model that had never seen that patient." in text
    assert "mean nothing clinically" in text
    assert (
        "2 seizures were left out by rule, 1 of 36 seizures could not be scored and 2 views of scored seizures "
        "failed; none of these" in text
    )
    assert "Research software, not a medical device." in text


def test_numbers_stand_where_they_belong(page):
    text = page.text
    for part in ("12 patients, 36 seizures, 72 recordings, 29.4 minutes", "shorter than 15 s (11.2 s)",
                 "Clips: 3\u202f522. Left out because frames are missing: 18.",
                 "With a picture held over a gap: 3. With damaged pictures: 0.",
                 "2\u202f000 resamples", "14 undefined and dropped",
                 "Slope and intercept", "1.21, \N{MINUS SIGN}0.13", "The file ends at 61.2 s",
                 "In fold 2 an inner split was impossible", "semioscope predict VIDEO",
                 "num_segments: 16", "packages.torch", "21 min 24 s"):  # fmt: skip
        assert " ".join(part.split()) in text, part


def test_why_there_is_no_interval_stands_below_the_first_table(tmp_path, quick_figures):
    same = (
        "No interval: all 2000 resamples of the patients give the same value, so resampling cannot say more."
    )
    other = "No interval: there are no trials."

    def change(scores):
        for key in ("f1", "auroc"):
            scores["event"][key] |= {"low": None, "high": None, "note": same}
        scores["baselines"]["duration"]["f1"] |= {"low": None, "high": None, "note": same}
        scores["baselines"]["majority"]["difference"]["accuracy"] |= {
            "low": None,
            "high": None,
            "note": other,
        }

    made_up_run.write_run(tmp_path, num_patients=6, num_events=12, num_examples=1)
    scores = json.loads((tmp_path / "scores.json").read_text())
    change(scores)
    write_json(tmp_path / "scores.json", scores)
    html = write_report(tmp_path).read_text(encoding="utf-8")
    start = html.index('id="compared"')
    table = html[html.index("<table>", start) : html.index("</table>", start)]
    assert "No interval" not in table
    assert "It never calls TCS" not in table
    assert table.count('<a href="#why-a"') == 3
    assert table.count('<a href="#why-b"') == table.count('<a href="#why-c"') == 1
    below = Page(html[html.index("</table>", start) : html.index("Every metric", start)]).text
    for text in (f"a {same}", "b It never calls TCS.", f"c {other}"):
        assert text in below
    rows = comparison_rows(scores)
    assert [mark for mark, _ in comparison_notes(rows)] == ["a", "b", "c"]
    assert rows[1]["mark"] == "c"


def test_marks_go_on_after_the_alphabet():
    rows = [{"cells": [{"note": str(number)} for number in range(60)], "note": ""}]
    marks = [mark for mark, _ in comparison_notes(rows)]
    assert [marks[place] for place in (0, 25, 26, 51, 52)] == ["a", "z", "aa", "az", "ba"]
    assert len(set(marks)) == 60


def test_a_threshold_that_rounds_to_the_usual_one_is_not_told(tmp_path, quick_figures):
    for fitted, told in ((0.47, True), (0.503, False), (None, False)):
        text = edited(tmp_path, lambda scores, fitted=fitted: scores.update(fitted_threshold=fitted)).text
        assert ("Threshold of the final model" in text) == told


def test_a_probability_near_the_threshold_can_be_told_from_it(tmp_path, quick_figures):
    def change(scores):
        scores["events"][0] |= {"score": 0.49997, "y_true": 1, "correct": False}
        scores["events"][0]["views"][0]["score"] = 0.4999

    text = edited(tmp_path, change).text
    assert "probability of TCS 49.997 % \u00b7 called FOS, wrongly" in text
    assert text.count("49.997 %") == 2  # the card and the table of all seizures
    assert "49.99 %" in text
    assert "50.0 %" not in text[text.index("Single seizures over time") : text.index("Failures and frames")]


def test_same_files_same_bytes(run, tmp_path):
    made_up_run.write_run(tmp_path)
    made_up_run.write_thumbnails(tmp_path, "sz-006", recordings=("p06-rec005-large",), segments=(3, 8))
    write_report(tmp_path)
    names = sorted(path.name for path in (run / "figures").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert (run / "report.html").read_bytes() == (tmp_path / "report.html").read_bytes()
    for name in names:
        assert (run / "figures" / name).read_bytes() == (tmp_path / "figures" / name).read_bytes()


def test_figures_are_saved_and_stand_in_the_page(run, html):
    import xml.etree.ElementTree as Xml

    names = {path.stem for path in (run / "figures").glob("*.svg")}
    assert {"baselines", "confusion", "curve-roc", "curve-pr", "reliability", "folds", "patients"} < names
    assert {"timeline-sz-006", "timeline-sz-017", "timeline-sz-024"} < names
    for path in (run / "figures").glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        Xml.fromstring(text)
        assert text.strip() in html
        assert "<title" in text
        assert "<metadata" not in text


def test_timelines_of_an_earlier_report_go(run, tmp_path, quick_figures):
    made_up_run.write_run(tmp_path, num_patients=6, num_events=12)
    write_text(tmp_path / "figures" / "timeline-gone.svg", "<svg/>")
    write_text(tmp_path / "figures" / "mine.svg", "<svg/>")
    write_report(tmp_path)
    assert not (tmp_path / "figures" / "timeline-gone.svg").exists()
    assert (tmp_path / "figures" / "mine.svg").exists()


def test_every_figure_and_picture_has_words(page, html):
    assert page.images
    assert all(image["alt"] for image in page.images)
    assert html.count('role="img"') == html.count("<svg ")
    assert html.count("<desc ") == html.count("<svg ")


def test_undefined_is_said_and_never_zero(page):
    text = page.text
    assert "It never calls TCS." in text
    assert (
        "Matthews correlation correlation of call and truth; 0 is guessing, 1 is perfect undefined All calls"
        in text
    )
    assert " nan" not in text.lower()
    assert "None" not in page.text


def test_hostile_ids_stay_text(tmp_path):
    hostile = '<script>alert("x")</script>'
    cell = "<b onmouseover=alert(1)>$x_1$ & \u96fb"

    def change(scores):
        event = scores["events"][5]
        event["event_id"], event["patient_id"] = hostile, cell
        event["views"][0]["recording_id"] = cell
        scores["examples"]["wrong"] = [hostile]
        scores["examples"]["best"] = []
        scores["run"]["name"] = scores["run"]["commands"]["again"] = hostile
        scores["classes"] = ["FOS", cell]
        scores["positive_class"] = cell
        scores["notes"] = [hostile]
        scores["cohort"]["left_out"] = [{"event_id": hostile, "reason": cell}]
        scores["baselines"]["majority"]["title"] = hostile

    page = edited(tmp_path, change)
    assert page.nested
    assert page.tags.count("script") == 1
    assert "b" not in page.tags
    assert hostile in page.text
    assert "$x_1$" in page.text
    assert not [path for path in (tmp_path / "figures").iterdir() if "<" in path.name]
    assert len(page.ids) == len(set(page.ids))


def test_scores_alone_are_enough(tmp_path):
    write_json(tmp_path / "scores.json", {"schema_version": 1})
    page = Page(write_report(tmp_path).read_text(encoding="utf-8"))
    assert page.nested
    assert set(SECTIONS) <= set(page.ids)
    assert "Accuracy undefined" in page.text
    assert "it is not known whether a simple rule would do as well" in page.text


@pytest.mark.parametrize(
    "key",
    ["run", "event", "view", "baselines", "confusion", "curves", "per_fold", "per_patient", "calibration", "cohort",
     "events", "examples", "decode", "notes", "timing", "classes", "positive_class", "threshold", "per_class"],
)  # fmt: skip
def test_any_part_may_be_missing(tmp_path, key, quick_figures):
    page = edited(tmp_path, lambda scores: scores.pop(key))
    assert page.nested
    assert set(SECTIONS) <= set(page.ids)


def test_every_part_may_be_null(tmp_path):
    page = edited(tmp_path, lambda scores: scores.update(dict.fromkeys(scores)))
    assert page.nested
    assert set(SECTIONS) <= set(page.ids)


def test_all_numbers_unknown(tmp_path):
    def blank(content):
        if isinstance(content, dict):
            return {key: blank(value) for key, value in content.items()}
        if isinstance(content, list):
            return [blank(value) for value in content]
        return None if isinstance(content, float) else content

    page = edited(tmp_path, lambda scores: scores.update(blank(scores)))
    assert page.nested
    assert " nan" not in page.text.lower()
    assert "Accuracy undefined" in page.text or "accuracy is undefined" in page.text


@pytest.mark.parametrize(
    "name", ["folds.json", "provenance.json", "config.yaml", "segments.tsv", "baselines.tsv", "failures.tsv"]
)
def test_any_file_but_the_scores_may_be_absent(tmp_path, name, quick_figures):
    made_up_run.write_run(tmp_path, num_patients=6, num_events=12)
    (tmp_path / name).unlink()
    page = Page(write_report(tmp_path).read_text(encoding="utf-8"))
    assert page.nested
    assert set(SECTIONS) <= set(page.ids)


def test_an_unfinished_run_is_told_to_go_on(tmp_path):
    with pytest.raises(StoreError, match="Give the command of the run again"):
        write_report(tmp_path)


def test_a_broken_table_is_named(tmp_path):
    made_up_run.write_run(tmp_path, num_patients=6, num_events=12)
    write_text(tmp_path / "failures.tsv", "recording_id\tevent_id\nonly-one\n")
    with pytest.raises(StoreError, match=r"failures\.tsv row 2 must have 2 fields as its header has, got 1"):
        write_report(tmp_path)
    write_text(tmp_path / "failures.tsv", "")
    write_text(tmp_path / "scores.json", "[1, 2]")
    with pytest.raises(StoreError, match=r"scores\.json must hold one JSON object, got list"):
        write_report(tmp_path)


def test_many_events(tmp_path):
    made_up_run.write_run(tmp_path, num_patients=68, num_events=200, num_examples=1)
    page = Page(write_report(tmp_path).read_text(encoding="utf-8"))
    assert page.nested
    assert "200 seizures; click on a heading to sort" in page.text
    assert "sz-200" in page.text


def test_all_wrong_events_are_shown_even_when_no_example_names_them(tmp_path, quick_figures):
    def change(scores):
        scores["examples"] = {}
        for event in scores["events"]:
            event["correct"] = False

    page = edited(tmp_path, change)
    assert sum(name.startswith("timeline-sz") and name.count("-") == 2 for name in page.ids) == 12
    assert "All that were called wrongly (12)" in page.text


@pytest.mark.parametrize(
    ("mode", "pictures", "banner"),
    [("off", 0, False), (None, 0, False), ("blurred", 2, False), ("shown", 2, True)],
)
def test_pictures_of_patients_only_when_the_run_says_so(tmp_path, quick_figures, mode, pictures, banner):
    def change(scores):
        scores["run"]["thumbnails"] = mode
        scores["examples"]["wrong"] = ["sz-006"]

    made_up_run.write_thumbnails(tmp_path, "sz-006", recordings=("p06-rec005-large",), segments=(3, 8))
    write_text(tmp_path / "thumbnails" / "sz-006__p06-rec005-large__9.jpg", "this is no picture")
    page = edited(tmp_path, change)
    assert len(page.images) == pictures
    assert ("This page shows patients." in page.text) == banner


def test_a_task_of_three_classes(tmp_path, quick_figures):
    def change(scores):
        scores["classes"] = ["FLE", "TLE", "non-epileptic"]
        scores["positive_class"] = None
        scores["curves"] = {}
        scores["confusion"] = [[5, 1, 0], [2, 4, 1], [0, 0, 9]]
        scores["per_class"] = [{"class": name, "num_events": 6} for name in scores["classes"]]
        for index, event in enumerate(scores["events"]):
            event["y_true"] = index % 3

    page = edited(tmp_path, change)
    assert page.nested
    assert "asked to tell FLE, TLE and non-epileptic apart" in page.text
    assert "4 of 7 TLE seizures were recognised; 2 called FLE and 1 called non-epileptic." in page.text
    assert "This run has no curves" in page.text
    assert "Judge Accuracy Balanced accuracy Macro F1 Area under ROC" in " ".join(page.text.split())


def test_a_timeline_of_three_classes_is_of_the_class_that_was_called(tmp_path):
    made_up_run.write_run(tmp_path, num_patients=6, num_events=12)
    tables = read_run_tables(tmp_path)
    event = {**tables.scores["events"][0], "y_predicted": 1}
    three = {**tables.scores, "classes": ["FLE", "TLE", "other"], "positive_class": None}
    svg = make_example(replace(tables, scores=three), event, folder=None).svg
    assert "probability of TLE" in svg
    assert "threshold" not in svg
    assert "probability of TCS, threshold 0.50" in make_example(tables, event, folder=None).svg


def _difference(scores, value, low, high):
    for baseline in scores["baselines"].values():
        baseline["difference"] = {"accuracy": {"value": value, "low": low, "high": high}}


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        ((0.2, 0.05, 0.3), "Better than every simple rule it was compared with"),
        ((0.2, -0.05, 0.3), "The model is not shown to beat every simple rule"),
        ((0.2, None, None), "The model is not shown to beat every simple rule"),
        ((0.0, -0.1, 0.1), "The model does not beat a simple rule"),
        ((-0.2, -0.3, -0.1), "The model does not beat a simple rule"),
    ],
)
def test_the_verdict_follows_the_interval_of_the_difference(tmp_path, difference, said):
    assert said in answered(tmp_path, lambda scores: _difference(scores, *difference))


def test_without_differences_the_accuracies_are_compared_and_nothing_is_claimed(tmp_path):
    def change(scores):
        scores["event"]["accuracy"]["value"] = 0.8
        for baseline in scores["baselines"].values():
            del baseline["difference"]
            baseline["accuracy"]["value"] = 0.75
        scores["baselines"]["duration"]["accuracy"]["value"] = 0.85

    text = answered(tmp_path, change)
    assert "The model does not beat a simple rule" in text
    assert "duration alone (\N{MINUS SIGN}5.0)" in text


def test_patients_on_both_sides_are_named(tmp_path, quick_figures):
    made_up_run.write_run(tmp_path, num_patients=6, num_events=12)
    folds = json.loads((tmp_path / "folds.json").read_text())
    folds["rule"] = "seizure"
    folds["selection"] = "test"
    moved = folds["folds"][1]["test"][0]
    folds["folds"][1]["train"].append(
        next(e for e, p in folds["patient_of"].items() if p == folds["patient_of"][moved] and e != moved)
    )
    write_json(tmp_path / "folds.json", folds)
    text = Page(write_report(tmp_path).read_text(encoding="utf-8")).text
    assert (
        f"1 patient on both sides. Their seizures were used to train and to test: {folds['patient_of'][moved]}"
        in text
    )
    assert "likely to be better than for a new patient" in text
    assert "chosen on the tested seizures themselves" in text


def test_a_seizure_that_two_folds_test_names_both(tmp_path):
    made_up_run.write_run(tmp_path, num_patients=6, num_events=12)
    folds = json.loads((tmp_path / "folds.json").read_text())
    patient = folds["patient_of"][folds["folds"][0]["test"][0]]
    again = [name for name in folds["folds"][0]["test"] if folds["patient_of"][name] == patient]
    last = folds["folds"][-1]
    last["test"] += again
    last["train"] = [name for name in last["train"] if name not in again]
    folds["rule"] = "patients-per-class"
    write_json(tmp_path / "folds.json", folds)
    tables = read_run_tables(tmp_path)
    fold_of = {row["event_id"]: row["fold"] for row in event_rows(tables, drawn=frozenset())}
    for name, shown in fold_of.items():
        own = [str(fold["index"]) for fold in folds["folds"] if name in fold["test"]]
        assert shown == ", ".join(own)
        assert len(own) == (2 if name in again else 1)
    assert "Every seizure was judged by a model that had never seen that patient." in answer(tables).sentences


def test_too_few_patients_is_a_sentence(tmp_path):
    def change(scores):
        scores["event"]["accuracy"] = {"value": 0.75, "low": math.nan, "high": math.nan,
                                       "note": "Four patients are too few for an interval."}  # fmt: skip

    text = edited(tmp_path, change).text
    assert (
        "Accuracy 75.0 % over 6 patients; there is no interval: Four patients are too few for an interval."
        in text
    )
    assert "How sure this is cannot be said with so few patients" in text


def test_the_reason_for_no_interval_is_not_said_twice(tmp_path):
    def change(scores):
        scores["event"]["accuracy"] = {
            "value": 1.0,
            "low": None,
            "high": None,
            "note": "No interval: all alike.",
        }

    assert "Accuracy 100.0 % over 6 patients; there is no interval: all alike." in answered(tmp_path, change)
