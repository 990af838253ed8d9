"""From raw streams to accepted crops with the command line: plan, look, decide, apply, plan again."""

import os
import re
import shutil
from dataclasses import replace

import pytest
from depth_cohort import tiny_depth_cohort
from sheet_decisions import write_decisions
from tiny import call

from semioscope.preprocess import read_crops


def spoil(name, infrared, depth):
    """e2 has little depth."""
    if name == "e2":
        depth[:, :, :80] = 0


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return tiny_depth_cohort(tmp_path_factory.mktemp("crops") / "cohort", change=spoil).folder


@pytest.fixture
def folder(made, tmp_path):
    """A cohort folder of one's own, planned and with a sheet."""
    for table in made.glob("*.tsv"):
        (tmp_path / table.name).write_bytes(table.read_bytes())
    (tmp_path / "videos").symlink_to(made / "videos")
    return tmp_path


def plan(folder, *more):
    return call("crop", "plan", folder, "--cropper", "depth", "--no-check", "--progress", "quiet", *more)


def decisions(folder, *, page="sheet.html", **decided):
    sheet = folder / "derived" / "crops" / page
    return write_decisions(sheet, folder / "crop-decisions.json", **decided)


@pytest.mark.parametrize("command", ["plan", "sheet", "explain"])
def test_a_cohort_that_cannot_be_written_is_told_before_the_work(folder, monkeypatch, command):
    assert plan(folder).exit_code == 0
    access = os.access  # root may write everywhere, so the answer is given here
    monkeypatch.setattr(
        os, "access", lambda path, mode: (path, mode) != (folder, os.W_OK | os.X_OK) and access(path, mode)
    )
    shutil.rmtree(folder / "derived")
    for work in (
        "preprocess.crop_plans.run_stage",
        "report.contact_sheet.open_event",
        "report.crop_pages.open_event",
    ):
        monkeypatch.setattr(f"semioscope.{work}", lambda *_, **__: pytest.fail("work began"))
    shown = (
        plan(folder)
        if command == "plan"
        else call("crop", command, folder, *(["e1"] * (command == "explain")))
    )
    assert shown.exit_code == 2
    told = " ".join(shown.err.split())
    assert f"must be a folder that can be written, but {folder} cannot." in told
    assert ("copy the tables and videos" if command == "plan" else "another place with --out FILE") in told


BOX = {"left": 0.2, "top": 0.3, "right": 0.9, "bottom": 0.95}


def test_plan_sheet_apply_and_plan_again(folder):
    shown = plan(folder)
    assert shown.exit_code == 0
    assert "3 plans: 2 accepted, 1 flagged." in shown.out
    assert re.search(r"^e2 +e2 +flagged +auto", shown.out, flags=re.MULTILINE)
    assert "Flagged: e2 in e2: " in shown.out
    assert "more than half" in shown.out
    assert shown.out.endswith(f"Next: semioscope crop sheet {folder}\n")

    shown = call("crop", "sheet", folder, "--progress", "quiet")
    assert shown.exit_code == 0
    assert "3 plans, 1 flagged. It shows patients." in shown.out
    assert "Next: semioscope crop apply crop-decisions.json" in shown.out

    file = decisions(
        folder, e1={"decision": "reject"}, e2={"decision": "redraw", "box": BOX, "planes": False}
    )
    shown = call("crop", "apply", file, folder)
    assert shown.exit_code == 0
    assert "e1 in e1: rejected: the raw picture is used (was accepted, automatic)." in shown.out
    assert "e2 in e2: a new box, no longer cut by depth (was flagged, automatic)." in shown.out
    assert "2 rows of crops.tsv changed, 0 stood so already. 3 plans: 2 accepted, 1 rejected." in shown.out
    assert shown.out.endswith(f"Next: semioscope cohort check {folder}\n")
    before = (folder / "crops.tsv").read_bytes()

    shown = plan(folder)
    assert "2 made by hand before stay as written." in shown.out
    assert (folder / "crops.tsv").read_bytes() == before
    one, two, three = read_crops(folder / "crops.tsv")
    assert [each.origin for each in (one, two, three)] == ["manual", "manual", "auto"]
    assert [each.status for each in (one, two, three)] == ["rejected", "accepted", "accepted"]
    assert two.box.x + two.box.width == pytest.approx(0.9)

    shown = call("crop", "sheet", folder, "--event", "e1", "--progress", "quiet")
    assert "1 plan, 0 flagged." in shown.out
    assert "rejected by hand" in (folder / "derived" / "crops" / "sheet.html").read_text(encoding="utf-8")
    assert call("crop", "apply", file, folder).out.startswith(
        "0 rows of crops.tsv changed, 2 stood so already."
    )


