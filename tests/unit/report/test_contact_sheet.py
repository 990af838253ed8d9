import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from browser import browser, played
from depth_cohort import HEIGHT, OFFSET, ONSET, WIDTH, tiny_depth_cohort
from PIL import Image

from semioscope.core.records import Region
from semioscope.preprocess import CropPlan, DepthPlanes, denoised
from semioscope.preprocess.crop_decision_file import read_decisions
from semioscope.preprocess.crop_decisions import apply_decisions, plan_digest
from semioscope.preprocess.crop_events import crop_events
from semioscope.preprocess.crop_failures import CropFailure
from semioscope.preprocess.crop_frames import open_event
from semioscope.preprocess.crops import read_crops, write_crops
from semioscope.report.contact_sheet import write_contact_sheet

PLANES = DepthPlanes(
    axis="x", lower_slope=0.0, lower_intercept=1400.0, upper_slope=0.0, upper_intercept=2000.0
)
BOX = Region(x=0.25, y=0.5, width=0.5, height=0.25)
PLANS = (
    CropPlan(event_id="e1", recording_id="e1", box=BOX, planes=PLANES),
    CropPlan(event_id="e2", recording_id="e2", box=None, planes=PLANES, status="flagged",
             depth_reason="Less <than> half & little."),
    CropPlan(event_id="e3", recording_id="e3", box=None, origin="manual", status="rejected"),
)  # fmt: skip


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    made = tiny_depth_cohort(tmp_path_factory.mktemp("sheet") / "cohort")
    write_crops(made.folder / "crops.tsv", PLANS)
    return made


@pytest.fixture(scope="module")
def page(cohort):
    path = cohort.folder / "sheet.html"
    done = write_contact_sheet(cohort, crop_events(cohort).events, PLANS, path)
    assert (done.num_shown, done.num_flagged, done.failures, done.unplanned) == (3, 1, (), ())
    return path


class Outline(HTMLParser):
    """Collects the elements of a page with their attributes, and its text."""

    def __init__(self, path):
        super().__init__()
        self.found, self.words = [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)

    def every(self, tag, name=""):
        return [
            given
            for found, given in self.found
            if found == tag and (not name or name in given.get("class", "").split(" "))
        ]

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.words))


def test_flagged_plans_come_first_and_those_by_hand_last(page):
    cards = Outline(page).every("article", "card")
    assert [card["data-event"] for card in cards] == ["e2", "e1", "e3"]
    assert [card["data-before"] for card in cards] == ["", "", "rejected"]
    assert [card["data-plan"] for card in cards] == [plan_digest(PLANS[index]) for index in (1, 0, 2)]


def test_what_the_page_says(page):
    text = Outline(page).text
    for words in (
        "3 crop plans, 1 flagged", "This page shows patients.", "Research software, not a medical device.",
        "Depth: Less <than> half & little.", "rejected by hand", "semioscope crop apply crop-decisions.json",
        "0 of 3 decided", "if accepted; now the raw picture is used",
    ):  # fmt: skip
        assert words in text
    assert "Synthetic" not in text


