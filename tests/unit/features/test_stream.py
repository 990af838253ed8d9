import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semioscope.core.errors import ConfigError, VideoError
from semioscope.features import StreamStatistics, ViewClips, stream_features
from semioscope.plans import ClipPlan, frame_times
from semioscope.preprocess import PictureConfig, base_picture, network_picture, view_picture
from semioscope.video import DecodeReport, Frame, open_reader, read_pictures

sys.path.insert(0, str(Path(__file__).parent))
import feature_material as material
from feature_material import INSET, PICTURE, PLAN, counting_backbone


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return material.write_video(tmp_path_factory.mktemp("stream") / "montage.mp4")


def rows(path, views, *, backbone=None, **options):
    """Return the features per view as (clip indices, matrix, counts)."""
    backbone = backbone or counting_backbone()[0]
    clips = list(stream_features(path, views, backbone=backbone, picture=PICTURE, **options))
    found = []
    for number in range(len(views)):
        own = [clip for clip in clips if clip.view == number]
        found.append(
            (
                [clip.clip_index for clip in own],
                np.array([clip.features for clip in own]),
                np.array([(c.num_missing_frames, c.num_held_frames, c.num_damaged_frames) for c in own]),
            )
        )
    return found


def view_of(*indices, plan=PLAN, **options):
    return ViewClips.of(plan, np.array(indices, np.int64), **options)


def dense(video, **options):
    return rows(video, [view_of(*range(150), **options)])[0][1]


class TestLaws:
    def test_against_a_clip_by_clip_computation(self, video):
        backbone, _ = counting_backbone()
        for region, blank in ((None, INSET), (INSET, None)):
            index = np.array([0, 1, 7, 30, 31, 149])
            times = frame_times(PLAN, index)
            expected = []
            for row in times:
                pictures, _ = read_pictures(video, row)
                small = [
                    network_picture(
                        base_picture(view_picture(p, region=region, blank=blank), PICTURE), PICTURE, size=24
                    )
                    for p in pictures
                ]
                expected.append(backbone(backbone.preprocess(np.stack(small))[None])[0])
            [(clips, got, counts)] = rows(video, [view_of(*index, region=region, blank=blank)])
            assert clips == index.tolist()
            assert np.array_equal(got, np.array(expected))
            assert not counts.any()

    @settings(max_examples=8, deadline=None)
    @given(st.sets(st.integers(0, 149), min_size=1, max_size=30))
    def test_sparse_equals_dense_bit_for_bit(self, video, wanted):
        index = sorted(wanted)
        [(clips, got, _)] = rows(video, [view_of(*index)])
        assert clips == index
        assert np.array_equal(got, self.all_clips(video)[index])

    _dense = None

    def all_clips(self, video):
        if TestLaws._dense is None:
            TestLaws._dense = dense(video)
        return TestLaws._dense

    @pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
    def test_the_batch_does_not_matter(self, video, batch_size):
        [(_, got, _)] = rows(video, [view_of(*range(20))], backbone=counting_backbone(batch_size)[0])
        assert np.array_equal(got, self.all_clips(video)[:20])

    def test_two_views_at_once_equal_each_alone(self, video):
        large, small = range(0, 40), range(20, 60, 3)
        both = rows(video, [view_of(*large, blank=INSET), view_of(*small, region=INSET)])
        [one] = rows(video, [view_of(*large, blank=INSET)])
        [two] = rows(video, [view_of(*small, region=INSET)])
        assert both[0][0] == one[0]
        assert both[1][0] == two[0]
        assert np.array_equal(both[0][1], one[1])
        assert np.array_equal(both[1][1], two[1])

    @pytest.mark.parametrize("stride", [1, 8, 20])
    def test_any_stride(self, video, stride):
        plan = ClipPlan(frames_per_clip=8, stride=stride)
        starts = np.arange(0, 80, stride)
        [(_, got, _)] = rows(video, [view_of(*range(len(starts)), plan=plan)])
        single = [rows(video, [view_of(c, plan=plan)])[0][1][0] for c in range(len(starts))[:3]]
        assert np.array_equal(got[:3], np.array(single))

    def test_a_grid_from_the_event(self, video):
        plan = ClipPlan(frames_per_clip=8, stride=4, anchor="event")
        [(_, got, _)] = rows(video, [view_of(0, 1, 2, plan=plan, event_start_seconds=4 * 4 / 15)])
        assert np.array_equal(got, self.all_clips(video)[4:7])


