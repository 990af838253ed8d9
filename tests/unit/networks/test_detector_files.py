"""What lies on the disk: trained detectors, recorded detections, boxes in COCO JSON."""

import json
import pickle

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semioscope.core.errors import CohortError, WeightsError
from semioscope.core.records import Region
from semioscope.networks import (
    Detection,
    DetectorDesign,
    DetectorExample,
    LabelledBox,
    PictureBoxes,
    read_coco,
    read_detector,
    read_recorded,
    write_coco,
    write_detector,
    write_recorded,
)
from semioscope.networks.detector_examples import labels_of, pixel_edges
from semioscope.networks.detector_networks import empty_network, fill_random

DESIGN = DetectorDesign(labels=("bed", "person"), min_size=64, max_size=128)
PICTURE = np.zeros((4, 8, 3), np.uint8)
BOX = Region(x=0.25, y=0.5, width=0.5, height=0.25)


@pytest.fixture(scope="module")
def state():
    module = empty_network(DESIGN.build)
    fill_random(module, name="own", seed=0)
    return module.state_dict()


def test_a_detector_comes_back_and_is_written_the_same_twice(state, tmp_path):
    for name in ("one", "two"):
        write_detector(tmp_path / f"{name}.safetensors", DESIGN, state)
    for suffix in ("safetensors", "json"):
        one, two = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in ("one", "two"))
        assert one == two
    got = read_detector(tmp_path / "one.safetensors")
    assert got.design == DESIGN
    assert all(torch.equal(tensor, state[name]) for name, tensor in got.state.items())
    torch.save(dict(state), tmp_path / "one.pth")
    assert read_detector(tmp_path / "one.pth").weights_hash == got.weights_hash


@pytest.mark.parametrize(
    ("said", "match"),
    [
        (None, "must lie own.json"),
        ("{", "must lie own.json"),
        ("[]", "must say what the detector is"),
        ('{"labels": ["bed"]}', "must say what the detector is"),
        ('{"schema_version": 2}', "written by a newer semioscope"),
        ('{"schema_version": 1, "architecture": "ssd"}', "Unknown detector architecture 'ssd'"),
        ('{"schema_version": 1, "labels": ["bed", "bed"]}', "labels must be different names"),
        ('{"schema_version": 1, "labels": []}', "labels: Tuple should have at least 1 item"),
        ('{"schema_version": 1, "size": 3}', "size: Extra inputs are not permitted"),
        ('{"schema_version": 1, "min_size": 32}', "must be at least 64 pixels"),
        ('{"schema_version": 1, "min_size": 200, "max_size": 100}', "not above max_size; got 200 and 100"),
        (
            '{"schema_version": 1, "architecture": "ssd300_vgg16", "max_size": 400}',
            "must be exactly 300 pixels",
        ),
        ('{"schema_version": 1, "labels": ["bed"]}', r"with 1 labels \(bed\), but they do not fit"),
    ],
)
def test_what_does_not_fit_is_named(state, tmp_path, said, match):
    write_detector(tmp_path / "own.safetensors", DESIGN, state)
    (tmp_path / "own.json").unlink() if said is None else (tmp_path / "own.json").write_text(said)
    with pytest.raises(WeightsError, match=match):
        read_detector(tmp_path / "own.safetensors")


def test_nothing_is_unpickled(state, tmp_path):
    write_detector(tmp_path / "own.safetensors", DESIGN, {})
    (tmp_path / "own.pth").write_bytes(pickle.dumps({"a": PictureBoxes}))
    with pytest.raises(WeightsError):
        read_detector(tmp_path / "own.pth")
    with pytest.raises(WeightsError, match="is not there"):
        read_detector(tmp_path / "no.safetensors")
    with pytest.raises(WeightsError, match=r"must end in \.safetensors"):
        write_detector(tmp_path / "own.pth", DESIGN, state)


def test_recorded_detections_come_back_by_event_best_first(tmp_path):
    path = tmp_path / "seen.json"
    low, high = (Detection(label="bed", score=score, box=BOX) for score in (0.4, 0.75))
    write_recorded(path, {("e1", "r1"): [low, high], ("e1", "r2"): [], ("e2", "r1"): [low]})
    detector = read_recorded(path)
    assert detector.for_event("e1", "r1").detect(PICTURE) == (high, low)
    assert detector.for_event("e1", "r2").detect(PICTURE) == ()
    assert detector.notes == ()
    with pytest.raises(CohortError, match=r"seen.json has no entry for event e2 in recording r2. Add one"):
        detector.for_event("e2", "r2").detect(PICTURE)
    with pytest.raises(CohortError, match="belong to events"):
        detector.detect(PICTURE)


def test_recorded_boxes_are_cut_at_the_edge_and_left_out_beyond_it(tmp_path):
    items = [
        {"label": "bed", "score": 0.9, "box": [-0.5, 0.5, 0.5, 1.5]},
        {"label": "person", "score": 0.9, "box": [1.5, 0.5, 1.7, 1.0]},
    ]
    path = tmp_path / "seen.json"
    path.write_text(json.dumps({"schema_version": 1, "detections": {"e1": {"r1": items}}}))
    detector = read_recorded(path)
    (found,) = detector.for_event("e1", "r1").detect(PICTURE)
    assert (str(found.box), found.clipped) == ("0 0.5 0.5 0.5", True)
    assert detector.notes == (
        "event e1, recording r1: a box of person lies outside of the picture and is left out.",
    )


