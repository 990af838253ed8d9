"""The drawn feature set: its shape is the published one, its numbers are the same whenever they are drawn."""

from statistics import median

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semioscope.core.errors import CohortError, ConfigError
from semioscope.synthetic import feature_set as module
from semioscope.synthetic import is_synthetic, plan_feature_set, write_feature_set

SMALL = {"num_seizures": 4, "num_patients": 2, "seed": 1, "minutes": 1.2}


def seconds(seizure):
    return (seizure.num_clips["L"] + 7) / 15


def used(planned):
    return [item for item in planned.seizures if item.discard != "Yes" and seconds(item) >= 15]


@pytest.mark.parametrize("seed", [0, 1])
def test_the_full_size_is_the_published_one(seed):
    planned = plan_feature_set(seed=seed)
    seizures = used(planned)
    focal = [seconds(item) for item in seizures if not item.is_tonic_clonic]
    clonic = [seconds(item) for item in seizures if item.is_tonic_clonic]
    assert (len(seizures), len(focal), len(clonic), len({item.subject for item in seizures})) == (
        183,
        106,
        77,
        68,
    )
    assert 200 <= len(planned.seizures) <= 230
    assert sum(focal + clonic) / 60 == pytest.approx(298, abs=0.5)
    assert median(focal) == pytest.approx(53, abs=2)
    assert median(clonic) == pytest.approx(93, abs=3)
    assert (min(focal), max(focal)) == (pytest.approx(16, abs=0.5), pytest.approx(701, abs=15))
    assert (min(clonic), max(clonic)) == (pytest.approx(51, abs=1), pytest.approx(1098, abs=20))
    ratios = [item.clonic_onset_seconds / seconds(item) for item in seizures if item.is_tonic_clonic]
    assert np.mean(ratios) == pytest.approx(0.56, abs=0.01)
    assert np.std(ratios) == pytest.approx(0.18, abs=0.01)
    assert {item.discard for item in planned.seizures} == {"No", "Yes", "Large", "Small"}
    assert planned.num_vectors == pytest.approx(530_000, rel=0.05)


@settings(max_examples=60)
@given(st.integers(2, 60), st.integers(1, 60), st.integers(0, 5), st.floats(0.3, 2))
def test_every_size_has_what_was_asked_for(num_seizures, num_patients, seed, minutes_each):
    num_patients = min(num_patients, num_seizures)
    minutes = minutes_each * num_seizures
    planned = plan_feature_set(
        num_seizures=num_seizures, num_patients=num_patients, seed=seed, minutes=minutes
    )
    seizures = used(planned)
    assert len(seizures) == num_seizures
    assert len({item.subject for item in seizures}) == num_patients
    assert {item.is_tonic_clonic for item in seizures} == {True, False}
    assert sum(map(seconds, seizures)) / 60 == pytest.approx(minutes, rel=0.02)
    assert len({item.seizure_id for item in planned.seizures}) == len(planned.seizures)
    for item in planned.seizures:
        assert (item.clonic_onset_seconds is not None) == item.is_tonic_clonic
        if item.is_tonic_clonic:
            assert 0 < item.clonic_onset_seconds < min(item.num_clips.values()) / 15 + 7 / 15


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ({"num_seizures": 1, "num_patients": 1}, "--seizures must be 2 or more, one of each class, got 1"),
        ({"num_seizures": 4, "num_patients": 5}, r"--patients must be from 1 to the number of seizures \(4"),
        ({"num_seizures": 4, "num_patients": 0}, r"--patients must be from 1"),
        (
            {"num_seizures": 4, "num_patients": 2, "minutes": 0.5},
            r"--minutes must be from 1.1 to 400 for 4 seizures",
        ),
        ({"num_seizures": 4, "num_patients": 2, "minutes": 5000}, r"--minutes must be from 1.1 to 400"),
    ],
)
def test_sizes_that_cannot_be(size, words):
    with pytest.raises(ConfigError, match=words):
        plan_feature_set(**size)


def test_vectors_do_not_depend_on_what_was_drawn_before():
    name = next(iter(plan_feature_set(**SMALL).folders))
    first = plan_feature_set(**SMALL).vectors(name)
    other = plan_feature_set(**SMALL)
    for folder in other.folders:
        other.vectors(folder)
    module._patient.cache_clear()
    module._network.cache_clear()
    assert np.array_equal(other.vectors(name), first)
    assert first.dtype == np.float32
    assert (first >= 0).all()
    assert not np.array_equal(plan_feature_set(**SMALL | {"seed": 2}).vectors(name)[:9], first[:9])


def test_the_clonic_phase_shows_from_its_onset_on_in_both_views():
    planned = plan_feature_set(num_seizures=12, num_patients=4, seed=0, minutes=6)
    for item in used(planned):
        if item.is_tonic_clonic:
            own, shared = module._patient(0, item.subject)[1], module._network(0)[1]
            direction = module._OWN * own + module._SHARED * shared
            for view in "LS":
                along = planned.vectors(f"{item.seizure_id}_{view}") @ direction
                start = int(item.clonic_onset_seconds * 15)
                assert along[start + 30 :].mean() > along[: start - 30].mean() + 3


def test_patients_differ_more_than_the_seizures_of_a_patient():
    planned = plan_feature_set(num_seizures=12, num_patients=3, seed=0, minutes=6)
    means = {name: planned.vectors(name).mean(axis=0) for name in planned.folders}
    same, others = [], []
    for one in means:
        for two in means:
            if one[:6] != two[:6]:
                (same if one[:3] == two[:3] else others).append(np.linalg.norm(means[one] - means[two]))
    assert max(same) < min(others)


class TestWriting:
    @pytest.fixture
    def written(self, tmp_path):
        planned = plan_feature_set(**SMALL)
        write_feature_set(planned, tmp_path / "set")
        return planned, tmp_path / "set"

    def test_files_are_those_of_torch(self, written):
        planned, folder = written
        assert is_synthetic(folder)
        for name, number in planned.folders.items():
            files = sorted((folder / "features_fpc_8_fps_15" / name).iterdir())
            assert len(files) == number
            loaded = torch.stack([torch.load(file, weights_only=True) for file in files[::50]])
            assert np.array_equal(loaded.numpy(), planned.vectors(name)[::50])

    def test_it_goes_on_after_an_interruption(self, written, monkeypatch):
        planned, folder = written
        views = folder / "features_fpc_8_fps_15"
        content = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        last = list(planned.folders)[-1]
        (views / last).rename(views / f".{last}.begun")
        (views / f".{last}.begun" / "000003.pth").write_bytes(b"half")
        kept = {
            path: path.stat().st_mtime_ns
            for path in content
            if last not in str(path) and path.suffix == ".pth"
        }
        write_feature_set(planned, folder)
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == content
        assert {path: path.stat().st_mtime_ns for path in kept} == kept

    def test_foreign_folders_are_left_alone(self, written, tmp_path):
        with pytest.raises(CohortError, match="but it was made with other settings"):
            write_feature_set(plan_feature_set(**SMALL | {"seed": 9}), written[1])
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "notes.txt").touch()
        with pytest.raises(CohortError, match="must be empty or absent, but holds files"):
            write_feature_set(written[0], tmp_path / "other")
