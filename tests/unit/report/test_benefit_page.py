"""The page about a pre-training: the answer first, every average, whom it has seen, and no network."""

import copy
import re

import pytest
from made_up_benefit import PRETRAINING, made_up_content

from semioscope.core.errors import StoreError
from semioscope.core.files import read_json, write_json
from semioscope.report import write_report
from semioscope.report.averages import average_rows, averages_section
from semioscope.report.benefit_page import signed, typographic, write_benefit_report
from semioscope.runs.averages import published_averages

SKILLS = {"pretrained": 9.0, "scratch": 0.0, "frozen": 2.0}
SEEDS = {"pretrained": 1, "scratch": 2, "frozen": 3}


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """What a page is made of."""
    out = tmp_path_factory.mktemp("answered")
    return made_up_content(out, skills=SKILLS, seeds=SEEDS, num_patients=12)


@pytest.fixture
def made(answered, tmp_path):
    """A folder with an answer, and its content."""
    write_json(tmp_path / "benefit.json", answered)
    return tmp_path, copy.deepcopy(answered)


def page_of(folder):
    return write_report(folder).read_text(encoding="utf-8")


def plain(page):
    """The text of a page, without tags and with single spaces."""
    body = re.sub(r"<(style|script|svg).*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_the_answer_leads(made):
    folder, content = made
    page = page_of(folder)
    assert re.search(r"<h1>(.*?)</h1>", page)[1] == content["answer"]["title"] == "Pre-training helped"
    text = plain(page)
    assert typographic(content["answer"]["lead"]) in text
    assert text.index("Pre-training: accuracy") < text.index("Every average")
    for sentence in content["answer"]["sentences"]:
        assert typographic(sentence) in text
    assert "Research software, not a medical device." in text
    assert "Synthetic videos." in text


def test_real_cohorts_have_no_synthetic_banner(made):
    folder, content = made
    write_json(folder / "benefit.json", content | {"synthetic": False})
    assert "Synthetic videos." not in page_of(folder)


def test_the_same_file_gives_the_same_bytes_and_nothing_is_loaded(made):
    folder, _ = made
    first, figure = page_of(folder), (folder / "figures" / "benefit-differences.svg").read_bytes()
    assert page_of(folder) == first
    assert (folder / "figures" / "benefit-differences.svg").read_bytes() == figure
    assert not re.search(r"(src|href)=\"(https?:)?//", first)
    assert "default-src 'none'" in first
    assert first.count('id="pretraining-loss-t"') == 1


def test_every_average_of_every_run_is_in_the_table(made):
    folder, content = made
    text = plain(page_of(folder))
    for one in content["variants"]:
        for value in one["averages"]["overall"].values():
            assert f"{value['value']:.3f}" in text
    assert "Always FOS" in text
    assert "Printed matrix" not in text  # nothing is printed of this recipe
    for name in (
        "Accuracy",
        "Balanced accuracy",
        "Macro F1",
        "Weighted F1",
        "Micro F1",
        "F1 of FOS",
        "F1 of TCS",
    ):
        assert name in text


def test_every_difference_has_its_interval_and_its_p_values(made):
    folder, content = made
    text = plain(page_of(folder))
    for pair in content["comparison"]["pairs"]:
        for cells in pair["metrics"].values():
            found = cells["difference"]
            low, high = signed(found["low"]), signed(found["high"])
            assert f"{signed(found['value'])} {low} to {high}" in text or found["note"]
    for heading in ("Pre-trained − scratch", "Frozen − scratch", "Pre-trained − frozen"):
        assert heading in text


def test_seen_patients_are_named_and_the_groups_shown(made):
    folder, _ = made
    text = plain(page_of(folder))
    assert "2 of 8 tested patients (25" in text
    assert "p01, p02" in text
    assert "Video seen in pre-training 2 patients 6" in text
    assert "Video not seen 10 patients 30" in text


def test_without_anybody_seen_it_says_so(made):
    folder, content = made
    content["overlap"] |= {"patients": [], "num_events": 0}
    write_json(folder / "benefit.json", content | {"strict": True})
    text = plain(page_of(folder))
    assert (
        "None: no tested patient has contextual video that was used in pre-training, as far as patient_id tells."
        in text
    )
    assert "With --strict this was asked for." in text


def test_a_failed_run_is_told_and_the_page_is_whole(tmp_path):
    made_up_content(tmp_path, skills=SKILLS, failed={"scratch": "<b>The disk</b> is full."})
    page = page_of(tmp_path)
    assert "<b>The disk" not in page
    text = plain(page)
    assert "Whether pre-training helped cannot be said" in text
    assert "From scratch: failed. &lt;b&gt;The disk&lt;/b&gt; is full." in text
    assert "Pre-trained − frozen" in text
    assert "Pre-trained − scratch" not in text


def test_a_single_run_has_nothing_to_be_compared_with(tmp_path):
    made_up_content(tmp_path, skills=SKILLS, failed={"scratch": "No.", "frozen": "No."})
    assert "Fewer than two runs are done, so there is nothing to compare." in plain(page_of(tmp_path))


def test_a_pre_training_without_a_whole_epoch_has_no_curve(made):
    folder, content = made
    write_json(
        folder / "benefit.json", content | {"pretraining": PRETRAINING | {"epoch_loss": [], "step": 3}}
    )
    text = plain(page_of(folder))
    assert "No whole epoch was trained." in text
    assert "Step 3 of 40" in text


def test_links_lead_to_the_reports_that_there_are(made):
    folder, _ = made
    assert 'href="pretrained/report.html"' not in page_of(folder)
    (folder / "pretrained").mkdir()
    (folder / "pretrained" / "report.html").write_text("x")
    assert 'href="pretrained/report.html"' in page_of(folder)


def test_an_absent_file_and_one_of_another_kind_are_refused(tmp_path):
    with pytest.raises(StoreError, match="Give the command again; it goes on where it stopped"):
        write_benefit_report(tmp_path)
    write_json(tmp_path / "benefit.json", {"kind": "series"})
    with pytest.raises(StoreError, match="must hold a JSON object of the kind benefit"):
        write_report(tmp_path)


@pytest.mark.parametrize(
    "name", ["answer", "comparison", "overlap", "pretraining", "variants", "published", "cohort"]
)
def test_what_is_absent_leaves_a_page(made, name):
    folder, _ = made
    content = read_json(folder / "benefit.json")
    del content[name]
    write_json(folder / "benefit.json", content)
    assert "not a medical device" in page_of(folder)


def test_the_printed_figures_stand_beside_the_recomputed_ones():
    published = published_averages("hou-2022", ["ES", "PNES"])
    rows = {
        row["name"]: row for row in average_rows([published["recomputed"], published["largest"]], published)
    }
    assert rows["Accuracy"]["printed"] == "0.75"
    assert [cell["value"] for cell in rows["Accuracy"]["cells"]] == ["0.756", "0.830"]
    assert [cell["value"] for cell in rows["Weighted F1"]["cells"]] == ["0.780", "0.753"]
    assert rows["F1"]["printed"] == "0.82"
    assert {cell["value"] for cell in rows["F1"]["cells"]} == {"–"}
    assert rows["F1 of PNES"]["cells"][0]["value"] == "0.489"
    assert rows["Precision of PNES"]["cells"][1]["value"] == "undefined"


def test_a_run_without_averages_has_no_section():
    assert averages_section({}) == {}
