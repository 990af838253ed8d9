"""A bundle of which a byte or a setting changed is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import Tiny

from semioscope.core.errors import StoreError
from semioscope.core.files import file_sha256, read_json, write_json
from semioscope.models import build, save
from semioscope.runs import read_bundle
from semioscope.runs.bundle import sealed


@pytest.fixture
def bundle(tiny: Tiny, tmp_path: Path) -> Path:
    copy = tmp_path / "copy.semio"
    shutil.copytree(tiny.bundle, copy)
    return copy


def change(bundle: Path, *keys: str, to: Any, again: bool = False) -> None:
    """Change one setting of bundle.json, and seal it again as an able hand would."""
    content = read_json(bundle / "bundle.json")
    place = content
    for key in keys[:-1]:
        place = place[key]
    assert place[keys[-1]] != to
    place[keys[-1]] = to
    write_json(bundle / "bundle.json", sealed(content) if again else content)


def test_a_bundle_that_was_copied_or_written_in_other_words_is_taken(bundle: Path) -> None:
    file = bundle / "bundle.json"
    content = read_json(file)
    assert content["aggregator_sha256"] == file_sha256(bundle / "aggregator.safetensors")
    file.write_text(json.dumps(content, sort_keys=False, indent=4), encoding="utf-8")
    assert read_bundle(bundle).facts.classes == tuple(content["classes"])


def test_every_flipped_byte_of_the_weights_is_noticed(bundle: Path) -> None:
    file = bundle / "aggregator.safetensors"
    whole = file.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    rng = np.random.default_rng(0)
    places = rng.integers(8 + length, len(whole), size=20).tolist()
    for place in [*places, len(whole) - 1]:
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(StoreError, match=r"its SHA-256 is another: it was damaged or replaced\. Copy"):
            read_bundle(bundle)
    for place in rng.integers(8, 8 + length, size=20).tolist():  # the header: whatever notices it first
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(StoreError, match=r"Copy|Train|Update"):
            read_bundle(bundle)


SETTINGS = {
    "stride": (("clips", "stride"), 3),
    "threshold": (("threshold",), 0.123),
    "slope": (("calibration", "slope"), 7.5),
    "classes swapped": (("classes",), ["TCS", "FOS"]),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_was_changed_is_noticed(bundle: Path, name: str) -> None:
    keys, value = SETTINGS[name]
    change(bundle, *keys, to=value)
    with pytest.raises(
        StoreError, match=r"bundle\.json was changed since it was written: its digest is another"
    ):
        read_bundle(bundle)


@pytest.mark.parametrize("again", [False, True])
def test_another_network_than_the_weights_is_noticed_and_named(bundle: Path, again: bool) -> None:
    before = read_bundle(bundle).facts.aggregator.hidden_size
    change(bundle, "aggregator", "hidden_size", to=before + 1, again=again)
    message = rf"names hidden_size {before + 1}, aggregator\.safetensors has {before}\. Copy the whole bundle"
    with pytest.raises(StoreError, match=message):
        read_bundle(bundle)


def test_weights_for_another_backbone_are_noticed(bundle: Path) -> None:
    facts = read_bundle(bundle).facts
    found = read_bundle(bundle).model.num_features
    model = build(facts.aggregator, num_features=found + 1, num_classes=len(facts.classes), seed=0)
    save(bundle / "aggregator.safetensors", model, facts.aggregator)
    message = rf"names {found} features, aggregator\.safetensors has {found + 1}\."
    with pytest.raises(StoreError, match=message):
        read_bundle(bundle)


@pytest.mark.parametrize("key", ["aggregator_sha256", "digest"])
def test_a_bundle_without_its_seals_is_damaged(bundle: Path, key: str) -> None:
    content = read_json(bundle / "bundle.json")
    del content[key]
    write_json(bundle / "bundle.json", content)
    with pytest.raises(StoreError, match=rf"bundle\.json is damaged: {key}: Field required"):
        read_bundle(bundle)


def test_a_list_is_not_a_bundle(bundle: Path) -> None:
    (bundle / "bundle.json").write_text("[]")
    with pytest.raises(StoreError, match=r"bundle\.json is damaged: content: it must be a table of keys"):
        read_bundle(bundle)
