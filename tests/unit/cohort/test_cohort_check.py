"""What ``check`` finds in tables and videos."""

import shutil

import av
import numpy as np
import pytest
from gray16 import WRITERS, write_array, write_folder

from semioscope.cohort import TASKS, Task, check_cohort
from semioscope.video import VideoWriter


def make_video(path, *, seconds=3.0, fps=10, seed=0, times=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with VideoWriter(path, width=64, height=48, fps=fps) as writer:
        for number in range(round(seconds * fps)):
            picture = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
            if times is None:
                writer.write(picture)
            else:
                writer.write(picture, pts_seconds=float(times[number]))
    return path


@pytest.fixture
def with_videos(write):
    """A valid cohort with three short videos."""
    seizures = (
        "seizure_id\trecording_id\tonset\tclonic_onset\toffset\tseizure_type\n"
        "s1\tr1-large r1-small\t0.5\t1\t2.5\tTCS\ns2\tr2\t0\tn/a\t3.0\tFOS\ns3\tr3\t1\t2\t2.9\tTCS\n"
        "s4\tr1-large\t0\tn/a\t1\tFOS\n"
    )
    folder = write(patients="patient_id\np1\np2\np3\n", seizures=seizures)
    for number in (1, 2, 3):
        make_video(folder / "videos" / f"r{number}.mp4", seed=number)
    return folder


def told(folder, **options):
    return [f"{found.severity} {found}" for found in check_cohort(folder, **options)]


@pytest.mark.parametrize("full", [False, True])
def test_a_good_cohort_has_no_problems(with_videos, full):
    assert told(with_videos, full=full) == []


def test_missing_videos_name_the_nearest_file(with_videos):
    (with_videos / "videos" / "r2.mp4").rename(with_videos / "videos" / "r2x.mp4")
    (message,) = told(with_videos)
    assert message.startswith(
        "error recordings.tsv row 4 (recording r2): path r2.mp4 must exist, but does not. Did you mean r2x.mp4 or"
    )


def test_what_is_no_video_is_named(with_videos):
    (with_videos / "videos" / "r2.mp4").write_text("no video")
    (with_videos / "videos" / "r3.mp4").unlink()
    (with_videos / "videos" / "r3.mp4").mkdir()
    first, second = told(with_videos)
    assert first.startswith("error recordings.tsv row 4 (recording r2): ")
    assert "r2.mp4" in first
    assert "path r3.mp4 must be a video file, but is a folder, and none of 16-bit pictures" in second


def test_empty_and_cut_files_are_named(with_videos):
    content = (with_videos / "videos" / "r2.mp4").read_bytes()
    (with_videos / "videos" / "r2.mp4").write_bytes(b"")
    (with_videos / "videos" / "r3.mp4").write_bytes(content[: len(content) // 2])
    messages = told(with_videos)
    assert any("(recording r2)" in message for message in messages)
    assert any("(recording r3)" in message for message in messages)


def test_annotations_past_the_end_are_named(with_videos):
    text = (with_videos / "seizures.tsv").read_text()
    (with_videos / "seizures.tsv").write_text(text.replace("2.9", "3.2").replace("0\tn/a\t3.0", "7\tn/a\t9"))
    first, second = told(with_videos)
    assert first.startswith(
        "error seizures.tsv row 3 (seizure s2): onset 7.0 must lie within recording r2, which ends at 3.00 s"
    )
    assert second.startswith("error seizures.tsv row 4 (seizure s3): offset 3.2 must lie within recording r3")


@pytest.mark.parametrize(
    ("suffix", "told_by_header"), [(".mpg", False), (".ts", False), (".mkv", True), (".avi", True)]
)
def test_a_time_past_the_end_of_what_is_left_points_to_the_file(with_videos, suffix, told_by_header):
    path = with_videos / "videos" / f"r3{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video" if suffix != ".avi" else "mpeg4", rate=25)
        stream.width, stream.height = 64, 48
        for number in range(100):
            noise = np.random.default_rng(number).integers(0, 255, (48, 64, 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(noise, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    table = with_videos / "recordings.tsv"
    table.write_text(table.read_text().replace("r3.mp4", path.name))
    *remarks, message = told(with_videos)
    assert "(seizure s3): offset 2.9 must lie within recording r3, which ends at" in message
    assert message.endswith("copy it again from its source.")
    if told_by_header:
        assert any("its header promises 4.00 s: it was cut off" in remark for remark in remarks)
        assert "The file was cut off: copy" in message
        assert "Correct the time" not in message
    else:
        assert remarks == []
        assert "Correct the time (seconds from the first displayed frame) or the recording_id" in message
        assert "if both are right, the file may be cut off or incomplete: copy" in message


@pytest.mark.parametrize("full", [False, True])
def test_one_video_under_two_patients_is_an_error(with_videos, full):
    shutil.copy(with_videos / "videos" / "r2.mp4", with_videos / "videos" / "r3.mp4")
    (message,) = told(with_videos, full=full)
    assert message.startswith(
        "error recordings.tsv row 4 (recordings r2 and r3): show the same video (rows 4 and 5), but are of patients "
        "p2 and p3."
    )
    assert message.endswith("Give them one patient_id, or correct the paths.")


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("num_patients", [1, 3])
def test_many_equal_videos_are_one_problem_that_names_them_all(write, full, num_patients):
    rows = [f"r{number}\tp{1 + number % num_patients}\tvideos/r{number}.mp4" for number in range(1, 8)]
    folder = write(
        patients="patient_id\n" + "".join(f"p{number + 1}\n" for number in range(num_patients)),
        recordings="\n".join(["recording_id\tpatient_id\tpath", *rows, ""]),
        seizures="seizure_id\trecording_id\tonset\toffset\ns1\tr1\t0\t1\n",
    )
    video = make_video(folder / "videos" / "r1.mp4")
    for number in range(2, 8):
        shutil.copy(video, folder / "videos" / f"r{number}.mp4")
    (message,) = told(folder, full=full)
    assert message.startswith("error recordings.tsv row 2 (recordings r1, r2, r3, r4, r5, r6 and r7): ")
    assert "(rows 2, 3, 4, 5, 6, 7 and 8)" in message
    said = "must differ in content or region" if num_patients == 1 else "but are of patients p2, p3 and p1."
    assert said in message


def test_two_people_in_one_picture_are_a_warning(with_videos):
    recordings = (
        "recording_id\tpatient_id\tpath\tregion\nr1-large\tp1\tvideos/r1.mp4\t0 0 0.5 1\n"
        "r1-small\tp1\tvideos/r2.mp4\tn/a\nr2\tp2\tvideos/r1.mp4\t0.5 0 0.5 1\nr3\tp3\tvideos/r3.mp4\tn/a\n"
    )
    (with_videos / "recordings.tsv").write_text(recordings)
    (message,) = told(with_videos)
    assert message.startswith(
        "warning recordings.tsv row 2 (recordings r1-large and r2): show the same video"
    )
    assert message.endswith("unless the picture really shows several people.")


def test_the_same_picture_twice_is_an_error(with_videos):
    text = (with_videos / "recordings.tsv").read_text().replace("0 0 0.4 0.4", "0 0 1 1")
    (with_videos / "recordings.tsv").write_text(text)
    (message,) = told(with_videos)
    assert message.startswith(
        "error recordings.tsv row 2 (recordings r1-large and r1-small): must differ in content or region, but are "
        "the same video and region (rows 2 and 3)."
    )


def test_a_variable_frame_rate_is_a_warning(with_videos):
    times = np.cumsum(np.resize([0.1, 0.05, 0.2, 0.1], 30)) - 0.1
    make_video(with_videos / "videos" / "r2.mp4", seed=2, times=times)
    (message,) = told(with_videos)
    assert message.startswith("warning recordings.tsv row 4 (recording r2): r2.mp4 has a variable frame rate")


def test_a_parts_list_is_one_recording(with_videos):
    (with_videos / "videos" / "r2.mp4").rename(with_videos / "videos" / "a.mp4")
    make_video(with_videos / "videos" / "b.mp4", seed=9)
    parts = with_videos / "videos" / "r2.parts.tsv"
    parts.write_text("path\tstart_seconds\na.mp4\t0\nb.mp4\t10\n")
    for name, old, new in (
        ("recordings", "r2.mp4", "r2.parts.tsv"),
        ("seizures", "0\tn/a\t3.0", "10\tn/a\t12.9"),
    ):
        table = with_videos / f"{name}.tsv"
        table.write_text(table.read_text().replace(old, new))
    assert told(with_videos) == []
    parts.write_text("path\tstart_seconds\na.mp4\t0\nc.mp4\t10\n")
    (message,) = told(with_videos)
    assert "r2.parts.tsv: path c.mp4 must exist, but does not" in message
    parts.write_text("path\tbegin\na.mp4\t0\n")
    assert "must have the columns path and start_seconds" in told(with_videos)[0]


def add_depth(folder, *, offset=0.0, infrared=None, way="video", **frames):
    """Give recording r3 16-bit infrared, and depth of some frames, kept as an array."""
    if infrared is None:
        infrared = np.full((30, 6, 8), 9000, np.uint16)
    path = WRITERS[way](folder / "videos" / "r3", infrared, fps=10)
    table = folder / "recordings.tsv"
    lines = table.read_text().replace("r3.mp4", path.name).splitlines()
    lines[0] += "\tdepth_path\tdepth_offset_seconds"
    lines[1:] = [f"{line}\tn/a\tn/a" for line in lines[1:-1]] + [f"{lines[-1]}\tdepth/r3.npy\t{offset}"]
    table.write_text("\n".join(lines) + "\n")
    if "depth" in frames:
        write_array(folder / "depth" / "r3", frames["depth"], fps=10)


DEPTH = np.full((30, 6, 8), 2000, np.uint16)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("way", list(WRITERS))
def test_good_depth_has_no_problems(with_videos, full, way):
    add_depth(with_videos, depth=DEPTH, way=way)
    assert told(with_videos, full=full) == []


@pytest.mark.parametrize("way", list(WRITERS))
class TestInfraredOfEveryKind:
    def test_is_held_against_its_depth(self, with_videos, way):
        add_depth(with_videos, depth=DEPTH[:, :3], way=way)
        (message,) = told(with_videos)
        assert message.startswith(
            "error recordings.tsv row 5 (recording r3): Infrared and depth must have pictures"
        )

    def test_has_an_end(self, with_videos, way):
        add_depth(with_videos, depth=DEPTH, way=way)
        table = with_videos / "seizures.tsv"
        table.write_text(table.read_text().replace("2.9", "3.2"))
        assert "offset 3.2 must lie within recording r3, which ends at 3.00 s" in told(with_videos)[0]

    @pytest.mark.parametrize("full", [False, True])
    def test_is_compared_with_others(self, with_videos, way, full):
        add_depth(with_videos, depth=DEPTH, way=way)
        table = with_videos / "recordings.tsv"
        lines = table.read_text().splitlines()
        copy = WRITERS[way](with_videos / "videos" / "r2", np.full((30, 6, 8), 9000, np.uint16), fps=10)
        table.write_text("\n".join(line.replace("r2.mp4", copy.name) for line in lines) + "\n")
        (message,) = told(with_videos, full=full)
        assert "(recordings r2 and r3): show the same video" in message

    def test_is_refused_where_it_is_black(self, with_videos, way):
        add_depth(with_videos, infrared=np.zeros((30, 6, 8), np.uint16), depth=DEPTH, way=way)
        assert (
            "must hold infrared, but 5 frames of it that were looked at are all zero" in told(with_videos)[0]
        )


def test_infrared_pictures_that_are_empty_or_without_times_are_told(with_videos):
    add_depth(with_videos, depth=DEPTH, way="folder")
    (with_videos / "videos" / "r3" / "depth_17.png").write_bytes(b"")
    (message,) = told(with_videos)
    assert message.startswith(
        "warning recordings.tsv row 5 (recording r3): r3: 1 picture is counted as missing, of 30: depth_17.png must "
        "be a picture, but it is empty (0 bytes)."
    )
    (with_videos / "videos" / "r3" / "fps.txt").unlink()
    (message,) = told(with_videos)
    assert (
        "error recordings.tsv row 5 (recording r3): r3 must have its times inside it, but has none" in message
    )


def test_depth_files_must_exist(with_videos):
    add_depth(with_videos)
    (message,) = told(with_videos)
    assert message.startswith(
        "error recordings.tsv row 5 (recording r3): depth_path r3.npy must exist, but does"
    )


@pytest.mark.parametrize(
    ("severity", "depth", "offset", "message"),
    [
        ("error", DEPTH.astype(np.uint8), 0, "r3.npy must hold 16-bit whole numbers (uint16), got uint8"),
        ("error", DEPTH[:, :3], 0, "pictures of one size, pixel on pixel, got r3.mkv 8x6 and r3.npy 8x3"),
        ("error", DEPTH * 0, 0, "r3.npy must hold depth, but 5 frames of it that were"),
        ("error", DEPTH, 50, "r3.npy must overlap r3.mkv in time, but with depth_offset_seconds 50"),
        (
            "warning",
            np.concatenate([DEPTH[:1] * 0, DEPTH[1:]]),
            0,
            "the first frame must hold depth, but is all",
        ),
        ("warning", DEPTH * (np.arange(8) > 4).astype(np.uint16), 0, "62 % of the first frame has no depth"),
        ("warning", DEPTH[:12], 0, "r3.npy must run as long as r3.mkv, but gives depth from 0.00 to 1.20 s"),
    ],
)
def test_bad_depth_is_named_with_its_row(with_videos, severity, depth, offset, message):
    add_depth(with_videos, depth=depth, offset=offset)
    first = told(with_videos)[0]
    assert first.startswith(f"{severity} recordings.tsv row 5 (recording r3): ")
    assert message in first


def test_depth_may_be_a_folder_of_pictures(with_videos):
    add_depth(with_videos)
    write_folder(with_videos / "depth" / "r3.npy", DEPTH, fps=10)
    assert told(with_videos) == []
    (with_videos / "depth" / "r3.npy" / "fps.txt").unlink()
    (message,) = told(with_videos)
    assert "r3.npy must have its times inside it, but has none" in message


def test_depth_is_checked_without_its_infrared_video(with_videos):
    add_depth(with_videos, depth=DEPTH * 0)
    (with_videos / "videos" / "r3.mkv").unlink()
    first, second = told(with_videos)
    assert "(recording r3): path r3.mkv must exist" in first
    assert "must hold depth" in second


def test_problems_of_tables_and_videos_come_together(with_videos):
    (with_videos / "videos" / "r3.mp4").unlink()
    text = (with_videos / "seizures.tsv").read_text().replace("0.5\t1\t2.5", "0.5\t0.2\t2.5")
    (with_videos / "seizures.tsv").write_text("\ufeff" + text.replace("\n", "\r\n"))
    messages = told(with_videos)
    assert len(messages) == 4
    assert "(recording r3): path r3.mp4 must exist" in messages[0]
    assert "clonic_onset 0.2 must lie between onset 0.5 and offset 2.5" in messages[3]
    assert [message.split()[0] for message in messages] == ["error", "warning", "warning", "error"]


def test_a_class_with_one_patient_is_a_warning(with_videos):
    text = (with_videos / "seizures.tsv").read_text().replace("1\t2\t2.9\tTCS", "1\tn/a\t2.9\tFOS")
    (with_videos / "seizures.tsv").write_text(text)
    (message,) = told(with_videos)
    assert message.startswith(
        "warning seizures.tsv: class TCS of task fos-vs-tcs must have at least two patients"
    )
    assert "has 1 patient" in message


def test_the_classes_of_a_task_that_is_asked_for_are_checked(with_videos):
    (message,) = [text for text in told(with_videos, task=TASKS["es-vs-pnes"]) if "PNES" in text]
    assert "has no patient" in message
    sides = Task(name="sides", column="side", classes={"l": ["l"], "r": ["r"]})
    assert "error seizures.tsv: task sides needs a column side" in told(with_videos, task=sides)[0]


def test_contradicting_labels_and_times_are_a_warning(with_videos):
    text = (with_videos / "seizures.tsv").read_text().replace("0\tn/a\t3.0\tFOS", "0\t1\t3.0\tFOS")
    (with_videos / "seizures.tsv").write_text(text)
    (message,) = told(with_videos)
    assert message.startswith(
        "warning seizures.tsv row 3 (seizure s2): seizure_type is 'FOS', but there is a clonic"
    )


def test_seizures_in_contextual_recordings_and_silent_patients_are_warnings(write):
    recordings = "recording_id\tpatient_id\tpath\trole\nr\tp1\tn/a\tcontextual\n"
    folder = write(recordings=recordings, seizures="seizure_id\trecording_id\tonset\toffset\ns\tr\t1\t2\n")
    first, second = told(folder)
    assert first.startswith("warning patients.tsv: these patients have no recording: p2, p3.")
    assert "recording r has the role contextual (free of seizures), but a seizure is in it" in second


def test_a_wrong_folder_is_a_problem_not_an_exception(tmp_path):
    assert "must be a cohort folder, but does not exist" in told(tmp_path / "none")[0]
    (tmp_path / "file").write_text("")
    assert "must be a cohort folder, but is a file" in told(tmp_path / "file")[0]


def test_progress_names_the_videos(with_videos, capsys):
    from semioscope.core.progress import make_progress

    check_cohort(with_videos, progress=make_progress("json"))
    assert '"stage": "check", "total": 3' in capsys.readouterr().err
