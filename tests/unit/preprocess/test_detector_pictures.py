"""Annotated pictures and whose they are: every way to tell it, and everything that can be wrong."""

import json

import numpy as np
import pytest
from PIL import Image

from semioscope.core.errors import CohortError, ConfigError
from semioscope.preprocess.detector_pictures import read_owned_pictures

NAMES = ("p1/a.png", "p1/b.png", "p2/c.png")


def make(folder, *, owned=True, names=NAMES, annotations=None, categories=("patient",)):
    """Write pictures of 40 x 20 pixels and their boxes; return the COCO file."""
    for number, name in enumerate(names):
        path = folder / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((20, 40, 3), number, np.uint8)).save(path)
    images = [
        {"id": number, "file_name": f"pictures/{name}", "width": 40, "height": 20}
        | ({"patient_id": name.split("/")[0]} if owned else {})
        for number, name in enumerate(names, start=1)
    ]
    boxes = annotations
    if boxes is None:
        boxes = [
            {"image_id": image["id"], "category_id": 1, "bbox": [4, 4, 20, 10]}
            for image in images[: len(names) - 1]
        ]
    named = [{"id": number, "name": name} for number, name in enumerate(categories, start=1)]
    file = folder / "boxes.json"
    file.write_text(json.dumps({"images": images, "annotations": boxes, "categories": named}))
    return file


def change(file, edit):
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))


def owners(found):
    return {picture.file_name.removeprefix("pictures/"): picture.patient_id for picture in found.pictures}


WANTED = {"p1/a.png": "p1", "p1/b.png": "p1", "p2/c.png": "p2"}


def test_patients_stand_in_the_file(tmp_path):
    found = read_owned_pictures(make(tmp_path))
    assert owners(found) == WANTED
    assert (found.patients, found.labels, found.label) == (("p1", "p2"), ("patient",), "patient")
    assert found.left_out == found.notes == ()
    assert [len(picture.boxes) for picture in found.pictures] == [1, 1, 0]
    for number, picture in enumerate(found.pictures):
        assert picture.example.pixels().tolist() == np.full((20, 40, 3), number).tolist()
        assert picture.box_of("bed") is None


def test_patients_are_told_by_folder_pattern_or_table(tmp_path):
    file = make(tmp_path, owned=False)
    pictures = tmp_path / "pictures"
    table = tmp_path / "who.tsv"
    table.write_text("patient\tfile\np1\tp1/a.png\np1\tp1/b.png\np2\tc.png\n")
    for options in (
        {"patient_from": "folder", "pictures": pictures},
        {"patient_from": "regex", "pattern": "(p[0-9])/"},
        {"patient_from": "table", "table": table, "pictures": pictures},
    ):
        assert owners(read_owned_pictures(file, **options)) == WANTED


def test_folders_inside_the_folder_of_a_patient_are_no_patients(tmp_path):
    names = ("p1/first/a.png", "p1/second/b.png", "p2/first/c.png")
    file = make(tmp_path, owned=False, names=names)
    found = read_owned_pictures(file, patient_from="folder", pictures=tmp_path / "pictures")
    assert found.patients == ("p1", "p2")


def test_pictures_without_a_patient_are_asked_for(tmp_path):
    file = make(tmp_path, owned=False)
    with pytest.raises(
        ConfigError, match=r"does not say whose the pictures are .* Say it with --patient-from"
    ):
        read_owned_pictures(file)
    change(file, lambda content: content["images"][0].update(patient_id="p1"))
    found = read_owned_pictures(file)
    assert owners(found) == {"p1/a.png": "p1"}
    assert found.left_out[0] == "pictures/p1/b.png: has no patient_id in boxes.json. Fill it in."
    assert len(found.left_out) == 2


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"patient_from": "foldr"}, "Did you mean folder"),
        ({"pattern": "(p[0-9])/"}, "--pattern and --table belong to"),
        ({"patient_from": "regex"}, "--pattern must be given with"),
        ({"label": "bed"}, r"Unknown label \(--label\) 'bed'"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path, options, match):
    with pytest.raises(ConfigError, match=match):
        read_owned_pictures(make(tmp_path), **options)
    with pytest.raises(ConfigError, match="must be in a folder that exists"):
        read_owned_pictures(tmp_path / "boxes.json", pictures=tmp_path / "none")