class TestFrames:
    def test_clips_past_the_end_are_nan_and_counted(self, video):
        [(clips, got, counts)] = rows(video, [view_of(160, 163, 164, 170)])  # 660 frames: 164 lacks 4
        assert clips == [160, 163, 164, 170]
        assert np.isnan(got).all(axis=(1, 2)).tolist() == [False, False, True, True]
        assert counts[:, 0].tolist() == [0, 0, 4, 8]

    def test_held_frames_are_counted_and_used(self, tmp_path):
        gap = material.write_video(tmp_path / "gap.mp4", seconds=4, skip=range(20, 24))
        [(_, got, counts)] = rows(gap, [view_of(0, 3, 4, 5, 6)])
        assert counts[:, 1].tolist() == [0, 0, 4, 4, 0]
        assert not np.isnan(got).any()

    def test_only_needed_frames_are_asked_for(self, video):
        asked = []

        class Recorder:
            def __init__(self, path):
                self.inner = open_reader(path)

            def __enter__(self):
                return self

            def __exit__(self, *_):
                self.inner.close()

            report = DecodeReport()

            def read(self, times):
                asked.extend(times.tolist())
                return self.inner.read(times)

        views = [view_of(2, 3, 100), view_of(3, 101, region=INSET)]
        statistics = StreamStatistics()
        rows(video, views, reader=Recorder, statistics=statistics)
        wanted = set(frame_times(PLAN, np.array([2, 3, 100, 101])).ravel().tolist())
        assert asked == sorted(wanted)
        assert statistics.num_frames == len(wanted)
        assert statistics.num_clips == statistics.num_backbone_clips == 5

    def test_nothing_wanted(self, video):
        assert (
            list(stream_features(video, [view_of()], backbone=counting_backbone()[0], picture=PICTURE)) == []
        )
        assert list(stream_features(video, [], backbone=counting_backbone()[0], picture=PICTURE)) == []


class EndlessReader:
    """Makes pictures without a file."""

    def __init__(self, _path, *, on_frame=lambda number: None):
        self.report = DecodeReport()
        self.on_frame = on_frame

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def read(self, times):
        for number, time in enumerate(times.tolist()):
            self.on_frame(number)
            picture = np.full((72, 128, 3), number % 251, np.uint8)
            yield Frame(time_seconds=time, pts_seconds=time, picture=picture, status="ok")


def decoding_threads():
    return [thread for thread in threading.enumerate() if thread.name == "decode"]


class TestFlow:
    def test_decoding_goes_on_while_the_network_computes_but_not_without_end(self):
        seen = threading.Condition()
        reached = [0]

        def on_frame(number):
            with seen:
                reached[0] = number
                seen.notify_all()

        backbone, runner = counting_backbone(batch_size=2)
        leads = []

        def before_call():
            shown = 4 * 2 * (runner.num_calls + 1) + 4  # frames up to the end of this batch
            with seen:
                seen.wait_for(lambda: reached[0] >= min(shown + 8, 400), timeout=5)
                leads.append(reached[0] - shown)

        runner.before_call = before_call
        clips = stream_features(
            Path("none"),
            [view_of(*range(100))],
            backbone=backbone,
            picture=PICTURE,
            reader=lambda path: EndlessReader(path, on_frame=on_frame),
        )
        assert len(list(clips)) == 100
        assert min(leads[:-5]) >= 8
        assert max(leads) <= 4 * 2 * (2 + 1) + 8  # two queued batches, the one in hand, the clip being made

    def test_pictures_do_not_pile_up(self):
        def peak(num_clips):
            view = view_of(*range(num_clips))
            tracemalloc.start()
            stream = stream_features(
                Path("none"), [view], backbone=counting_backbone()[0], picture=PICTURE, reader=EndlessReader
            )
            for _ in stream:
                pass
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return most

        peak(20)
        # a clip brings 7 kB of new pictures and 55 kB for the network; its times and index may stay
        assert (peak(250) - peak(50)) / 200 < 1000

    def test_closing_early_ends_the_thread(self):
        stream = stream_features(
            Path("none"), [view_of(*range(500))], backbone=counting_backbone()[0], picture=PICTURE,
            reader=EndlessReader,
        )  # fmt: skip
        next(stream)
        assert decoding_threads()
        stream.close()
        assert not decoding_threads()

    def test_an_error_of_the_decoder_reaches_the_caller(self):
        def broken(number):
            if number == 30:
                raise VideoError("cam.mp4 is cut off.")

        stream = stream_features(
            Path("none"), [view_of(*range(50))], backbone=counting_backbone(1)[0], picture=PICTURE,
            reader=lambda path: EndlessReader(path, on_frame=broken),
        )  # fmt: skip
        with pytest.raises(VideoError, match=r"cam\.mp4 is cut off"):
            list(stream)
        assert not decoding_threads()

    def test_an_error_of_the_network_ends_the_thread(self):
        backbone, runner = counting_backbone()

        def fail():
            raise MemoryError

        runner.before_call = fail
        stream = stream_features(
            Path("none"), [view_of(*range(500))], backbone=backbone, picture=PICTURE, reader=EndlessReader
        )
        with pytest.raises(MemoryError):
            list(stream)
        assert not decoding_threads()

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(VideoError, match="nowhere"):
            rows(tmp_path / "nowhere.mp4", [view_of(0)])


def test_clips_must_be_long_enough(video):
    plan = ClipPlan(frames_per_clip=7, stride=4)
    with pytest.raises(ConfigError, match="Clips for counting must have at least 8 frames, got 7"):
        rows(video, [view_of(0, plan=plan)])


def test_clips_must_ascend():
    with pytest.raises(ValueError, match=r"Wanted clips must ascend, got \[3, 3\]"):
        view_of(3, 3)


def test_another_picture_configuration_changes_the_numbers(video):
    one = list(stream_features(video, [view_of(0)], backbone=counting_backbone()[0], picture=PICTURE))
    two = list(
        stream_features(
            video, [view_of(0)], backbone=counting_backbone()[0], picture=PictureConfig(side_crop=0.2)
        )
    )
    assert not np.array_equal(one[0].features, two[0].features)
