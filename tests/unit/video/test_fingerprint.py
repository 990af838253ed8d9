import pytest
from gray16 import WRITERS, drawn, write_array, write_folder

from semioscope.core.errors import VideoError
from semioscope.video import fingerprint, whole_print


def test_content_counts_and_the_name_does_not(tmp_path):
    one, two = tmp_path / "a.mp4", tmp_path / "b.mkv"
    one.write_bytes(b"x" * 1000)
    two.write_bytes(b"x" * 1000)
    assert fingerprint(one) == fingerprint(two)
    assert len(fingerprint(one)) == 32
    two.write_bytes(b"x" * 999 + b"y")
    assert fingerprint(one) != fingerprint(two)


def test_pinned_value(tmp_path):
    """Feature stores are named by it: it must not change from version to version."""
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(range(256)) * 4)
    assert fingerprint(path) == "7733e6b95c9e3fe95aad0e0b70ba970c"


@pytest.mark.parametrize("at", [0, 1 << 19, 10_000_000, (20 << 20) - 1])
def test_large_files_are_sampled(tmp_path, at):
    path = tmp_path / "large.mpg"
    size = 20 << 20
    with path.open("wb") as stream:
        stream.truncate(size)
    before = fingerprint(path)
    blocks = range(at, min(size, at + 400_000), 50_000)  # longer than the distance of samples
    with path.open("rb+") as stream:
        for position in blocks:
            stream.seek(position)
            stream.write(b"changed")
    assert fingerprint(path) != before


def test_length_counts(tmp_path):
    one, two = tmp_path / "a", tmp_path / "b"
    one.write_bytes(bytes(10))
    two.write_bytes(bytes(11))
    assert fingerprint(one) != fingerprint(two)


def test_absent_file(tmp_path):
    with pytest.raises(VideoError, match=r"gone.mp4 must be a video file, but it does not exist"):
        fingerprint(tmp_path / "gone.mp4")


def test_folders_of_pictures_count_names_contents_and_times(tmp_path):
    folder = write_folder(tmp_path / "d", drawn())
    before = fingerprint(folder)
    assert fingerprint(folder.rename(tmp_path / "e")) == before
    folder = tmp_path / "e"
    seen = {before}
    (folder / "fps.txt").write_text("25")
    seen.add(fingerprint(folder))
    (folder / "depth_8.png").rename(folder / "depth_9.png")
    seen.add(fingerprint(folder))
    (folder / "depth_0.png").write_bytes((folder / "depth_1.png").read_bytes())
    seen.add(fingerprint(folder))
    (folder / "depth_4.png").unlink()
    seen.add(fingerprint(folder))
    (folder / "notes.txt").write_text("not a picture")
    seen.add(fingerprint(folder))
    assert len(seen) == 5


def test_the_times_of_an_array_count(tmp_path):
    path = write_array(tmp_path / "d", drawn())
    before = fingerprint(path)
    path.with_suffix(".fps.txt").write_text("25")
    assert fingerprint(path) != before
    path.with_suffix(".fps.txt").unlink()
    with pytest.raises(VideoError, match="must have its times beside it"):
        fingerprint(path)


@pytest.mark.parametrize("way", list(WRITERS))
def test_the_whole_print_is_that_of_a_copy_and_changes_with_any_byte(tmp_path, way):
    first, second = (WRITERS[way](tmp_path / name / "d", drawn()) for name in "ab")
    before = whole_print(first)
    assert whole_print(second) == before
    files = sorted(second.iterdir()) if second.is_dir() else [second, *second.parent.glob("*.txt")]
    for file in files:
        whole = file.read_bytes()
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert whole_print(second) != before, file.name
        file.write_bytes(whole)
    assert whole_print(second) == before


def test_an_empty_picture_does_not_lose_the_others(tmp_path):
    folder = write_folder(tmp_path / "d", drawn())
    before = fingerprint(folder)
    (folder / "depth_3.png").write_bytes(b"")
    assert fingerprint(folder) != before