def test_faulty_pictures_are_left_out_and_named_and_the_others_stay(tmp_path):
    names = (*NAMES, "p2/d.png", "p3/e.png", "p 4/f.png")
    file = make(tmp_path, names=names)
    (tmp_path / "pictures/p1/b.png").unlink()
    (tmp_path / "pictures/p2/c.png").write_bytes(b"\x89PNG no")
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "pictures/p2/d.png")
    found = read_owned_pictures(file)
    assert sorted(owners(found)) == ["p1/a.png", "p3/e.png"]
    for said, wanted in zip(
        sorted(found.left_out),
        (
            "pictures/p 4/f.png: its patient must be letters",
            "pictures/p1/b.png: there is no such picture below",
            "pictures/p2/c.png: ",
            "pictures/p2/d.png: must have 40 x 20 pixels, as its boxes do, but has 30 x 20",
        ),
        strict=True,
    ):
        assert said.startswith(wanted)
    assert "damaged or none" in sorted(found.left_out)[2]
    for name in ("p1/a.png", "p3/e.png"):
        (tmp_path / "pictures" / name).unlink()
    with pytest.raises(
        CohortError, match=r"No picture of .* can be used\. pictures/p1/a.png: there is no such"
    ):
        read_owned_pictures(file)


def box(image, category=1, at=(4, 4, 20, 10)):
    return {"image_id": image, "category_id": category, "bbox": list(at)}


@pytest.mark.parametrize(
    ("annotations", "match"),
    [
        ([], "must have boxes .annotations., but has none in 3 pictures"),
        (
            [box(1), box(1, at=(0, 0, 5, 5))],
            "one box of patient at most, the patient's, but pictures/p1/a.png has",
        ),
        ([box(1, category=7)], "annotation 1: 7 is missing or unknown"),
        ([box(9)], "annotation 1: 9 is missing or unknown"),
        ([box(1, at=(41, 0, 5, 5))], "lies outside of its picture"),
    ],
)
def test_faulty_annotations_are_named(tmp_path, annotations, match):
    with pytest.raises(CohortError, match=match):
        read_owned_pictures(make(tmp_path, annotations=annotations))


def test_a_box_that_reaches_out_is_cut_and_told(tmp_path):
    found = read_owned_pictures(make(tmp_path, annotations=[box(1, at=(30, 10, 20, 20)), box(2)]))
    assert str(found.pictures[0].box_of("patient").box) == "0.75 0.5 0.25 0.5"
    assert found.notes == (
        "1 picture has a box that reaches out of it and was cut at the edge: pictures/p1/a.png.",
    )


def test_of_several_labels_the_patients_is_asked_for(tmp_path):
    file = make(tmp_path, annotations=[box(1), box(1, 2), box(2, 2)], categories=("patient", "carer"))
    with pytest.raises(ConfigError, match=r"boxes of carer, patient; .* Add --label, such as --label carer"):
        read_owned_pictures(file)
    found = read_owned_pictures(file, label="patient")
    assert (found.labels, found.label) == (("carer", "patient"), "patient")
    assert [picture.box_of("patient") is None for picture in found.pictures] == [False, True, True]


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (lambda content: content["images"][1].update(id=1), "image id 1 is there 2 times"),
        (
            lambda content: content["images"][1].update(file_name="pictures/p1/a.png"),
            "pictures/p1/a.png is listed 2 times",
        ),
        (lambda content: content["images"][0].update(width=0), r"has no size \(0 x 20\)"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path, edit, match):
    file = make(tmp_path)
    change(file, edit)
    with pytest.raises(CohortError, match=match):
        read_owned_pictures(file)
    file.write_text("{")
    with pytest.raises(CohortError, match="must be a JSON file"):
        read_owned_pictures(file)
    file.unlink()
    with pytest.raises(CohortError, match="does not exist"):
        read_owned_pictures(file)