def test_files_that_do_not_fit_change_nothing(folder):
    plan(folder)
    call("crop", "sheet", folder, "--progress", "quiet")
    before = (folder / "crops.tsv").read_bytes()
    good = {"decision": "accept"}
    for bad, words in (
        (
            {"decision": "redraw", "box": BOX | {"right": 1.2}},
            "decision 2: event e2: a new box must lie inside",
        ),
        (good | {"event_id": "e7"}, "Unknown event 'e7'. Did you mean"),
        (good | {"view": "other"}, "are others than those on the sheet. Make a new sheet"),
    ):
        shown = call("crop", "apply", decisions(folder, e1=good, e2=bad), folder)
        assert shown.exit_code == 2
        assert shown.err.startswith("Error: crop-decisions.json cannot be applied; nothing was changed:")
        assert words in shown.err
        assert (folder / "crops.tsv").read_bytes() == before
    file = decisions(folder, e1=good)
    file.write_text(file.read_text()[:60])
    assert "is damaged" in call("crop", "apply", file, folder).err
    assert "does not exist" in call("crop", "apply", folder / "none.json", folder).err
    assert (folder / "crops.tsv").read_bytes() == before
    assert not list(folder.glob(".partial-*"))


def test_explain(folder):
    shown = call("crop", "explain", folder, "e1")
    assert shown.exit_code == 0
    assert re.search(r"^e1: (accepted|flagged)\. \d+ % of the picture lies between the planes\.", shown.out)
    assert (folder / "derived" / "crops" / "depth-crop-e1.svg").read_text(encoding="utf-8").startswith("<svg")
    shown = call("crop", "explain", folder, "e2", "--out", folder / "steps.png")
    assert "Flagged: " in shown.out
    assert (folder / "steps.png").read_bytes().startswith(b"\x89PNG")
    for words, message in (
        (("e9",), "Unknown event 'e9'"),
        (("e1", "--recording", "e2"), "Unknown recording of event e1 'e2'"),
        (("e1", "--out", "x.pdf"), "must be a .svg or a .png file"),
    ):
        shown = call("crop", "explain", folder, *words)
        assert shown.exit_code == 2
        assert message in shown.err


TASK = ("--task", "fle-vs-tle-vs-nonepileptic")


def test_parts_go_the_same_way(folder):
    """Their plans are made with --task; what stands in crops.tsv is shown and decided without it."""
    table = folder / "seizures.tsv"
    table.write_text(table.read_text().replace("\t0.4\t", "\t0.9\t"))
    shown = plan(folder, *TASK)
    assert shown.exit_code == 0
    assert shown.out.startswith(
        "On 3 sides of seizures their recording leaves no room for a part without one.\n"
    )
    assert "6 plans: " in shown.out
    assert re.search(r"^e1-pre +e1 +(accepted|flagged) +auto", shown.out, flags=re.MULTILINE)
    assert len(read_crops(folder / "crops.tsv")) == 6
    shown = plan(folder)
    assert "3 plans: " in shown.out
    assert len(read_crops(folder / "crops.tsv")) == 6

    assert "6 plans, " in call("crop", "sheet", folder, "--progress", "quiet").out
    file = decisions(folder, **{"e1-pre": {"decision": "reject"}})
    shown = call("crop", "apply", file, folder)
    assert shown.exit_code == 0
    assert "e1-pre in e1: rejected: the raw picture is used" in shown.out
    assert "e1-pre: " in call("crop", "explain", folder, "e1-pre").out
    for words in (("sheet", folder, "--progress", "quiet"), ("apply", file, folder)):
        shown = call("crop", *words, *TASK, "--part-seconds", "0.5")
        told = (
            "6 plans, "
            if words[0] == "sheet"
            else "its recording or times are others than those on the sheet"
        )
        assert told in shown.text
    assert "Unknown task 'fle'" in plan(folder, "--task", "fle").err
    assert "Invalid value for '--part-seconds'" in plan(folder, *TASK, "--part-seconds", "0").err


