"""``semioscope detector``: from pictures with boxes to detectors that never look at whom they were trained on."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny import call

from semioscope.core.formats import DETECTOR_PATIENTS, DETECTOR_PICTURES
from semioscope.core.records import Region
from semioscope.core.tables import read_rows
from semioscope.networks import LabelledBox, PictureBoxes, load_detector, write_coco
from semioscope.networks.detector_folder import detector_for_patient
from semioscope.networks.detector_networks import empty_network, fill_random
from semioscope.networks.detector_training import DetectorFit
from semioscope.networks.detector_training import fit_detector as real_fit
from semioscope.runs import detector_training

PATIENTS = {"p1": 3, "p2": 2, "p3": 2}
SMALL = (
    "--architecture",
    "fasterrcnn_mobilenet",
    "--weights",
    "random",
    "--min-size",
    "64",
    "--progress",
    "quiet",
)


def make_pictures(folder, patients=PATIENTS, *, synthetic=True):
    """Write pictures with a bright patient of 24 x 32 pixels; the last one of p1 is empty. Return the COCO file."""
    rng = np.random.default_rng(0)
    listed = []
    for patient, number in patients.items():
        for place in range(number):
            picture = rng.integers(0, 60, (64, 96, 3), dtype=np.uint8)
            left, top = int(rng.integers(0, 72)), int(rng.integers(0, 32))
            empty = patient == "p1" and place == number - 1
            if not empty:
                picture[top : top + 32, left : left + 24] = 220
            name = f"pictures/{patient}/{place}.png"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(folder / name)
            box = LabelledBox(label="patient", box=Region(x=left / 96, y=top / 64, width=0.25, height=0.5))
            listed.append(
                PictureBoxes(
                    file_name=name, width=96, height=64, boxes=() if empty else (box,), patient_id=patient
                )
            )
    write_coco(folder / "boxes.json", listed)
    if synthetic:
        (folder / "synthetic.json").write_text("{}")
    return folder / "boxes.json"


def patients_of(examples):
    return {example.picture.parent.name for example in examples}


@pytest.fixture
def trained_on(monkeypatch):
    """Whose pictures each training saw, by fold; the training itself is real."""
    seen = {}

    def watched(examples, **settings):
        seen[settings["fold"]] = patients_of(examples)
        return real_fit(examples, **settings)

    monkeypatch.setattr(detector_training, "fit_detector", watched)
    return seen


@pytest.fixture
def instant(monkeypatch):
    """Trainings that take no time: each gives other numbers. Returns what was trained."""
    trained, state = [], {}

    def fit(examples, *, design, training, seed, start, fold, progress, title):
        if not state:
            module = empty_network(design.build)
            fill_random(module, name="x", seed=seed)
            state.update(module.state_dict())
        trained.append((fold, patients_of(examples)))
        key = "roi_heads.box_predictor.cls_score.bias"
        own = {**state, key: state[key] + len(trained)}
        return DetectorFit(design=design, state=own, train_loss=np.ones(training.epochs), started="Nowhere.")

    monkeypatch.setattr(detector_training, "fit_detector", fit)
    monkeypatch.setattr(detector_training, "measured_picture_seconds", lambda *_, **__: 100.0)
    return trained


def test_from_pictures_to_detectors_that_never_saw_their_patients(tmp_path, trained_on):
    boxes = make_pictures(tmp_path / "truth")
    out = tmp_path / "detectors"
    words = ["--boxes", boxes, "--out", out, *SMALL, "--epochs", "1", "--folds", "3", "--min-score", "0.1"]
    shown = call("detector", "train", *words)
    assert shown.exit_code == 0, shown.text
    assert "7 pictures of 3 patients, 1 of them without a box of patient." in shown.out
    assert "Published: 0.89, Hou et al. 2022, of the seizure videos that it was trained on" in shown.out
    assert " of 1 picture without a patient." in shown.out
    assert "No interval: it needs at least 5 patients, and there are 3" in shown.out
    assert "Synthetic pictures: these figures mean nothing clinically." in shown.out
    assert f"Next: semioscope detector track COHORT --weights {out} --label patient" in shown.out

    said = json.loads((out / "detectors.json").read_text())
    hashes = {name: one["weights_hash"] for name, one in said["detectors"].items()}
    assert trained_on["all"] == set(PATIENTS)
    for patient in PATIENTS:
        [fold] = [name for name, seen in trained_on.items() if patient not in seen]
        assert detector_for_patient(out, patient).weights_hash == hashes[fold]
        assert json.loads((out / f"{fold}.json").read_text())["training"]["trained_without"] == [patient]
    assert load_detector("own", weights=out).for_patient("p9").weights_hash == hashes["all"]

    table = {
        (row["detector"], row["patient_id"]): row["trained_on"]
        for row in read_rows(out / "detectors.tsv", DETECTOR_PATIENTS)
    }
    assert table == {
        (name, patient): "yes" if patient in seen else "no"
        for name, seen in trained_on.items()
        for patient in PATIENTS
    }
    rows = read_rows(out / "pictures.tsv", DETECTOR_PICTURES)
    assert [row["file_name"].split("/")[1] for row in rows] == ["p1"] * 3 + ["p2"] * 2 + ["p3"] * 2
    for row in rows:
        assert row["patient_id"] not in trained_on[row["detector"]]
        assert (row["iou"] is None) == (row["has_box"] == "no")
    scores = said["scores"]
    missed = sum(row["score"] is None for row in rows if row["has_box"] == "yes")
    assert (
        f"Missed: {missed} of 6 pictures with the patient ({100 * missed / 6:.1f} %); they count as 0."
        in shown.out
    )
    assert (scores["num_pictures"], scores["num_missed"]) == (6, missed)
    assert all(row["iou"] == 0 for row in rows if row["has_box"] == "yes" and row["score"] is None)
    assert scores["constant_box_over_pictures"]["value"] == pytest.approx(
        np.mean([row["constant_iou"] for row in rows if row["has_box"] == "yes"])
    )
    assert ("not better than a constant box" in shown.out) != scores["beats_constant_box"]
    overlaps = [row["iou"] for row in rows if row["iou"] is not None]
    assert scores["mean_iou_over_pictures"]["value"] == pytest.approx(np.mean(overlaps))
    by_patient = [
        np.mean([row["iou"] for row in rows if row["patient_id"] == name and row["iou"] is not None])
        for name in PATIENTS
    ]
    assert scores["mean_iou_over_patients"]["value"] == pytest.approx(np.mean(by_patient))
    assert (said["rule"], scores["flattered"], said["synthetic"]) == ("patient", False, True)
    assert scores["published"]["mean_iou"] == 0.89


def test_the_same_command_goes_on_where_it_was_stopped(tmp_path, instant, monkeypatch):
    boxes = make_pictures(tmp_path)
    words = ["detector", "train", "--boxes", boxes, *SMALL[:-1], "plain", "--epochs", "2", "--folds", "2"]
    fit, calls = detector_training.fit_detector, []

    def stopped(*given, **settings):
        calls.append(settings["fold"])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return fit(*given, **settings)

    monkeypatch.setattr(detector_training, "fit_detector", stopped)
    shown = call(*words)
    assert shown.exit_code == 130
    assert "the same command goes on from here" in shown.err
    assert "Detectors: 3 trainings of 2 epochs over 14 pictures together, about 46 min 40 s." in shown.err
    assert [fold for fold, _ in instant] == ["fold-1"]
    shown = call("detector", "track", tmp_path, "--weights", tmp_path / "detectors")
    assert shown.exit_code != 0
    shown = call(*words)
    assert shown.exit_code == 0, shown.text
    assert "1 of 3 detectors done before." in shown.err
    assert [fold for fold, _ in instant] == ["fold-1", "fold-2", "all"]
    again = call(*words)
    assert len(instant) == 3
    assert again.out == shown.out
    other = call(*words[:-1], "3")
    assert other.exit_code == 2
    assert "holds finished detectors of other pictures or other settings" in other.err
    assert len(instant) == 3


def test_the_rule_paper_measures_on_what_it_was_trained_on_and_says_so(tmp_path, instant):
    boxes = make_pictures(tmp_path, synthetic=False)
    shown = call("detector", "train", "--boxes", boxes, *SMALL, "--rule", "paper")
    assert shown.exit_code == 0, shown.text
    assert instant == [("all", set(PATIENTS))]
    assert "Flattered: the detector was measured on the pictures that it was trained on" in shown.out
    assert "Mean IoU over pictures of the patients that were trained on" in shown.out
    assert "Synthetic" not in shown.out
    said = json.loads((tmp_path / "detectors" / "all.json").read_text())["training"]
    assert (said["rule"], said["trained_without"], said["synthetic"]) == ("paper", [], False)
    assert json.loads((tmp_path / "detectors" / "detectors.json").read_text())["scores"]["flattered"]
    assert "rule paper" in load_detector("own", weights=tmp_path / "detectors").notes[0]


def test_patients_can_be_named_or_listed(tmp_path, instant):
    boxes = make_pictures(tmp_path)
    (tmp_path / "test.csv").write_text("patient_id,comment\np3,x\n")
    for number, words in enumerate(
        (["--hold-out", "p1", "--hold-out", "p3"], ["--hold-out", tmp_path / "test.csv"])
    ):
        out = tmp_path / f"out{number}"
        shown = call("detector", "train", "--boxes", boxes, "--out", out, *SMALL, *words)
        assert shown.exit_code == 0, shown.text
        assert f"Wrote {out}: hold-out." in shown.out
    assert instant == [("hold-out", {"p2"}), ("hold-out", {"p1", "p2"})]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--architecture", "ssd300"], "Unknown detector architecture 'ssd300'. Did you mean ssd300_vgg16"),
        (["--rule", "papr"], "Unknown rule 'papr'. Did you mean paper"),
        (["--folds", "4"], "from 2 to the number of patients, 3, got 4"),
        (["--rule", "paper", "--folds", "2"], "--folds has no meaning with --rule paper"),
        (["--hold-out", "p1", "--folds", "2"], "--folds has no meaning with --hold-out"),
        (["--rule", "paper", "--hold-out", "p1"], "Under the rule paper nobody is held out"),
        (["--hold-out", "p7"], "Unknown patient (--hold-out) 'p7'. Did you mean p3"),
        ([word for name in PATIENTS for word in ("--hold-out", name)], "all 3 patients are held out"),
        (
            ["--min-size", "32"],
            "--min-size: min_size and max_size of fasterrcnn_mobilenet must be at least 64",
        ),
        (["--label", "bed"], "Unknown label (--label) 'bed'"),
        (["--weights", "none.pth"], "must be pretrained, random or a file that exists, got 'none.pth'"),
        (["--boxes", "none.json"], "none.json does not exist"),
        (["--pictures", "none"], "must be in a folder that exists, got none"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_nothing_is_written(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    boxes = make_pictures(tmp_path / "truth")
    shown = call("detector", "train", "--boxes", boxes, "--out", "out", *SMALL, *words)
    assert shown.exit_code == 2
    assert message in shown.err
    assert not list(tmp_path.glob("out/*.*"))


def test_one_patient_cannot_be_held_out(tmp_path, instant):
    boxes = make_pictures(tmp_path, {"p1": 3})
    shown = call("detector", "train", "--boxes", boxes, *SMALL)
    assert shown.exit_code == 2
    assert "Holding out patients needs two of them at least, got one (p1)" in shown.err
    assert call("detector", "train", "--boxes", boxes, *SMALL, "--rule", "paper").exit_code == 0


def test_a_detector_without_enough_to_learn_from_is_refused_before_any_is_trained(tmp_path, instant):
    boxes = make_pictures(tmp_path, {"p1": 4, "p2": 1})
    shown = call("detector", "train", "--boxes", boxes, *SMALL)
    assert shown.exit_code == 2
    assert (
        "needs 2 pictures and a box to learn from, but fold-1 without p1 has 1 picture and 1 box."
        in shown.err
    )
    assert instant == []


def test_weights_that_are_absent_or_of_another_network_are_named(tmp_path, instant, monkeypatch):
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS_URL", (tmp_path / "mirror").as_uri())
    boxes = make_pictures(tmp_path / "truth")
    words = ["detector", "train", "--boxes", boxes, "--progress", "quiet"]
    shown = call(*words)
    assert shown.exit_code == 2
    assert "ssd300_vgg16_coco-b556d3b4.pth" in shown.err
    assert call(*words, "--out", tmp_path / "out", *SMALL[:6], "--rule", "paper").exit_code == 0
    shown = call(*words, "--weights", tmp_path / "out" / "all.safetensors")
    assert shown.exit_code == 2
    assert (
        "must be of ssd300_vgg16, but all.safetensors gives 0 % of the numbers of its backbone" in shown.err
    )


def test_pictures_that_are_left_out_are_listed_and_the_exit_code_says_so(tmp_path, instant):
    boxes = make_pictures(tmp_path)
    (tmp_path / "pictures" / "p1" / "0.png").unlink()
    shown = call("detector", "train", "--boxes", boxes, *SMALL)
    assert shown.exit_code == 1
    assert "left out  pictures/p1/0.png: there is no such picture" in shown.out
    assert json.loads((tmp_path / "detectors" / "detectors.json").read_text())["left_out"]
