"""The part of the report about slices and crops, and the page of a series of runs."""

import importlib.util
import json
import re
import xml.etree.ElementTree as Xml
from html.parser import HTMLParser
from pathlib import Path

import pytest

from semioscope.core.errors import StoreError
from semioscope.core.files import write_json, write_text
from semioscope.report import write_report
from semioscope.report.series_page import write_series_report
from semioscope.report.slice_figures import fold_curves_figure, fold_matrices_figure, series_bars_figure
from semioscope.report.slices import events_tested_again, split_text
from semioscope.report.style import finish

_SPEC = importlib.util.spec_from_file_location(
    "made_up_slices", Path(__file__).with_name("made_up_slices.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
made_up_slices = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(made_up_slices)


class Words(HTMLParser):
    """The words, the links and the ids of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str | None] = []
        self.ids: list[str] = []
        self.hidden = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        cells = dict(attrs)
        self.hidden += tag in ("style", "script")
        self.ids += [cells["id"]] if "id" in cells else []
        self.links += [cells.get("href")] if tag == "a" else []

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "script")

    def handle_data(self, data):
        if not self.hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\xa0", " ").replace("\u202f", "").split())


def page_of(folder: Path, change=None) -> Words:
    """Write the page of a folder whose scores ``change`` may edit first."""
    path = folder / ("series.json" if (folder / "series.json").exists() else "scores.json")
    if change:
        content = json.loads(path.read_text(encoding="utf-8"))
        change(content)
        write_json(path, content)
    return Words(write_report(folder).read_text(encoding="utf-8"))


@pytest.fixture
def quick_figures(monkeypatch):
    for module in ("figures", "people", "timeline", "slice_figures"):
        monkeypatch.setattr(f"semioscope.report.{module}.finish", lambda *_, **__: "<svg></svg>")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = made_up_slices.write_slice_run(tmp_path_factory.mktemp("slices"))
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def scores(run):
    return json.loads((run / "scores.json").read_text(encoding="utf-8"))


@pytest.fixture
def small(run, tmp_path, quick_figures):
    """Return a copy of the run that has nothing to tell of single events."""
    scores = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    kept = ("run", "classes", "slices", "crops")
    write_json(tmp_path / "scores.json", {key: scores[key] for key in kept})
    write_text(tmp_path / "folds.json", (run / "folds.json").read_text(encoding="utf-8"))
    return tmp_path


@pytest.fixture(scope="module")
def page(run):
    return Words((run / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    folder = made_up_slices.write_series(tmp_path_factory.mktemp("series"))
    write_report(folder)
    return folder


def test_the_section_begins_with_the_mean_the_split_and_what_was_printed(page, scores):
    own = scores["slices"]["mean"]["macro_f1"]
    text = page.text[page.text.index("Macro F1 per 2-second slice") :]
    assert text.startswith(
        f"Macro F1 per 2-second slice: {own['mean']:.3f} ± {own['sd']:.3f} (mean ± standard deviation over 5 folds; "
        "patients never cross from training to test; 2 patients are tested in several folds). Karácsony et al. 2022 "
        "printed 0.763 ± 0.083 for Extended LSTM, data set B0.5 and 3 classes (Table 2; 5 folds of 3 + 3 validation "
        "patients of which some appear twice, the epoch chosen on the reported fold)."
    )
    assert page.text.index("Macro F1 per 2-second slice") < page.text.index("A simple rule that does as well")
    assert {"slices", "crops"} <= set(page.ids)
    assert {"#slices", "#crops"} <= set(page.links)
    assert "some seizures are tested in several folds" in page.text


def test_every_fold_and_class_has_its_row(page, scores):
    for fold in scores["slices"]["per_fold"]:
        numbers = [f"{fold[name]:.3f}" for name in
                   ("macro_f1", "macro_precision", "macro_sensitivity", "accuracy", "auroc")]  # fmt: skip
        counts = [str(fold[name]) for name in ("fold", "num_slices", "num_events", "num_patients")]
        assert " ".join([*counts, *numbers]) in page.text
    tle = scores["slices"]["per_class"][1]
    sensitivity, specificity = (
        f"{tle[key]['mean']:.3f} ± {tle[key]['sd']:.3f}" for key in ("sensitivity", "specificity")
    )
    assert (
        f"TLE {tle['num_slices']} {sensitivity} printed 0.765 ± 0.058 {specificity} printed 0.962 ± 0.029"
        in page.text
    )
    pooled = scores["slices"]["pooled"]["auroc"]
    assert f"{pooled['value']:.3f} ({pooled['low']:.3f} to {pooled['high']:.3f})" in page.text


def test_what_was_cut_and_cropped_is_told(page, scores):
    total = scores["slices"]["data"]["per_class"]["FLE"]
    assert f"{total['total_frames']} frames, {total['total_seconds']:.1f} s printed 73444 frames" in page.text
    assert "printed 941.6 frames" in page.text
    assert "printed 78 seizures" in page.text
    assert f"{total['num_slices_as_planned']} printed 2333" in page.text
    pace = scores["slices"]["pace"]
    assert f"1 of {pace['num_slices']} slices last too long or too short: by more than 10 %" in page.text
    assert (
        "546 frames at the end of 78 videos of 78 are in no slice: only whole slices are used." in page.text
    )
    assert "1 slice was left out because frames are missing." in page.text
    assert (
        "Crop plans: 71 accepted, 2 flagged and 1 rejected. 3 plans were decided by hand. 1 plan could not"
        in page.text
    )
    assert "These kept the raw picture" in page.text
    assert "sz-004 p04-ir no bed was found with a score of 0.7 or more" in page.text
    assert "1 accepted crop with a remark" in page.text
    assert (
        "depth crop right in 110 of 115 (95.65 %) and box crop right in 111 of 115 (96.52 %), by eye"
        in page.text
    )


def test_figures_are_saved_and_say_what_they_show(run, scores):
    html = (run / "report.html").read_text(encoding="utf-8")
    for name in ("slices-confusion", "slices-roc"):
        text = (run / "figures" / f"{name}.svg").read_text(encoding="utf-8")
        Xml.fromstring(text)
        assert text.strip() in html
    matrix = scores["slices"]["per_fold"][0]["confusion"]
    assert f"Fold 0: FLE called FLE {matrix[0][0]}, FLE called TLE {matrix[0][1]}" in html
    area = scores["slices"]["roc"][2]["auroc"]
    assert f"nonepileptic: mean area {area['mean']:.3f} ± {area['sd']:.3f}, folds 0." in html


def test_with_three_classes_a_probability_is_that_of_the_called_class(run):
    for name in ("patients", "reliability"):
        drawn = (run / "figures" / f"{name}.svg").read_text(encoding="utf-8")
        assert "the called class" in drawn
        assert "dashed: threshold" not in drawn


def test_two_classes_by_patient(tmp_path, quick_figures):
    made_up_slices.write_slice_run(tmp_path, num_classes=2, recipe="karacsony-2020", extended=False)
    folds = json.loads((tmp_path / "folds.json").read_text(encoding="utf-8"))
    folds["selection"] = "inner"
    for fold in folds["folds"]:
        fold["test"] = [name for name in fold["test"] if int(folds["patient_of"][name][1:]) <= 24]
    write_json(tmp_path / "folds.json", folds)
    text = page_of(tmp_path).text
    assert "over 5 folds; patients never cross from training to test). Karácsony et al. 2020 printed" in text
    assert "0.844 ± 0.042 for LSTM and 2 classes (section 4.2; 5 folds by patient" in text
    assert "the printed figure had the easier test" in text
    assert (
        "As printed Karácsony et al. 2020, section 4.2 0.844 ± 0.042 0.857 ± 0.042 0.838 ± 0.041 – 0.90 ± 0.04"
        in text
    )
    assert "printed 2587.0 s" in text
    assert "together the folds test every seizure once" in text


def test_own_settings_have_nothing_printed_beside(small):
    text = page_of(small, lambda scores: scores["slices"].update(published={})).text
    assert "printed" not in text[text.index("Macro F1 per 2-second slice") : text.index("Crop plans")]

    def other(scores):
        scores["slices"]["published"] = {"source": "Karácsony et al. 2022", "mean": {}, "per_class": {}}

    assert (
        "Karácsony et al. 2022 have no such classifier with this many classes" in page_of(small, other).text
    )


def test_what_is_undefined_is_said(small):
    def change(scores):
        slices = scores["slices"]
        slices["per_fold"][1]["macro_f1"] = None
        slices["mean"]["macro_f1"] = {"mean": 0.5, "sd": 0.1, "num_folds": 4}
        slices["pooled"]["macro_f1"] = {
            "value": 0.5,
            "low": None,
            "high": None,
            "note": "No interval: few patients.",
        }
        slices["notes"] = ["Fold 1 tests no slice of TLE."]

    text = page_of(small, change).text
    assert "0.500 ± 0.100 (mean ± standard deviation over 4 of 5 folds;" in text
    assert "macro F1 0.50 (no interval: few patients)." in text
    assert "Fold 1 tests no slice of TLE." in text
    assert re.search(r"\b1 \d+ \d+ \d+ undefined 0\.", text)
    assert " nan" not in text.lower()


@pytest.mark.parametrize(
    "part", ["slices", "crops", "per_fold", "roc", "published", "data", "pace", "mean", "pooled"]
)
def test_any_part_may_be_missing(small, part):
    page = page_of(small, lambda scores: (scores if part in scores else scores["slices"]).pop(part))
    assert ("slices" in page.ids) == (part != "slices")
    assert ("crops" in page.ids) == (part != "crops")
    assert "None" not in page.text


def test_every_part_may_be_null(small):
    def change(scores):
        for section in ("slices", "crops"):
            scores[section] = dict.fromkeys(scores[section])

    page = page_of(small, change)
    assert {"slices", "crops"} <= set(page.ids)
    assert "None" not in page.text


def test_parts_beside_seizures_are_not_called_seizures(small):
    def change(scores):
        scores["cohort"] = {"parts_class": "nonepileptic"}
        scores["confusion"] = [[13, 2, 1], [3, 9, 2], [0, 1, 20]]

    text = page_of(small, change).text
    assert "Right in 42 of 51 events" in text
    assert "20 of 21 nonepileptic events were recognised; 1 called TLE." in text
    assert "Events of the class nonepileptic are parts of recordings before and after seizures" in text


def test_many_notes_are_folded(small):
    page = page_of(small, lambda scores: scores.update(notes=[f"Look at number {k}." for k in range(11)]))
    text = (small / "report.html").read_text(encoding="utf-8")
    assert "3 more notes" in page.text
    assert text.index("number 7") < text.index("3 more notes") < text.index("number 8")


def test_splits_are_named():
    def folds(*tested, train=((), ())):
        return {
            "patient_of": {"a": "p", "b": "q"},
            "folds": [
                {"test": list(one), "train": list(two)} for one, two in zip(tested, train, strict=True)
            ],
        }

    assert split_text({}) == ""
    assert split_text(folds("a", "b")) == "patients never cross from training to test"
    assert split_text(folds("a", "ab")).endswith("; 1 patient is tested in several folds")
    assert split_text(folds("a", "b", train=("a", ""))) == "1 patient on both sides of a split"
    assert events_tested_again(folds("ab", "a")) == ("a",)


def test_names_cannot_break_a_page_of_slices(small, monkeypatch):
    hostile = "<script>$x_1$</script>"
    monkeypatch.setattr("semioscope.report.slice_figures.finish", finish)

    def change(scores):
        scores["classes"][1] = hostile
        for row in (*scores["slices"]["per_class"], *scores["slices"]["roc"]):
            row["class"] = hostile if row["class"] == "TLE" else row["class"]
        scores["slices"]["notes"] = [hostile]
        scores["crops"]["flagged"][0]["reason"] = hostile

    page = page_of(small, change)
    assert page.text.count(hostile) >= 3
    html = (small / "report.html").read_text(encoding="utf-8")
    assert html.count("<script>") == 1
    Xml.fromstring((small / "figures" / "slices-confusion.svg").read_text(encoding="utf-8"))


def test_a_series_stands_beside_the_printed_table(series):
    page = page_of(series)
    content = json.loads((series / "series.json").read_text(encoding="utf-8"))
    text = page.text
    assert "7 of 8 runs done" in text
    assert "Folds by rule patient, nothing chosen on the reported fold." in text
    assert "best in print Extended LSTM on B0.5 with 0.763 ± 0.083" in text
    assert "mean nothing clinically" in text
    for row in content["rows"]:
        printed = row["published"]["mean"]["macro_f1"]
        assert f"printed {printed['mean']:.3f} ± {printed['sd']:.3f}" in text
        if row["status"] == "done":
            own = row["slices"]["mean"]["macro_f1"]
            assert f"{own['mean']:.3f} ± {own['sd']:.3f} printed {printed['mean']:.3f}" in text
            assert f"{row['folder']}/report.html" in page.links
    assert "I3D on B, 2 classes: failed. Batches must fit into memory, got 9 GB." in text
    assert "failed – printed 0.682 ± 0.111 FLE – printed 0.646 ± 0.115 – printed 0.771 ± 0.132" in text
    svg = (series / "figures" / "series-bars.svg").read_text(encoding="utf-8")
    Xml.fromstring(svg)
    assert "A LSTM" in svg
    assert "B I3D undefined, printed 0.682 ± 0.111" in svg


def crop_cells(folder):
    """Return the cells of the table of crops, row by row."""
    html = (folder / "report.html").read_text(encoding="utf-8")
    section = html[html.index('id="crops"') :].partition("</section>")[0].partition("<tbody>")[2]
    rows = re.findall(r"<tr>(.*?)</tr>", section, flags=re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.DOTALL) for row in rows]
    return [[re.sub(r"<[^>]+>", " ", cell).replace("\xa0", " ").strip() for cell in row] for row in cells]


def test_a_series_tells_how_its_data_sets_were_cropped(tmp_path, quick_figures):
    made_up_slices.write_series(tmp_path)
    page_of(tmp_path)
    boxed, cleared = "depth_box nothing cleared by depth", "depth_box cleared by depth"
    assert crop_cells(tmp_path) == [
        ["A", "2 classes", boxed, "72", "2", "1", "1", "3"],
        ["A", "3 classes", boxed, "73", "2", "1", "1", "3"],
        ["B", "2 classes", cleared, "72", "2", "1", "1", "3"],
        ["B", "3 classes", cleared, "73", "2", "1", "1", "3"],
        ["B0.5", "3 classes", cleared, "73", "2", "1", "1", "3"],
    ]


def test_runs_of_a_series_that_saw_other_crops_are_told_apart(tmp_path, quick_figures):
    made_up_slices.write_series(tmp_path)
    page_of(tmp_path, lambda content: content["rows"][1]["crops"].update(num_flagged=0, num_accepted=74))
    assert [row[0].split() + row[3:5] for row in crop_cells(tmp_path)][:2] == [
        ["A", "I3D", "72", "2"],
        ["A", "LSTM", "74", "0"],
    ]

    def without(content):
        for row in content["rows"]:
            row.pop("crops")

    assert "Crops" not in page_of(tmp_path, without).text


def test_links_lead_only_to_reports_that_are_there(tmp_path, series, quick_figures):
    write_text(tmp_path / "series.json", (series / "series.json").read_text(encoding="utf-8"))
    assert page_of(tmp_path).links == ["#table"]


def test_a_series_without_results_and_with_unknown_names(tmp_path):
    page = page_of(
        made_up_slices.write_series(tmp_path, failed=tuple(range(8))),
        lambda content: content["rows"][0].update(published={}, num_classes=None, title="<b>x</b>"),
    )
    assert "0 of 8 runs done" in page.text
    assert "<b>x</b>: failed." in page.text
    write_json(tmp_path / "series.json", {"kind": "series"})
    assert "0 runs beside the printed table" in page_of(tmp_path).text


def test_a_series_must_be_one(tmp_path):
    with pytest.raises(
        StoreError, match=r"A report of a series needs .*series\.json.*Give the command again"
    ):
        write_series_report(tmp_path)
    for content in ([1], {"kind": "study"}):
        write_json(tmp_path / "series.json", content)
        with pytest.raises(StoreError, match=r"series\.json must hold a JSON object of the kind series"):
            write_report(tmp_path)


def test_same_numbers_same_bytes(scores):
    slices = scores["slices"]
    matrices = [("Fold 0", slices["confusion"])]
    bars = [("2 classes", [{"data_set": "A", "classifier": "I3D", "own": {"mean": 0.5}, "printed": {}}])]
    for draw in (
        lambda: fold_matrices_figure(matrices, scores["classes"]),
        lambda: fold_curves_figure(slices["roc"][:1], slices["per_fold"]),
        lambda: series_bars_figure(bars),
    ):
        assert draw() == draw()