def sheet(folder, *more):
    return call("crop", "sheet", folder, "--progress", "quiet", *more)


def test_every_cropper_has_its_rows_and_its_sheet(folder):
    plan(folder)
    depth = {row.key: row for row in read_crops(folder / "crops.tsv")}
    shown = call("crop", "plan", folder, "--cropper", "identity", "--progress", "quiet")
    assert shown.out.endswith(f"Next: semioscope crop sheet {folder} --cropper identity\n")
    assert "3 plans: 3 accepted." in shown.out
    shown = sheet(folder)
    assert shown.exit_code == 2
    assert "holds those of depth, identity. Name one, such as --cropper depth." in shown.err
    assert "Unknown cropper 'identy'" in sheet(folder, "--cropper", "identy").err
    shown = sheet(folder, "--cropper", "box")
    assert shown.exit_code == 1
    assert (
        "Not shown: e1 in e1: It is not planned yet: semioscope crop plan --cropper box plans it."
        in shown.out
    )

    assert "(cropper identity): 3 plans, 0 flagged." in sheet(folder, "--cropper", "identity").out
    chosen = {"e1": {"decision": "redraw", "box": BOX}, "e2": {"decision": "reject"}}
    file = decisions(folder, page="sheet-identity.html", **chosen)
    shown = call("crop", "apply", file, folder)
    assert shown.out.endswith(f"Next: semioscope cohort check {folder}\n"), shown.text
    rows = {row.key: row for row in read_crops(folder / "crops.tsv")}
    assert {key: row for key, row in rows.items() if row.cropper == "depth"} == depth
    assert [(row.event_id, row.status) for row in rows.values() if row.origin == "manual"] == [
        ("e1", "accepted"), ("e2", "rejected"),
    ]  # fmt: skip
    sheet(folder, "--cropper", "depth")
    file = decisions(folder, page="sheet-depth.html", e1={"decision": "reject"})
    shown = call("crop", "apply", file, folder)
    assert shown.out.endswith(f"Next: semioscope crop sheet {folder} --cropper depth\n")
    assert call("crop", "explain", folder, "e1").out.endswith(
        f"Next: semioscope crop sheet {folder} --cropper depth\n"
    )
    assert [row.status for row in read_crops(folder / "crops.tsv") if row.event_id == "e1"] == [
        "rejected", "accepted",
    ]  # fmt: skip


def test_the_sheet_says_why_planning_failed(folder):
    table = folder / "recordings.tsv"
    whole = table.read_text()
    table.write_text(whole.replace("videos/e1-depth.mkv", "n/a"))
    assert plan(folder).exit_code == 1
    shown = sheet(folder)
    assert shown.exit_code == 1
    assert (
        "Not shown: e1 in e1: Planning failed: Recording e1 must have depth for the cropper depth, but its "
        "depth_path in recordings.tsv is n/a. Write the path of its depth, or use the cropper box. Then give "
        "semioscope crop plan --cropper depth again.\n"
    ) in shown.out
    assert "2 plans, 1 flagged." in shown.out
    assert "Planning failed: Recording e1 must have depth" in (
        folder / "derived" / "crops" / "sheet.html"
    ).read_text(encoding="utf-8")
    table.write_text(whole)
    plan(folder)
    shown = sheet(folder)
    assert (shown.exit_code, "Not shown" in shown.out) == (0, False)


def test_times_that_were_corrected(folder):
    plan(folder)
    sheet(folder)
    file = decisions(folder, e1={"decision": "accept"})
    call("crop", "apply", file, folder)
    table = folder / "seizures.tsv"
    table.write_text(table.read_text().replace("\t0.4\t", "\t0.5\t"))
    shown = call("cohort", "check", folder, "--progress", "quiet")
    assert shown.exit_code == 0
    assert (
        "warning  crops.tsv row 2 (event e1): made by hand for other times of its event: then 0.400"
        in shown.out
    )
    assert "warning  crops.tsv row 3 (event e2): made automatically for other times of its event" in shown.out
    shown = plan(folder)
    told = "1 row of crops.tsv by hand was made for other times of its event and is used as written: e1 in e1, then "
    assert told in shown.out
    assert [row.onset_seconds for row in read_crops(folder / "crops.tsv")] == [0.4, 0.5, 0.5]
    assert "others than those on the sheet" in call("crop", "apply", file, folder).err
    sheet(folder)
    call("crop", "apply", decisions(folder, e1={"decision": "accept"}), folder)
    assert told not in plan(folder).out
    assert [(row.origin, row.onset_seconds) for row in read_crops(folder / "crops.tsv")] == [
        ("manual", 0.5), ("auto", 0.5), ("auto", 0.5),
    ]  # fmt: skip


