"""The detector behind the crops of a model, on another machine than that of the training."""

import hashlib

import pytest

from semioscope.core.errors import ConfigError, WeightsError
from semioscope.recipes import CropsConfig, apply_overrides, make_config
from semioscope.runs.bundle_crops import (
    NO_FILE,
    BundleCrops,
    detector_weights,
    is_other_file,
    portable_crops,
    with_known_detector,
)


@pytest.fixture
def trained(tmp_path):
    """The file of a detector on the machine of the training, and what the bundle says of it."""
    file = tmp_path / "home" / "anna" / "mine.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"numbers")
    return file, portable_crops(CropsConfig(method="box", detector="own", weights=str(file), check=False))


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The bundle and the folder of weights on another machine, and where the program runs there."""
    folders = [tmp_path / "there" / name for name in ("model.semio", "weights", "here")]
    for folder in folders:
        folder.mkdir(parents=True)
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS", str(folders[1]))
    monkeypatch.chdir(folders[2])
    return folders


def test_a_bundle_names_a_file_and_no_place(trained):
    _, crops = trained
    assert crops == BundleCrops(
        method="box", detector="own", check=False, weights="mine.safetensors",
        weights_sha256=hashlib.sha256(b"numbers").hexdigest(),
    )  # fmt: skip
    gone = portable_crops(CropsConfig(method="box", weights="/gone/away.pth"))
    assert (gone.weights, gone.weights_sha256) == ("away.pth", "")


@pytest.mark.parametrize("words", NO_FILE)
def test_weights_that_are_no_file_stay(words, tmp_path):
    crops = portable_crops(CropsConfig(method="box", weights=words))
    assert crops.model_dump() == CropsConfig(method="box", weights=words).model_dump() | {
        "weights_sha256": ""
    }
    assert detector_weights(crops, tmp_path) == words
    assert not is_other_file(words, crops)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_file_is_found_in_the_bundle_in_the_folder_of_weights_or_here(trained, places, place):
    _, crops = trained
    (places[place] / "mine.safetensors").write_bytes(b"numbers")
    found = detector_weights(crops, places[0])
    assert (places[2] / found).samefile(places[place] / "mine.safetensors")


def test_a_file_that_is_absent_or_another_is_told(trained, places):
    _, crops = trained
    with pytest.raises(WeightsError) as caught:
        detector_weights(crops, places[0])
    assert str(caught.value) == (
        f"The model was trained with the detector mine.safetensors (SHA-256 {crops.weights_sha256[:12]}...), which "
        "must be in the bundle model.semio or in the folder of weights, but it is not there. Copy it there, or give "
        "its path with --detector-weights FILE."
    )
    other = places[1] / "mine.safetensors"
    other.write_bytes(b"other numbers")
    with pytest.raises(WeightsError, match=rf"but {other} has another content\. Copy it there"):
        detector_weights(crops, places[0])
    assert is_other_file(str(other), crops)
    (places[0] / "mine.safetensors").write_bytes(b"numbers")
    found = detector_weights(crops, places[0])
    assert not is_other_file(found, crops)


def test_bundles_of_earlier_versions_name_a_place(trained, places):
    file, _ = trained
    old = BundleCrops(method="box", detector="own", weights=str(file))
    assert detector_weights(old, places[0]) == str(file)
    file.rename(places[0] / file.name)
    assert detector_weights(old, places[0]) == str(places[0] / file.name)
    (places[0] / file.name).unlink()
    with pytest.raises(
        WeightsError, match=r"with the detector mine\.safetensors, which must be in the bundle model\.semio"
    ):
        detector_weights(old, places[0])


def test_a_folder_of_detectors_is_known_by_what_it_says_of_itself(places, tmp_path):
    folder = tmp_path / "mydetectors"
    folder.mkdir()
    (folder / "detectors.json").write_text('{"rule": "patient"}')
    crops = portable_crops(CropsConfig(method="track", detector="own", weights=str(folder)))
    assert crops.weights == "mydetectors"
    assert crops.weights_sha256 == hashlib.sha256(b'{"rule": "patient"}').hexdigest()
    with pytest.raises(WeightsError, match="but it is not there"):
        detector_weights(crops, places[0])
    folder.rename(places[1] / "mydetectors")
    assert detector_weights(crops, places[0]) == str(places[1] / "mydetectors")
    (places[1] / "mydetectors" / "detectors.json").write_text("{}")
    with pytest.raises(WeightsError, match="has another content"):
        detector_weights(crops, places[0])


def settings(method, weights, sha256=""):
    chosen = (f"crops.method={method}", "crops.detector=own", f"crops.weights={weights}")
    return apply_overrides(
        make_config("karacsony-2022-b"), [*chosen, f"crops.weights_sha256={sha256 or repr('')}"]
    )


def test_a_run_knows_its_detector_by_content(trained, tmp_path):
    file, crops = trained
    known = with_known_detector(settings("depth_box", file))
    assert known.crops.weights_sha256 == crops.weights_sha256
    moved = file.rename(tmp_path / "moved.safetensors")
    again = with_known_detector(settings("depth_box", moved, known.crops.weights_sha256))
    assert again != known
    assert again.without_places == known.without_places
    assert portable_crops(again.crops).weights_sha256 == crops.weights_sha256
    moved.write_bytes(b"other numbers")
    assert with_known_detector(settings("depth_box", moved)).without_places != known.without_places
    with pytest.raises(ConfigError, match=r"must be the detector with SHA-256 .*, but has"):
        with_known_detector(settings("depth_box", moved, known.crops.weights_sha256))


def test_runs_without_a_detector_have_no_hash_of_one(trained, tmp_path):
    file, _ = trained
    for config in (settings("depth", file), settings("none", file), settings("box", "random"),
                   settings("box", tmp_path / "absent.pth")):  # fmt: skip
        assert with_known_detector(config) is config
    other = [settings("box", tmp_path / name) for name in ("a.pth", "b.pth")]
    assert other[0].without_places != other[1].without_places
