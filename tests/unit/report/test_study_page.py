"""The page of a study: whole, self-contained, the same each time, and honest about what is missing."""

import importlib.util
import json
import math
import re
import statistics
from pathlib import Path
from typing import Any

import pytest

from semioscope.core.errors import StoreError
from semioscope.core.files import write_json
from semioscope.report import write_report, write_study_report


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made_up_study = _module("made_up_study")
Page = _module("test_report_page").Page


def page_of(folder: Path) -> Any:
    return Page(write_study_report(folder).read_text(encoding="utf-8"))


def edited(folder: Path, change: Any, **options: Any) -> Any:
    scores = made_up_study.event_scores(**options)
    change(scores)
    write_json(folder / "scores.json", scores)
    return page_of(folder)


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = made_up_study.write_event_study(tmp_path_factory.mktemp("event"))
    write_report(folder)
    return Path(folder)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = made_up_study.write_clip_study(
        tmp_path_factory.mktemp("clip"), available=("resnet34", "r2plus1d_34_8", "r2plus1d_34_32")
    )
    write_report(folder)
    return Path(folder)


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out all figures, where only the words matter."""
    monkeypatch.setattr("semioscope.report.study_page._event_figures", lambda _: {})
    monkeypatch.setattr("semioscope.report.study_page._clip_figures", lambda _: {})


@pytest.fixture
def quick_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build figures but leave out the slow writing of SVG, where the text of the figures does not matter."""
    for module in ("study_figures", "study_pairs", "study_strips"):
        monkeypatch.setattr(f"semioscope.report.{module}.finish", lambda *_, **__: "<svg></svg>")


