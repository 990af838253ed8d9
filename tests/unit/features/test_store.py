import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from semioscope.core.errors import StoreError
from semioscope.core.records import Region
from semioscope.features import Block, FeatureKey, FeatureStore, default_store
from semioscope.features.store import join
from semioscope.plans import ClipPlan
from semioscope.preprocess import PictureConfig


def block(*clips, engine="torch"):
    rng = np.random.default_rng(0)
    table = rng.normal(size=(1000, 2, 5)).astype(np.float32)
    index = np.array(clips, np.int64)
    return Block(
        clip_index=index,
        features=table[index % 1000],
        num_missing_frames=(index % 3).astype(np.int32),
        num_held_frames=(index % 5).astype(np.int32),
        num_damaged_frames=(index % 2).astype(np.int32),
        engines=(engine,),
    )


def same(one, two):
    return all(
        np.array_equal(getattr(one, name), getattr(two, name))
        for name in ("clip_index", "features", "num_missing_frames", "num_held_frames", "num_damaged_frames")
    )


KEY = FeatureKey(
    video="f" * 32,
    decoder="pyav",
    region=None,
    blank=Region(x=0.0, y=0.0, width=0.5, height=0.5),
    picture=PictureConfig(),
    backbone="r2plus1d_34_8",
    input_size=112,
    weights_hash="abc",
    precision="f32",
    plan=ClipPlan(),
)


class TestKey:
    @pytest.mark.parametrize(
        "change",
        [
            {"video": "e" * 32},
            {"decoder": "other"},
            {"region": Region(x=0.0, y=0.0, width=0.5, height=1.0)},
            {"blank": None},
            {"picture": PictureConfig(side_crop=0.1)},
            {"picture": PictureConfig(base_width=640)},
            {"backbone": "resnet34"},
            {"input_size": 224},
            {"weights_hash": "abd"},
            {"precision": "bf16"},
            {"plan": ClipPlan(stride=1)},
            {"plan": ClipPlan(fps=25.0)},
            {"plan": ClipPlan(anchor="event"), "event_start_seconds": 1.0},
        ],
        ids=str,
    )
    def test_everything_counts(self, change):
        fields = {name: getattr(KEY, name) for name in KEY.__slots__}
        assert FeatureKey(**fields | change).digest != KEY.digest

    def test_keys_of_stores_that_exist_stay(self):
        """Another digest would have every store computed again: change it only with the schema version."""
        anchored = replace(KEY, plan=ClipPlan(anchor="event"), event_start_seconds=1.0)
        assert KEY.digest == "d7fb7d1c8e0fdcd79274112016647320"
        assert anchored.digest == "c121333f35baecc8addfa4cfbe07db99"

    def test_the_whole_picture_is_no_region(self):
        fields = {name: getattr(KEY, name) for name in KEY.__slots__}
        whole = FeatureKey(**fields | {"region": Region(x=0.0, y=0.0, width=1.0, height=1.0)})
        assert whole.digest == KEY.digest

    def test_it_stands_in_the_folder_in_words(self, tmp_path):
        store = FeatureStore(tmp_path)
        store.register(KEY)
        store.register(KEY)
        content = json.loads((tmp_path / KEY.digest / "key.json").read_text())
        assert content["backbone"] == "r2plus1d_34_8"
        assert content["clip_plan"]["stride"] == 4
        assert len(KEY.digest) == 32


