"""Which detector of a folder looks at whom: never one that was trained on the patient."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semioscope.core.errors import LeakageError, StoreError, WeightsError
from semioscope.networks import Detector, DetectorDesign, load_detector, read_detector, write_detector
from semioscope.networks.detections import PatientDetector, detector_of
from semioscope.networks.detector_folder import (
    DetectorFolder,
    TrainedDetector,
    detector_for_patient,
    read_detector_folder,
    write_detector_folder,
)
from semioscope.networks.detector_networks import empty_network, fill_random

DESIGN = DetectorDesign(labels=("patient",), min_size=64, max_size=96)
PEOPLE = ("p1", "p2", "p3")
NOWHERE = Path("nowhere")


def one(name, without, weights_hash="0a"):
    return TrainedDetector(
        name=name,
        weights_hash=weights_hash,
        num_pictures=dict.fromkeys(PEOPLE, 2),
        trained_on=frozenset(PEOPLE) - set(without),
        trained_without=frozenset(without),
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of two folds and the one of everybody."""
    folder = tmp_path_factory.mktemp("detectors") / "detectors"
    module = empty_network(DESIGN.build)
    fill_random(module, name="own", seed=0)
    listed = []
    for number, (name, without) in enumerate((("fold-1", ["p1"]), ("fold-2", ["p2", "p3"]), ("all", []))):
        state = dict(module.state_dict())
        key = "roi_heads.box_predictor.cls_score.bias"
        state[key] = torch.full_like(state[key], number)
        path = folder / f"{name}.safetensors"
        facts = {"rule": "patient", "trained_on": sorted(set(PEOPLE) - set(without))}
        write_detector(path, DESIGN, state, training=facts)
        listed.append(one(name, without, read_detector(path).weights_hash))
    write_detector_folder(folder, listed, rule="patient", facts={"label": "patient"})
    return folder


@pytest.fixture
def own(trained, tmp_path):
    """A folder of one's own: small files are copied, large ones linked."""

    def take(source, target):
        return os.link(source, target) if source.endswith(".safetensors") else shutil.copy(source, target)

    return shutil.copytree(trained, tmp_path / "detectors", copy_function=take)


def test_nobody_is_looked_at_by_a_detector_that_was_trained_on_them(trained):
    detectors = load_detector("own", weights=trained)
    assert isinstance(detectors, PatientDetector)
    assert isinstance(detectors, Detector)
    said = json.loads((trained / "detectors.json").read_text())["detectors"]
    hashes = {name: item["weights_hash"] for name, item in said.items()}
    assert len(set(hashes.values())) == 3
    for patient, name in (("p1", "fold-1"), ("p2", "fold-2"), ("p3", "fold-2"), ("p9", "all")):
        chosen = detectors.for_patient(patient)
        assert chosen.weights_hash == hashes[name]
        assert detectors.for_patient(patient) is chosen
        assert detector_of(detectors, event_id="e", recording_id="r", patient_id=patient) is chosen
    assert detector_for_patient(trained, "p1").weights_hash == hashes["fold-1"]
    assert {item.label for item in chosen.detect(np.zeros((64, 64, 3), np.uint8))} <= {"patient"}
    alone = load_detector("own", weights=trained / "fold-1.safetensors").notes
    assert alone[0].startswith(
        "fold-1.safetensors was trained on 2 patients: what it finds on them is better"
    )
    assert "Give its folder in place of the file" in alone[0]
    with pytest.raises(LeakageError, match=r"belong to patients\. Ask for_patient first"):
        detectors.detect(np.zeros((64, 64, 3), np.uint8))


@given(
    groups=st.lists(st.sets(st.sampled_from(PEOPLE)), min_size=1, max_size=4),
    patient=st.sampled_from([*PEOPLE, "p9"]),
)
def test_whatever_a_folder_holds_no_choice_leaks(groups, patient):
    detectors = {f"d{place}": one(f"d{place}", group) for place, group in enumerate(groups)}
    folder = DetectorFolder(folder=NOWHERE, rule="patient", detectors=detectors, facts={})
    if any(patient not in item.trained_on for item in detectors.values()):
        assert patient not in folder.choose(patient).trained_on
    else:
        with pytest.raises(LeakageError, match=f"every detector in nowhere was trained on {patient}"):
            folder.choose(patient)