def test_the_explanation_of_what_a_person_decided_says_so(folder):
    plan(folder)
    said = "In crops.tsv it is rejected by hand, and that is used; the figure shows a new plan."
    assert said not in call("crop", "explain", folder, "e1").out
    sheet(folder)
    call("crop", "apply", decisions(folder, e1={"decision": "reject"}), folder)
    assert said in " ".join(call("crop", "explain", folder, "e1").out.split())


def test_two_croppers_have_two_sheets(folder):
    plan(folder)
    call("crop", "plan", folder, "--cropper", "identity", "--progress", "quiet")
    for cropper in ("depth", "identity"):
        shown = call("crop", "sheet", folder, "--cropper", cropper, "--progress", "quiet")
        assert f"sheet-{cropper}.html (cropper {cropper})" in shown.out
        assert (folder / "derived" / "crops" / f"sheet-{cropper}.html").exists()


def test_a_length_below_the_shortest_part_is_refused_by_its_option(folder):
    shown = plan(folder, "--task", "fle-vs-tle-vs-nonepileptic", "--part-seconds", "-3")
    assert shown.exit_code == 2
    assert "--part-seconds" in shown.err


def test_a_bad_table_is_told_by_the_check(folder):
    plan(folder)
    table = folder / "crops.tsv"
    table.write_text(table.read_text().replace("auto", "bogus", 1))
    shown = call("cohort", "check", folder, "--progress", "quiet")
    assert shown.exit_code == 1
    assert "ERROR    crops.tsv row 2 (event e1): origin must be auto or manual, got 'bogus'." in shown.out


def test_the_usual_length_of_parts_is_that_of_the_plans():
    from semioscope.plans.parts import PART_SECONDS

    assert f"[default: {PART_SECONDS:g}]" in " ".join(call("crop", "plan", "--help").out.split())


def test_a_remark_is_counted_and_shown(folder, monkeypatch):
    from semioscope.preprocess import crop_finding

    found = crop_finding.plan_depth_crop
    monkeypatch.setattr(
        crop_finding, "plan_depth_crop", lambda depth: replace(found(depth), remark="The readings disagree.")
    )
    shown = plan(folder)
    assert "3 plans: 2 accepted, 1 flagged." in shown.out
    assert "3 of 3 plans have a remark: the two readings of the bed's curvature disagree." in shown.out
    assert re.search(r"Flagged: e2 in e2: .*more than half\.\n", shown.out)
    call("crop", "sheet", folder, "--progress", "quiet")
    page = (folder / "derived" / "crops" / "sheet.html").read_text(encoding="utf-8")
    assert page.count("Depth, a remark: The readings disagree.") == 3
    assert page.count('data-doubtful="yes"') == 1
    shown = call("crop", "explain", folder, "e1", "--out", folder / "steps.svg")
    assert "Remark: The readings disagree." in shown.out
    assert "Remark: The readings disagree." in (folder / "steps.svg").read_text(encoding="utf-8")


def test_what_is_missing_is_said(folder):
    shown = call("crop", "sheet", folder, "--progress", "quiet")
    assert shown.exit_code == 2
    assert f"Run semioscope crop plan {folder} first." in shown.err
    (folder / "videos").unlink()
    (folder / "videos").mkdir()
    shown = plan(folder, "--event", "e1")
    assert shown.exit_code == 1
    assert "0 plans." in shown.out
    assert "No plan: e1 in e1: " in shown.out
    assert not (folder / "crops.tsv").exists()
    shown = call("crop", "sheet", folder, "--progress", "quiet")
    assert "but no crop could be planned. e1 in e1: " in shown.err
    assert f"Then give semioscope crop plan {folder} again." in shown.err
    assert "Unknown event" in plan(folder, "--event", "x").err
    assert "Unknown cropper" in call("crop", "plan", folder, "--cropper", "magic").err