@pytest.mark.parametrize("kind", ["event", "clip"])
def test_the_page_is_whole_and_loads_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    text = (request.getfixturevalue(kind) / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.nested
    assert not page.open
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert page.loads == []
    assert "default-src 'none'" in text
    assert "&lt;there&gt;" in text, "notes are escaped"
    assert "<moov" not in text
    for words in ("Research software, not a medical device", "Synthetic data.", "Someone et al. 2021"):
        assert words in page.text
    assert not {"NaN", "nan", "None"} & set(re.findall(r"\w+", page.text))


@pytest.mark.parametrize("kind", ["event", "clip"])
def test_the_same_files_give_the_same_bytes(kind: str, tmp_path: Path) -> None:
    if kind == "event":
        made_up_study.write_event_study(
            tmp_path, aggregators=("blstm",), num_segments=(8, 16), gammas=(1.0, 4.0)
        )
    else:
        made_up_study.write_clip_study(tmp_path, num_seizures=20)
    write_report(tmp_path)
    before = {
        path: path.read_bytes() for path in [tmp_path / "report.html", *(tmp_path / "figures").iterdir()]
    }
    assert write_study_report(tmp_path) == tmp_path / "report.html"
    assert {path: path.read_bytes() for path in before} == before


def test_the_answer_comes_first_and_is_about_new_patients(event: Path) -> None:
    scores = json.loads((event / "scores.json").read_text())
    patient = scores["protocols"]["patient"]
    best = max((cell for cell in patient["cells"]), key=lambda cell: cell["accuracy"]["value"])
    text = Page((event / "report.html").read_text(encoding="utf-8")).text
    headline = "Right in 168 of 183 seizures with the setting chosen inside the training patients"
    assert headline in text
    assert "an accuracy of 91.5 % (95 % interval" in text
    assert "under folds by patient, epoch chosen inside the training patients" in text
    assert "majority class 57.9 %, duration alone 73.2 % and mean of clip probabilities 83.6 %" in text
    second = text.index("The best of 60 settings, ")
    assert text.index("an accuracy of 91.5 %") < second
    told = f"reaches {100 * best['accuracy']['value']:.1f} % ("
    assert (
        second < text.index(told) < text.index("chosen after looking at the test scores: that is optimistic.")
    )
    labels = [text.index(words) for words in ("patients, folds by patient", "settings by test scores, folds")]
    assert labels == sorted(labels)
    assert text.index(
        "Folds by seizure look better than folds by patient by 4.3 percentage points"
    ) < text.index("Every setting Each mark")
    assert "that is the figure to expect" in text
    assert "41 patients stand in training and test of the same fold." in text


def test_the_best_of_many_is_called_so_where_nothing_was_chosen_inside(
    tmp_path: Path, no_figures: None
) -> None:
    made_up_study.write_event_study(tmp_path, protocols=("paper",))
    text = page_of(tmp_path).text
    assert "seizures with the best of 60 settings, chosen after looking at the test scores" in text
    assert "It is the best of 60 settings and was chosen after looking at the test scores" in text
    made_up_study.write_event_study(
        tmp_path, protocols=("paper",), aggregators=("lstm",), num_segments=(2,), gammas=(1.0,)
    )
    assert "looking at the test scores" not in page_of(tmp_path).text


@pytest.mark.parametrize(
    ("selection", "sizes", "told"),
    [
        ("inner", (5, 4, 6), "epoch chosen inside the training patients."),
        (
            "inner",
            (0, 0, 0),
            "fixed number of epochs, as the training patients could not be split once more in any fold.",
        ),
        (
            "inner",
            (5, 0, 4),
            "epoch chosen inside the training patients in 2 of 3 folds, fixed number of epochs in the other, as the "
            "training patients could not be split once more there.",
        ),
        ("test", (5, 4, 6), "best epoch of the reported fold."),
        ("none", (0, 0, 0), "fixed number of epochs."),
    ],
)
@pytest.mark.parametrize("level", ["event", "clip"])
def test_the_lead_says_where_the_epoch_was_chosen(
    level: str, selection: str, sizes: tuple[int, ...], told: str, tmp_path: Path, no_figures: None
) -> None:
    scores = (
        made_up_study.event_scores(num_segments=(16,)) if level == "event" else made_up_study.clip_scores()
    )
    scores["protocols"]["patient"] |= {
        "selection": selection,
        "per_fold": [{"fold": fold, "num_validation": size} for fold, size in enumerate(sizes)],
    }
    write_json(tmp_path / "scores.json", scores)
    text = page_of(tmp_path).text
    found = re.findall(rf"folds by patient, {re.escape(told[:-1])}[.;]", text)
    assert len(found) == 2, "in the lead and above the table"


def test_every_setting_stands_in_a_table_of_its_protocol(event: Path) -> None:
    text = (event / "report.html").read_text(encoding="utf-8")
    tables = re.findall(r'aria-label="Settings, (\w+)".*?<tbody>(.*?)</tbody>', text, flags=re.DOTALL)
    assert [name for name, _ in tables] == ["paper", "patient"]
    for _, body in tables:
        assert body.count("<tr") == 60
        assert body.count('class="own"') == 3
        assert body.count("∞") == 12


def test_figures_of_every_protocol_are_saved(event: Path, clip: Path) -> None:
    assert {path.name for path in (event / "figures").iterdir()} == {
        "grid-paper.svg", "grid-patient.svg", "matrices-paper.svg", "matrices-patient.svg",
        "protocols.svg", "beta.svg",
    }  # fmt: skip
    assert {path.name for path in (clip / "figures").iterdir()} == {"strips-paper.svg", "strips-patient.svg"}
    grid = (event / "figures" / "grid-paper.svg").read_text(encoding="utf-8")
    assert "published best." in grid
    assert "γ = ∞ (centre)" in grid


def test_figures_of_an_earlier_report_go(tmp_path: Path, quick_figures: None) -> None:
    made_up_study.write_event_study(tmp_path, num_segments=(2,), gammas=(1.0,), protocols=("patient",))
    figures = tmp_path / "figures"
    figures.mkdir()
    (figures / "grid-gone.svg").write_text("old")
    (figures / "mine.svg").write_text("kept")
    write_study_report(tmp_path)
    assert {path.name for path in figures.iterdir()} == {"mine.svg"}


@pytest.mark.parametrize(
    ("num_aggregators", "num_segments", "num_gammas", "protocols"),
    [
        (1, (16,), 1, ("patient",)),
        (2, (2, 16), 2, ("paper",)),
        (4, (2, 3, 4, 8, 16, 32), 2, ("paper", "patient", "released")),
        (3, (16,), 5, ("released", "patient")),
    ],
)
def test_any_grid_gives_a_page(
    num_aggregators: int, num_segments: tuple[int, ...], num_gammas: int, protocols: tuple[str, ...],
    tmp_path: Path, quick_figures: None,
) -> None:  # fmt: skip
    made_up_study.write_event_study(
        tmp_path,
        aggregators=("mean", "lstm", "blstm", "transformer")[:num_aggregators],
        num_segments=num_segments,
        gammas=made_up_study.GAMMAS[-num_gammas:],
        protocols=protocols,
        undefined=True,
        missing=len(num_segments) // 2,
    )
    page = page_of(tmp_path)
    assert page.nested
    assert not {"NaN", "nan", "None"} & set(re.findall(r"\w+", page.text))


def test_one_protocol_cannot_tell_what_the_split_hides(tmp_path: Path, no_figures: None) -> None:
    made_up_study.write_event_study(tmp_path, protocols=("paper",), num_segments=(16,))
    text = page_of(tmp_path).text
    assert "How much the folds flatter is not known" in text
    assert "likely to be better than for a new patient" in text
    assert "No setting was chosen inside the training patients under this protocol" in text


def test_few_patients_have_no_intervals_but_a_reason(tmp_path: Path, no_figures: None) -> None:
    made_up_study.write_event_study(tmp_path, num_patients=4, num_segments=(16,), gammas=(4.0,))
    text = page_of(tmp_path).text
    assert "too few patients (4) for an interval" in text
    assert "that can be chance" in text


def test_settings_without_result_are_counted(tmp_path: Path, no_figures: None) -> None:
    made_up_study.write_event_study(tmp_path, missing=3, undefined=True, num_segments=(8, 16))
    assert "4 of 30 settings have no result, whatever the folds." in page_of(tmp_path).text


def test_a_study_without_any_result_says_so(tmp_path: Path, no_figures: None) -> None:
    for content in ({"protocols": {}}, {"protocols": {"patient": {"rule": "patient", "cells": []}}}):
        write_json(tmp_path / "scores.json", {"kind": "study", "level": "event", **content})
        text = page_of(tmp_path).text
        assert "No setting has a result" in text
        assert "It takes two protocols to tell" in text
    write_json(tmp_path / "scores.json", {"kind": "study", "level": "clip"})
    assert "No feature extractor has a result" in page_of(tmp_path).text


@pytest.mark.parametrize(
    ("gap", "low", "expected"),
    [
        (0.2, 0.1, "Better than every simple rule it was compared with"),
        (0.2, -0.1, "It is not shown to beat every simple rule"),
        (-0.2, -0.3, "It does not beat every simple rule"),
    ],
)
def test_paired_differences_decide(
    gap: float, low: float, expected: str, tmp_path: Path, no_figures: None
) -> None:
    def change(scores: dict[str, Any]) -> None:
        for baseline in scores["protocols"]["patient"]["baselines"].values():
            baseline["difference"] = {"accuracy": {"value": gap, "low": low, "high": gap + 0.1}}

    text = edited(tmp_path, change, num_segments=(16,)).text
    assert expected in text
    assert "Study better by setting chosen inside, points of accuracy" in text


def test_folds_that_flatter_the_other_way_are_called_so(tmp_path: Path, no_figures: None) -> None:
    def change(scores: dict[str, Any]) -> None:
        scores["flattery"]["metrics"]["accuracy"]["mean_difference"] = {
            "value": -0.012, "low": -0.05, "high": 0.01, "note": ""
        }  # fmt: skip

    told = "Folds by seizure look worse than folds by patient by 1.2 percentage points of accuracy on average"
    assert (
        f"{told} (95 % interval \N{MINUS SIGN}1.0 to 5.0)"
        in edited(tmp_path, change, num_segments=(16,)).text
    )


def test_the_mean_of_what_the_folds_flatter_leads_with_its_interval_or_the_reason_why_not(
    event: Path, tmp_path: Path, no_figures: None
) -> None:
    page = Page((event / "report.html").read_text(encoding="utf-8"))
    heading = (
        "Folds by seizure look better than folds by patient by 4.3 percentage points of accuracy on average"
    )
    assert f"{heading} (95 % interval 1.2 to 7.4)" in page.text
    assert "Mean over all settings +4.3 (+1.2 to +7.4)" in page.text
    assert page.text.index("Mean over all settings") < page.text.index("16 segments, γ = 4 9")
    note = "No interval: it needs at least 5 patients, and there are 4."

    def change(scores: dict[str, Any]) -> None:
        for cells in scores["flattery"]["metrics"].values():
            cells["mean_difference"] |= {"low": None, "high": None, "note": note}

    few = edited(tmp_path, change, num_segments=(16,)).text
    assert f"Mean over all settings +4.3 {note}" in few
    assert f"{heading} On average" in few


def test_words_and_figures_have_one_sign(event: Path) -> None:
    """Positive where the folds that share patients look better: in the sentences, the table and the figure."""
    content = json.loads((event / "scores.json").read_text())["flattery"]
    svg = (event / "figures" / "protocols.svg").read_text(encoding="utf-8")
    text = (event / "report.html").read_text(encoding="utf-8")
    for cells in content["metrics"]["accuracy"]["cells"].values():
        shown = f"{100 * (cells['from'] - cells['to']):+.1f}".replace("-", "\N{MINUS SIGN}")
        assert re.search(rf"<text[^>]*>{re.escape(shown)}</text>", svg)
        assert f"<b>{shown}</b>" in text
    assert "how much the first flatters, so positive where it looks better" in Page(text).text


def test_several_backbones_have_a_figure_each(tmp_path: Path, quick_figures: None) -> None:
    def change(scores: dict[str, Any]) -> None:
        scores["grid"]["backbones"] = ["resnet34", "r2plus1d_34_8"]
        for protocol in scores["protocols"].values():
            for index, cell in enumerate(protocol["cells"]):
                cell["backbone"] = scores["grid"]["backbones"][index % 2]

    page = edited(tmp_path, change, aggregators=("lstm",), num_segments=(8, 16), gammas=(1.0,))
    assert "Backbone resnet34" in page.text
    assert "Backbone r2plus1d_34_8" in page.text


def test_the_table_of_extractors_keeps_its_order_and_says_what_is_missing(clip: Path) -> None:
    scores = json.loads((clip / "scores.json").read_text())
    text = (clip / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    body = re.search(
        r'aria-label="Feature extractors, patient".*?<tbody>(.*?)</tbody>', text, flags=re.DOTALL
    )
    assert body is not None
    titles = ["Wide R2D-50-2 (1)", "R2D-34 (1)", "R(2+1)D-34 (8)", "R(2+1)D-34 (32)"]
    assert re.findall(r'<th scope="row">(.*?)</th>', body[1]) == [*titles, "Rule: no clip is tonic-clonic"]
    assert "Wide R2D-50-2 (1) is not available: no features of wide_resnet50_2 are there" in page.text
    row = scores["table1"]["protocols"]["patient"]["rows"][3]
    for metric in ("accuracy", "f1", "auc"):
        own, published = row[metric], row["published"][metric]
        assert f"{100 * own['median']:.1f} ({100 * own['iqr']:.1f})" in body[1]
        assert f"{100 * published['median']:.1f} ({100 * published['iqr']:.1f})" in body[1]
    assert "The window moved by 32 frames (published: 1 frame)" in page.text


def test_the_statistics_are_said_in_words(clip: Path) -> None:
    text = Page((clip / "report.html").read_text(encoding="utf-8")).text
    assert "Accuracy: R(2+1)D-34 (32) is significantly better than R2D-34 (1) (p = 1.0 × 10⁻⁹)" in text
    assert "no significant difference between" in text
    assert "a difference counts below p = 0.0042" in text
    assert "In accuracy it cannot be told from R(2+1)D-34 (8)" in text


def test_the_rule_that_needs_no_network_stands_apart_and_is_shown_plainly(clip: Path) -> None:
    text = (clip / "report.html").read_text(encoding="utf-8")
    page = Page(text).text
    assert "For comparison, the rule that no clip is tonic-clonic: 100.0 %." in page
    assert "It is not shown to be more often right than the rule that no clip is tonic-clonic" in page
    rows = json.loads((clip / "scores.json").read_text())["table1"]["protocols"]["patient"]["rows"]
    best = max((row for row in rows if row["available"]), key=lambda row: row["accuracy"]["median"])
    told = f"{best['title']} ({100 * best['accuracy']['median']:.1f} %) is not above the rule that no clip is"
    assert f"{told} tonic-clonic (100.0 %; p" in page
    assert "right on every clip of 32 of 60 seizures, which is why its median accuracy is 100 %." in page
    assert "with 106 FOS among 183 seizures, its median accuracy is 100 % too; the paper does not" in page
    bodies = re.findall(r'aria-label="Feature extractors, \w+".*?<tbody>(.*?)</tbody>', text, flags=re.DOTALL)
    assert len(bodies) == 2
    for body in bodies:
        assert body.count('class="rule"') == 1
        rule = body[body.index('class="rule"') :]
        assert "R2D-34" not in rule[: rule.index("</tr>")]
        assert all(cell in rule for cell in ("100.0 (42.0)", "0.0 (0.0)", "38.0 (20.0)", "not shown (p"))


def test_a_single_feature_extractor_is_held_against_the_rule(tmp_path: Path, no_figures: None) -> None:
    def written(**change: Any) -> str:
        scores = made_up_study.clip_scores(available=("r2plus1d_34_8",))
        for table in scores["table1"]["protocols"].values():
            for test in table["rule"]["tests"]:
                test |= change
            if change.get("rule") == "none":
                del table["rule"]
        write_json(tmp_path / "scores.json", scores)
        return str(page_of(tmp_path).text)

    text = written()
    assert "It is not shown to be more often right than the rule" in text
    assert "No other feature extractor has a result to hold it against." in text
    assert "What is left is the rule, in the last row of the table." in text
    better = written(significant=True, p_value=1e-5)
    assert "Better than the rule; the only feature extractor" in better
    assert "In accuracy R(2+1)D-34 (8) is above the rule that no clip is tonic-clonic (100.0 %; p" in better
    without = written(rule="none")
    assert "Not compared" in without
    assert "nothing to compare" not in text + better + without
    assert "tonic-clonic" not in without


def test_the_effect_of_the_split_on_clips_is_the_difference_of_medians(clip: Path) -> None:
    scores = json.loads((clip / "scores.json").read_text())["table1"]["protocols"]
    first, second = (scores[name]["rows"][2]["accuracy"]["median"] for name in ("paper", "patient"))
    text = (clip / "report.html").read_text(encoding="utf-8")
    assert f"<b>{100 * (first - second):+.1f}</b>".replace("-", "\N{MINUS SIGN}") in text
    assert "how much the first flatters" in text
    assert "Every seizure that was scored with one was scored with the other." in text


def test_the_effect_of_the_split_is_that_on_the_seizures_that_both_have(
    tmp_path: Path, no_figures: None
) -> None:
    """The best seizures failed by patient; the medians of the table are those of different seizures."""
    made_up_study.write_clip_study(tmp_path, lost=9, available=("resnet34", "r2plus1d_34_8"))
    scores = json.loads((tmp_path / "scores.json").read_text())["table1"]["protocols"]
    page = page_of(tmp_path)
    effect = page.text[page.text.index("Effect of the split The same") :]
    effect = effect[: effect.index("Seizure by seizure")]
    for index, title in ((1, "R2D-34 (1)"), (2, "R(2+1)D-34 (8)")):
        before, after = (scores[name]["rows"][index]["per_seizure"] for name in ("paper", "patient"))
        own, rest = ([side[name]["accuracy"] for name in after] for side in (before, after))
        gap = 100 * (statistics.median(own) - statistics.median(rest))
        shown = f"{gap:+.1f}".replace("-", "\N{MINUS SIGN}")
        unpaired = statistics.median([cell["accuracy"] for cell in before.values()]) - statistics.median(rest)
        assert abs(100 * unpaired - gap) > 0.2, "the medians of all say something else"
        assert shown in effect
        assert f"{title}: 9 seizures were scored with folds by seizure only, so left out." in effect
    assert "51 seizures, 9 left out" in effect
    assert "not available" in effect


def test_scores_that_do_not_say_the_effect_of_the_split(tmp_path: Path, no_figures: None) -> None:
    scores = made_up_study.clip_scores()
    del scores["table1"]["split"]
    write_json(tmp_path / "scores.json", scores)
    assert "The scores of this study do not say it" in page_of(tmp_path).text
    write_json(tmp_path / "scores.json", made_up_study.clip_scores(protocols=("patient",)))
    assert "It takes two protocols to tell; one was run." in page_of(tmp_path).text


def test_every_seizure_stands_in_a_folded_table(clip: Path) -> None:
    text = (clip / "report.html").read_text(encoding="utf-8")
    assert text.count(">sz-059</th>") == 2


def test_the_trainings_that_were_done_are_counted(event: Path, tmp_path: Path, no_figures: None) -> None:
    text = Page((event / "report.html").read_text(encoding="utf-8")).text
    assert "1 198 of 1 200 trainings" in text.replace("\u202f", " ")
    assert "Features from an imported set." in text
    page = edited(tmp_path, lambda scores: scores["run"].update(num_trained=1200), num_segments=(16,))
    assert "· made-up 1 200 trainings" in page.text.replace("\u202f", " ")


def test_random_weights_are_said(tmp_path: Path, no_figures: None) -> None:
    page = edited(tmp_path, lambda scores: scores["run"].update(weights="random"), num_segments=(16,))
    assert "Random weights." in page.text


def test_what_is_not_a_study_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "scores.json", {"kind": "study", "level": "view"})
    with pytest.raises(
        StoreError, match=r"must be that of a study \(kind study, level event or clip\).*level view"
    ):
        write_study_report(tmp_path)
    write_json(tmp_path / "scores.json", {"event": {}})
    with pytest.raises(StoreError, match="got kind n/a, level n/a"):
        write_study_report(tmp_path)


def test_a_folder_without_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"A report needs .*scores\.json"):
        write_study_report(tmp_path)


def test_the_maker_knows_every_shape() -> None:
    scores = made_up_study.event_scores(undefined=True)
    assert any(math.isnan(cell["f1"]["value"]) for cell in scores["protocols"]["paper"]["cells"])