def test_without_a_detector_of_everybody_the_one_of_most_patients_looks_at_others():
    folder = DetectorFolder(
        folder=NOWHERE, rule="patient", detectors={"hold-out": one("hold-out", ["p1"])}, facts={}
    )
    assert folder.choose("p1").name == folder.choose("p9").name == "hold-out"
    with pytest.raises(LeakageError, match=r"must not have seen this patient.*--folds"):
        folder.choose("p2")


def test_the_rule_paper_looks_at_everybody_and_says_that_it_flatters(trained, tmp_path):
    path = tmp_path / "all.safetensors"
    os.link(trained / "all.safetensors", path)
    said = json.loads((trained / "all.json").read_text())
    said["training"]["rule"] = "paper"
    (tmp_path / "all.json").write_text(json.dumps(said))
    write_detector_folder(
        tmp_path, [one("all", [], read_detector(path).weights_hash)], rule="paper", facts={}
    )
    detectors = load_detector("own", weights=tmp_path)
    assert detectors.for_patient("p1") is detectors.for_patient("p9")
    assert "was trained on all its patients (rule paper)" in detectors.notes[0]
    assert "It is the only one of its training (rule paper)." in load_detector("own", weights=path).notes[0]


def test_a_file_that_was_exchanged_is_refused(own):
    for suffix in ("safetensors", "json"):
        (own / f"fold-1.{suffix}").unlink()
        os.link(own / f"all.{suffix}", own / f"fold-1.{suffix}")
    with pytest.raises(
        LeakageError, match=r"fold-1.safetensors and detectors.tsv must agree .* differ in p1"
    ):
        detector_for_patient(own, "p1")
    said = json.loads((own / "fold-1.json").read_text())
    said["training"]["trained_on"] = ["p2", "p3"]
    (own / "fold-1.json").unlink()
    (own / "fold-1.json").write_text(json.dumps(said))
    with pytest.raises(
        WeightsError, match="holds other numbers, and whom it was trained without is not known"
    ):
        detector_for_patient(own, "p1")


def test_a_table_that_was_changed_is_refused(own):
    table = own / "detectors.tsv"
    text = table.read_text()
    assert "all\tp1\tyes\t2\n" in text
    table.write_text(text.replace("all\tp1\tyes\t2\n", "all\tp1\tno\t2\n"))
    with pytest.raises(LeakageError, match="differ in p1"):
        detector_for_patient(own, "p1")
    table.write_text(text.replace("all\tp1\tyes\t2\n", "all\tp1\tyes\t2\nall\tp1\tno\t2\n"))
    with pytest.raises(LeakageError, match="both on patient p1 and without"):
        read_detector_folder(own)
    table.write_text("".join(line for line in text.splitlines(True) if not line.startswith("fold-2")))
    with pytest.raises(StoreError, match=r"detector fold-2 must have a weights_hash .* and rows"):
        read_detector_folder(own)
    table.unlink()
    with pytest.raises(StoreError, match="must exist"):
        read_detector_folder(own)


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ("{", "must be a JSON file"),
        ("[]", "must say rule and detectors"),
        ('{"schema_version": 1, "rule": "x", "detectors": {"all": {}}}', "must say rule and detectors"),
        (
            '{"schema_version": 1, "rule": "patient", "detectors": {"all": {}}}',
            "detector all must have a weights_hash",
        ),
        ('{"schema_version": 2}', "Update semioscope"),
        (None, "give the same command .* again"),
    ],
)
def test_a_folder_that_is_not_finished_or_damaged_is_named(own, said, match):
    (own / "detectors.json").unlink() if said is None else (own / "detectors.json").write_text(said)
    with pytest.raises(StoreError, match=match):
        load_detector("own", weights=own)
