"""The page of a pre-training: its verdict, its figure, and what stands beside them."""

import json
import re

import pytest

from semioscope.core.errors import StoreError
from semioscope.core.files import write_json
from semioscope.report import write_pretraining_report
from semioscope.report.pretraining_figures import TRIVIAL_TITLES, loss_figure


def made_up(folder, *, loss=(90.0, 60.0, 40.0, 30.0, 20.0), epoch_loss=(75.0, 35.0), num_steps=6, **changes):
    content = {
        "kind": "pretraining",
        "schema_version": 1,
        "loss": list(loss),
        "epoch_loss": list(epoch_loss),
        "num_steps": num_steps,
        "steps_per_epoch": 2,
        "num_excerpts": 30,
        "trivial_loss": {"mean_feature": 80.0, "spoilt_input": 40.0},
        "recordings": {"used": 2, "hours": 1.5},
        "excerpts": {"free": 400, "planned": 31, "by_night": 12, "num_crops": 2},
        "backbone": {"name": "resnet152", "input_size": 112, "precision": "f32", "weights_hash": "abc"},
        "num_parameters": 77_937_664,
        "run": {"recipe": "own", "seed": 4, "device": "cpu", "processes": 2},
        "notes": ["Left out: 1 excerpt of a: frames are missing in the video."],
        "synthetic": False,
    }
    write_json(folder / "curve.json", content | changes)
    (folder / "patients.tsv").write_text(
        "patient_id\tnum_recordings\tnum_excerpts\tseconds\np<1>\t2\t30\t300.0\n"
    )
    (folder / "failures.tsv").write_text(
        "recording_id\tevent_id\tstage\tmessage\nr7\tn/a\tfeatures\tNo video.\n"
    )
    (folder / "config.yaml").write_text("recipe: own\n")
    return folder


def words(page):
    text = re.sub(r"<(style|script).*?</\1>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_the_page_tells_what_stands_in_the_files(tmp_path):
    page = write_pretraining_report(made_up(tmp_path))
    shown = words(page)
    assert "5 of 6 steps taken" in shown
    assert "sees 30 spoilt excerpts" in shown
    assert "Of 31 chosen ones 12 are by night." in shown
    assert "1 h 30 min" in shown
    assert "77.9 M" in shown
    assert "on cpu, 2 processes" in shown
    assert "p&lt;1&gt; 2 30 5 min 00 s" in shown
    assert "r7 No video." in shown
    assert "Left out: 1 excerpt of a" in shown
    assert "Last step 20.0" in shown
    assert "Highest step 90.0" in shown
    assert "Synthetic" not in shown
    assert (tmp_path / "figures" / "pretraining-loss.svg").is_file()


@pytest.mark.parametrize(
    ("epoch_loss", "verdict"),
    [
        ((75.0, 35.0), "It has learnt something"),
        ((75.0, 50.0), "It beats only the weaker of two simple answers"),
        ((75.0, 95.0), "It has learnt nothing so far"),
        ((), "It is too early to tell"),
    ],
)
def test_the_verdict_is_by_both_trivial_answers(tmp_path, epoch_loss, verdict):
    shown = words(write_pretraining_report(made_up(tmp_path, epoch_loss=epoch_loss)))
    assert verdict in shown
    if epoch_loss:
        share = f"{100 * epoch_loss[-1] / 80:.0f}"
        assert f"beside 80.0 of always the mean feature ({share}" in shown


def test_a_finished_one_and_a_synthetic_one_say_so(tmp_path):
    shown = words(write_pretraining_report(made_up(tmp_path, num_steps=5, synthetic=True)))
    assert "Pre-training is done" in shown
    assert "means nothing clinically" in shown


def test_without_a_step_there_is_a_page_all_the_same(tmp_path):
    shown = words(write_pretraining_report(made_up(tmp_path, loss=(), epoch_loss=())))
    assert "0 of 6 steps taken" in shown
    assert "No step was taken yet." in shown


def test_the_page_loads_nothing_and_is_the_same_again(tmp_path):
    page = write_pretraining_report(made_up(tmp_path))
    before = page.read_bytes()
    assert set(re.findall(r"https?://[^\s\"'<>]+", page.read_text())) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert write_pretraining_report(tmp_path).read_bytes() == before


@pytest.mark.parametrize("name", TRIVIAL_TITLES)
def test_every_trivial_answer_is_in_the_figure(name):
    svg = loss_figure([9.0, 3.0], [], {name: 5.0}, steps_per_epoch=2, num_steps=4)
    assert TRIVIAL_TITLES[name] in svg
    assert f"Lines: {TRIVIAL_TITLES[name]} 5." in svg


@pytest.mark.parametrize("num", [1, 30_000])
def test_the_size_of_the_figure_does_not_grow_with_the_steps(num):
    loss = [1e6 / (1 + step) for step in range(num)]
    svg = loss_figure(loss, [], {"mean_feature": 50.0}, steps_per_epoch=max(1, num // 60), num_steps=num)
    assert len(svg) < 60_000


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "needs .*curve.json, which its command writes"), ({"kind": "study"}, "of the kind")],
)
def test_other_folders_are_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "curve.json").write_text(json.dumps(content))
    with pytest.raises(StoreError, match=message):
        write_pretraining_report(tmp_path)


def test_a_loss_that_falls_far_has_plain_numbers_at_its_axis():
    figure = loss_figure(
        [120_000.0, 9_000.0, 1_300.0], [120_000.0, 9_000.0, 1_300.0], {"mean_feature": 8_000.0},
        steps_per_epoch=1, num_steps=3,
    )  # fmt: skip
    assert "mathdefault" not in figure
    assert "$" not in figure
    assert re.search(r">\s*10\W000\s*<", figure)