def test_the_page_needs_nothing_from_outside(page):
    text = page.read_text(encoding="utf-8")
    outline = Outline(page)
    addresses = [given[name] for _, given in outline.found for name in ("src", "href") if name in given]
    assert addresses
    assert all(address.startswith(("data:image/", "#")) for address in addresses)
    assert "@import" not in text
    assert "url(" not in re.sub(r"url\(#", "", text)
    assert "default-src 'none'" in text
    code = re.search(r"<script>(.*)</script>", text, flags=re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text


def picture(address):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_pictures_are_the_first_the_last_and_evenly_between(cohort, page):
    outline = Outline(page)
    assert len(outline.every("svg", "before")) == len(outline.every("svg", "after")) == 15
    labels = [given["aria-label"] for given in outline.every("svg", "before")][:5]
    assert [re.search(r"([\d.]+) s", label)[1] for label in labels] == ["0.0", "0.4", "0.8", "1.1", "1.5"]
    assert pytest.approx(1.6) == OFFSET - ONSET  # 16 frames: numbers 0, 4, 8 (7.5), 11, 15
    images = [given for given in outline.every("image") if given["href"].startswith("data:image/jpeg")]
    assert len(images) == 15
    shown = picture(images[0]["href"])
    assert shown.shape == (HEIGHT, WIDTH)


def test_what_is_cleared_is_what_the_planes_clear(cohort, page):
    masks = [given for given in Outline(page).every("image") if given["href"].startswith("data:image/png")]
    assert len(masks) == 10  # two plans have planes
    with open_event(cohort, cohort.recordings["e2"], cohort.seizures[1].views[0].interval) as frames:
        first, last = frames.read(np.array([0, 15]))
    for frame, mask in ((first, masks[0]), (last, masks[4])):
        assert np.array_equal(picture(mask["href"]) > 0, PLANES.outside(denoised(frame.depth)))


def test_the_after_picture_is_cut_to_the_box(page):
    views = [given["viewbox"] for given in Outline(page).every("svg", "after")]
    assert views[:5] == ["0 0 128 106"] * 5
    assert set(views[5:10]) == {"32 53 64 27"}  # edges at 53 and 79.5 of 106


def test_every_control_has_a_name(page):
    text = page.read_text(encoding="utf-8")
    outline = Outline(page)
    assert all(given.get("aria-label") for given in outline.every("svg"))
    labelled = re.findall(r"<label[^>]*>(?:[^<]+<input[^>]*>|<input[^>]*>[^<]+)</label>", text)
    assert len(labelled) == len(outline.every("input"))
    names = [given["id"] for _, given in outline.found if "id" in given]
    assert len(names) == len(set(names))
    assert len(outline.every("fieldset")) == len(outline.every("legend")) == 3
    assert {given["aria-labelledby"] for _, given in outline.found if "aria-labelledby" in given} <= set(
        names
    )


def test_equal_inputs_give_equal_bytes(cohort, page, tmp_path):
    write_contact_sheet(
        cohort, reversed(crop_events(cohort).events), reversed(PLANS), tmp_path / "again.html"
    )
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_what_cannot_be_shown_is_listed(cohort, tmp_path):
    gone = replace(cohort.recordings["e1"], path="videos/<gone>.mkv")
    broken = replace(cohort, recordings={**cohort.recordings, "e1": gone})
    done = write_contact_sheet(broken, crop_events(broken).events, PLANS[:2], tmp_path / "sheet.html")
    assert (done.num_shown, done.num_flagged) == (1, 1)
    assert [failure.event_id for failure in done.failures] == ["e1"]
    assert [each.event_id for each in done.unplanned] == ["e3"]
    text = Outline(tmp_path / "sheet.html").text
    assert "<gone>.mkv" in text
    assert "e3 in e3: It is not planned yet: semioscope crop plan plans it." in text
    empty = write_contact_sheet(cohort, (), (), tmp_path / "empty.html")
    assert empty.num_shown == 0
    text = Outline(tmp_path / "empty.html").text
    assert "There is no plan to show." in text
    assert "This page shows patients" not in text


def test_why_there_is_no_plan(cohort, tmp_path):
    """What failed for these times is told with its reason, and what nobody tried is not called a failure."""
    failed = CropFailure(
        event_id="e1", recording_id="e1", cropper="box", onset_seconds=ONSET, offset_seconds=OFFSET,
        message="The file is damaged. Copy it again.",
    )  # fmt: skip
    others = [
        replace(failed, event_id="e2", cropper="depth"),
        replace(failed, event_id="e3", onset_seconds=0.0),
    ]
    done = write_contact_sheet(
        cohort,
        crop_events(cohort).events,
        (),
        tmp_path / "sheet.html",
        cropper="box",
        failed=[failed, *others],
    )
    assert [each.message for each in done.unplanned] == [
        "Planning failed: The file is damaged. Copy it again. Then give semioscope crop plan --cropper box again.",
        *["It is not planned yet: semioscope crop plan --cropper box plans it."] * 2,
    ]


def test_a_sheet_shows_one_cropper(cohort, page, tmp_path):
    plans = [replace(plan, cropper=name) for plan in PLANS[:2] for name in ("depth", "box")]
    done = write_contact_sheet(
        cohort, crop_events(cohort).events, [*plans, PLANS[2]], tmp_path / "sheet.html", cropper="box"
    )
    assert (done.num_shown, done.unplanned) == (3, ())
    outline = Outline(tmp_path / "sheet.html")
    assert outline.every("body")[0]["data-cropper"] == "box"
    assert "cropper box" in outline.text
    assert Outline(page).every("body")[0]["data-cropper"] == ""


def test_plans_for_other_times_are_told_and_come_first(cohort, tmp_path):
    moved = {"onset_seconds": 0.1, "offset_seconds": OFFSET}
    plans = [PLANS[0], replace(PLANS[1], status="accepted"), replace(PLANS[2], **moved)]
    write_contact_sheet(cohort, crop_events(cohort).events, plans, tmp_path / "sheet.html")
    outline = Outline(tmp_path / "sheet.html")
    cards = outline.every("article", "card")
    assert [card["data-event"] for card in cards] == ["e3", "e1", "e2"]
    assert cards[0]["data-before"] == ""
    assert "Made for other times of the event: then 0.100 to 2.000 s, now 0.400 to 2.000 s." in outline.text


def test_a_recording_without_depth_and_a_region(cohort, tmp_path):
    region = Region(x=0.5, y=0.0, width=0.5, height=1.0)
    part = replace(cohort.recordings["e1"], depth_path=None, region=region)
    own = replace(cohort, recordings={**cohort.recordings, "e1": part})
    plan = CropPlan(event_id="e1", recording_id="e1", box=None)
    write_contact_sheet(own, crop_events(own, ["e1"]).events, [plan], tmp_path / "sheet.html")
    (card,) = Outline(tmp_path / "sheet.html").every("article", "card")
    assert card["data-box"] == card["data-raw"] == "64 0 64 106"


PLAY = """
const shown = () => document.getElementById("count").textContent;
const key = (target, name, more = {}) =>
  target.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...more }));
const [flagged, automatic, byHand] = cards;
if (!localStorage.getItem("stage")) {
  localStorage.setItem("stage", "1");
  const steps = [shown()];
  key(automatic, "a"); // with the keys
  steps.push(shown(), document.activeElement === flagged);
  const first = flagged.querySelector(".shot.before"); // with a pointer
  first.setPointerCapture = () => {};
  const place = first.getBoundingClientRect();
  const at = (x, y) => ({ button: 0, bubbles: true, clientX: place.left + x * place.width,
                         clientY: place.top + y * place.height });
  first.dispatchEvent(new PointerEvent("pointerdown", at(0.75, 0.5)));
  first.dispatchEvent(new PointerEvent("pointermove", at(0.25, 1.5)));
  first.dispatchEvent(new PointerEvent("pointerup", at(0.25, 1.5)));
  const editor = flagged.querySelector(".editor");
  steps.push(shown(), editor.hidden, flagged.querySelector(".shot.after").getAttribute("viewBox"));
  const large = editor.querySelector(".draw"); // with the arrow keys
  key(large, "ArrowLeft");
  key(large, "ArrowUp", { shiftKey: true });
  key(large, "ArrowDown"); // at the edge
  key(large, "ArrowDown");
  const field = (name) => editor.querySelector(`[data-edge=${name}]`);
  steps.push(["left", "top", "right", "bottom"].map((name) => field(name).value));
  field("right").value = "10"; // left of left
  field("right").dispatchEvent(new Event("input", { bubbles: true }));
  steps.push(editor.querySelector(".problem").textContent.length > 0);
  field("right").value = "80.5"; // with numbers
  field("right").dispatchEvent(new Event("input", { bubbles: true }));
  steps.push(editor.querySelector(".problem").textContent.length > 0, editor.querySelector(".planes").checked);
  byHand.querySelector("input[value=accept]").click(); // taken back
  steps.push(document.getElementById("kept").textContent.slice(0, 11));
  byHand.querySelector(".undo").click();
  steps.push(shown());
  localStorage.setItem("steps", JSON.stringify(steps));
  location.reload();
} else {
  tell({ steps: JSON.parse(localStorage.getItem("steps")), after: shown(), file: JSON.parse(asFile()),
         disabled: document.getElementById("download").disabled, ready: document.body.classList.contains("ready"),
         checked: cards.map((card) => card.querySelector("input[type=radio]:checked")?.value ?? null) });
}
"""


@pytest.mark.skipif(browser() is None, reason="no Chromium or Chrome is installed to load the page in")
def test_a_person_decides_in_a_browser(cohort, page, tmp_path):
    told = played(page, PLAY, folder=tmp_path)
    assert told["steps"] == [
        "1 of 3 decided", "2 of 3 decided", True, "3 of 3 decided", False, "32.00 53.00 64.00 53.00",
        ["24.0", "51.0", "74.0", "100.0"], True, False, False, "3 made here", "3 of 3 decided",
    ]  # fmt: skip
    assert told["after"] == "3 of 3 decided"  # after the page was loaded again
    assert told["ready"]
    assert not told["disabled"]
    assert told["checked"] == ["redraw", "accept", None]
    path = tmp_path / "crop-decisions.json"
    path.write_text(json.dumps(told["file"]))
    read = read_decisions(path)
    assert (read.cohort_hash, read.cropper) == (cohort.hash, "")
    assert [(each.event_id, each.choice) for each in read.decisions] == [("e2", "redraw"), ("e1", "accept")]
    own = replace(cohort, folder=tmp_path)
    write_crops(tmp_path / "crops.tsv", PLANS)
    done = apply_decisions(own, crop_events(own).events, path)
    assert len(done.changes) == 2
    one, two, three = read_crops(tmp_path / "crops.tsv")
    assert one == replace(one, origin="manual", status="accepted", planes=PLANES)
    assert two.planes is None
    assert [two.box.x, two.box.y, two.box.x + two.box.width] == pytest.approx([0.24, 0.51, 0.805])
    assert three == PLANS[2]
    assert (one.onset_seconds, one.offset_seconds) == (ONSET, OFFSET)