class TestBlocks:
    def test_round_trip_and_layout(self, tmp_path):
        store = FeatureStore(tmp_path)
        written = block(130, 131, 190)
        store.write_block("k", 2, written)
        assert same(store.read_block("k", 2), written)
        path = tmp_path / "k" / "block-000002.safetensors"
        with safe_open(path, "numpy") as stream:
            assert list(stream.metadata()) == ["semioscope"]
            words = json.loads(stream.metadata()["semioscope"])
            assert words["engines"] == ["torch"]
            assert stream.get_tensor("features").dtype == np.float32
            assert stream.get_tensor("clip_index").dtype == np.int64
            assert stream.get_tensor("num_missing_frames").dtype == np.int32
            assert stream.get_tensor("num_held_frames").dtype == np.int32

    @settings(max_examples=25, deadline=None)
    @given(st.lists(st.sets(st.integers(0, 63), min_size=1), min_size=1, max_size=5))
    def test_pieces_in_any_order_give_the_same_bytes_as_all_at_once(self, tmp_path_factory, pieces):
        folder = tmp_path_factory.mktemp("store")
        together, apart = FeatureStore(folder / "a"), FeatureStore(folder / "b")
        together.write_block("k", 0, block(*sorted(set().union(*pieces))))
        for piece in pieces:
            apart.write_block("k", 0, block(*sorted(piece)))
        assert apart.block_path("k", 0).read_bytes() == together.block_path("k", 0).read_bytes()

    def test_the_bytes_are_those_of_another_process(self, tmp_path):
        FeatureStore(tmp_path / "here").write_block("k", 0, block(0, 5))
        code = (
            "import sys; sys.path.insert(0, sys.argv[1]); import test_store; from pathlib import Path;"
            "test_store.FeatureStore(Path(sys.argv[2])).write_block('k', 0, test_store.block(0, 5))"
        )
        folder = str(__import__("pathlib").Path(__file__).parent)
        subprocess.run([sys.executable, "-c", code, folder, str(tmp_path / "there")], check=True)
        name = "k/block-000000.safetensors"
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()

    def test_every_damage_is_noticed(self, tmp_path):
        store = FeatureStore(tmp_path)
        store.write_block("k", 0, block(*range(10)))
        path = store.block_path("k", 0)
        whole = path.read_bytes()
        for at in range(0, len(whole), 7):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
            read = store.read_block("k", 0)
            assert read is None or same(read, block(*range(10)))
        for length in range(0, len(whole), 11):
            path.write_bytes(whole[:length])
            assert store.read_block("k", 0) is None
        stored = store.stored_clips("k", [0, 1])
        assert stored.damaged_blocks == (0,)
        assert stored.clip_index.size == 0
        store.write_block("k", 0, block(3))
        assert store.stored_clips("k", [0]).clip_index.tolist() == [3]

    def test_a_block_in_the_wrong_place_is_not_taken(self, tmp_path):
        store = FeatureStore(tmp_path)
        store.write_block("k", 0, block(3))
        store.block_path("k", 0).rename(store.block_path("k", 4))
        assert store.read_block("k", 4) is None

    def test_clips_of_another_block_are_refused(self, tmp_path):
        with pytest.raises(ValueError, match="Block 1 holds clips 64 to 127 only"):
            FeatureStore(tmp_path).write_block("k", 1, block(3))

    def test_clips_ascend(self):
        with pytest.raises(ValueError, match=r"Clips of a block must ascend, got \[4, 3\]"):
            block(4, 3)

    def test_a_newer_format_is_refused(self, tmp_path, monkeypatch):
        store = FeatureStore(tmp_path)
        monkeypatch.setattr("semioscope.features.store.SCHEMA_VERSION", 99)
        store.write_block("k", 0, block(3))
        monkeypatch.undo()
        with pytest.raises(StoreError, match="must have format 1 or older, but has 99"):
            store.read_block("k", 0)

    def test_writers_of_one_block_lose_nothing(self, tmp_path, monkeypatch):
        """Four writers with clips of their own; each is held between reading and writing."""
        num_writers, read = 4, FeatureStore.read_block

        def slow(store, key, number):
            found = read(store, key, number)
            time.sleep(0.005)
            return found

        monkeypatch.setattr(FeatureStore, "read_block", slow)
        barrier = threading.Barrier(num_writers)

        def write(first):
            barrier.wait()
            for clip in range(first, 32, num_writers):
                FeatureStore(tmp_path).write_block("k", 0, block(clip))

        with ThreadPoolExecutor(num_writers) as pool:
            list(pool.map(write, range(num_writers)))
        assert same(read(FeatureStore(tmp_path), "k", 0), block(*range(32)))

    def test_processes_that_write_one_block_lose_nothing(self, tmp_path):
        code = (
            "import sys, numpy as np\n"
            "from semioscope.features import Block, FeatureStore\n"
            "print('ready', flush=True); sys.stdin.readline()\n"
            "for number in range(10):\n"
            "    clips = np.arange(int(sys.argv[2]), 20, 2) + 64 * number\n"
            "    none = np.zeros(10, np.int32)\n"
            "    numbers = np.ones((10, 1, 4), np.float32)\n"
            "    FeatureStore(__import__('pathlib').Path(sys.argv[1])).write_block('k', number, Block(\n"
            "        clip_index=clips, features=numbers, num_missing_frames=none, num_held_frames=none,\n"
            "        num_damaged_frames=none))\n"
        )
        with ExitStack() as stack:
            writers = [
                stack.enter_context(
                    subprocess.Popen(
                        [sys.executable, "-c", code, str(tmp_path), str(first)],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                    )
                )
                for first in (0, 1)
            ]
            for writer in writers:
                assert writer.stdout.readline() == b"ready\n"
            for writer in writers:
                writer.stdin.write(b"\n")
                writer.stdin.flush()
        assert [writer.returncode for writer in writers] == [0, 0]
        stored = FeatureStore(tmp_path).stored_clips("k", range(10))
        assert stored.clip_index.tolist() == [
            64 * number + clip for number in range(10) for clip in range(20)
        ]

    def test_a_block_that_cannot_be_opened(self, tmp_path):
        store = FeatureStore(tmp_path)
        store.block_path("k", 0).mkdir(parents=True)
        with pytest.raises(StoreError, match="must be a file that can be read: Is a directory"):
            store.read_block("k", 0)

    def test_joining(self):
        assert same(join([block(1, 2), block(64)]), block(1, 2, 64))
        with pytest.raises(ValueError, match="at least one block"):
            join([])


class TestPlace:
    def test_where_the_store_is(self, tmp_path, monkeypatch):
        assert default_store(tmp_path).folder == tmp_path / "derived" / "features"
        monkeypatch.setenv("SEMIOSCOPE_STORE", str(tmp_path / "shared"))
        assert default_store(tmp_path).folder == tmp_path / "shared"
        assert default_store(tmp_path, store=tmp_path / "own").folder == tmp_path / "own"

    def test_it_is_no_file(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError, match=r"feature store .*file must be a folder, but is a file"):
            default_store(tmp_path, store=tmp_path / "file")