def test_every_faulty_recorded_entry_is_named(tmp_path):
    path = tmp_path / "seen.json"
    good = {"label": "bed", "score": 0.9, "box": [0, 0, 1, 1]}
    faulty = [
        good,
        good | {"score": 2},
        good | {"box": [0, 0, 1]},
        good | {"box": [1, 0, 0, 1]},
        {"label": "bed"},
        3,
    ]
    path.write_text(json.dumps({"schema_version": 1, "detections": {"e1": {"r1": faulty}, "e2": []}}))
    with pytest.raises(CohortError) as caught:
        read_recorded(path)
    for text in (
        "event e1, recording r1, detection 2: The score of a detection must be in [0, 1], got 2",
        "detection 3: box must be left, top, right and bottom",
        "detection 4: A box must have left < right",
        "detection 5: 'box' is missing",
        "detection 6: must be a list of objects",
        "and 1 more",
    ):
        assert text in str(caught.value)
    assert ".;" not in str(caught.value)
    one = {"schema_version": 1, "detections": {"e1": {"r1": [good | {"box": [1, 0, 0, 1]}]}}}
    path.write_text(json.dumps(one))
    with pytest.raises(CohortError, match=r"top < bottom, got 1 0 0 1\. Correct the entries\.$"):
        read_recorded(path)
    for wrong in ({"score": "high"}, {"box": [0, 0, 1, None]}, {"score": True}):
        one["detections"]["e1"]["r1"] = [good | wrong]
        path.write_text(json.dumps(one))
        with pytest.raises(CohortError, match=r"detection 1: (score|an edge of box) must be a number, got "):
            read_recorded(path)
    for content in ("{", "[]", "{}", '{"schema_version": "1", "detections": {}}'):
        path.write_text(content)
        with pytest.raises(CohortError, match=r"seen\.json") as caught:
            read_recorded(path)
        assert "Delete" not in str(caught.value), "nothing makes it again"
    path.write_text('{"schema_version": 9, "detections": {}}')
    with pytest.raises(CohortError, match="Update semioscope"):
        read_recorded(path)


fraction = st.integers(0, 15)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    corners=st.lists(st.tuples(st.sampled_from(["bed", "person"]), fraction, fraction), max_size=4),
    size=st.tuples(st.integers(16, 512), st.integers(16, 512)),
)
def test_coco_round_trip(corners, size, tmp_path):
    boxes = tuple(
        LabelledBox(label=label, box=Region(x=x / 16, y=y / 16, width=1 / 16, height=1 / 16))
        for label, x, y in corners
    )
    pictures = [
        PictureBoxes(file_name="a.png", width=size[0], height=size[1], boxes=boxes),
        PictureBoxes(file_name="b.png", width=7, height=9, boxes=()),
    ]
    write_coco(tmp_path / "boxes.json", pictures)
    got = read_coco(tmp_path / "boxes.json")
    assert [(item.file_name, item.width, item.height) for item in got] == [("a.png", *size), ("b.png", 7, 9)]
    assert [item.label for item in got[0].boxes] == [item.label for item in boxes]
    for read, written in zip(got[0].boxes, boxes, strict=True):
        for name in ("x", "y", "width", "height"):
            assert getattr(read.box, name) == pytest.approx(getattr(written.box, name), abs=1e-9)


def coco(**changes):
    return {
        "images": [{"id": 7, "file_name": "a.png", "width": 100, "height": 50}],
        "annotations": [
            {"image_id": 7, "category_id": 3, "bbox": [90, 10, 20, 20]},
            {"image_id": 7, "category_id": 3, "bbox": [0, 0, 100, 50], "iscrowd": 1},
        ],
        "categories": [{"id": 3, "name": "bed"}],
    } | changes


def test_coco_of_other_programs(tmp_path):
    (tmp_path / "boxes.json").write_text(json.dumps(coco(info={"year": 2020})))
    (picture,) = read_coco(tmp_path / "boxes.json")
    (item,) = picture.boxes
    assert (item.label, str(item.box)) == ("bed", "0.9 0.2 0.1 0.4")
    assert pixel_edges(picture.boxes, width=100, height=50).tolist() == [[90, 10, 100, 30]]
    example = DetectorExample(picture=PICTURE, boxes=picture.boxes)
    assert labels_of([example]) == labels_of([picture]) == ("bed",)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"images": []}, "must be COCO JSON with the lists"),
        (coco(images=[{"id": 7}]), "images need id, file_name, width and height"),
        (
            coco(annotations=[{"image_id": 8, "category_id": 3, "bbox": [0, 0, 1, 1]}]),
            "annotation 1: 8 is missing",
        ),
        (coco(annotations=[{"image_id": 7, "category_id": 3, "bbox": [0, 0, 1]}]), "bbox must be left, top"),
        (coco(annotations=[{"image_id": 7, "category_id": 3, "bbox": [0, 0, 0, 1]}]), "left < right"),
        (
            coco(annotations=[{"image_id": 7, "category_id": 3, "bbox": [100, 0, 9, 9]}]),
            "lies outside of its",
        ),
        (coco(annotations=[3] * 7), "and 2 more. Correct them"),
    ],
)
def test_faulty_coco_is_named(tmp_path, content, match):
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    with pytest.raises(CohortError, match=match):
        read_coco(tmp_path / "boxes.json")
    with pytest.raises(CohortError, match="does not exist"):
        read_coco(tmp_path / "none.json")
