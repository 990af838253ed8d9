"""Files of one vector: read as torch reads them, and never by running what is in them."""

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from semioscope.features.vectors import VectorReader, stored_records


def saved(value, **options):
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


@pytest.fixture
def write(tmp_path):
    def write(content, name="a.pth"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def loads(monkeypatch):
    """Count the calls of ``torch.load``."""
    calls = []
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda *given, **options: calls.append(1) or load(*given, **options))
    return calls


@given(arrays(np.float32, 8, elements=st.floats(width=32, allow_nan=True)))
def test_numbers_are_those_of_torch_first_and_later(tmp_path_factory, numbers):
    path = tmp_path_factory.getbasetemp() / "law.pth"
    path.write_bytes(saved(torch.from_numpy(numbers)))
    reader = VectorReader(8)
    wanted = torch.load(path, weights_only=True).numpy()
    for _ in range(2):
        np.testing.assert_array_equal(reader.read(path), wanted)


def test_later_files_are_read_without_torch_and_equal_it(tmp_path, monkeypatch):
    numbers = torch.arange(24, dtype=torch.float32).reshape(3, 8)
    for index, vector in enumerate(numbers):
        torch.save(vector.clone(), tmp_path / f"{index:06d}.pth")  # torch names the archive after the file
    calls = loads(monkeypatch)
    reader = VectorReader(8)
    found = [reader.read(tmp_path / f"{index:06d}.pth") for index in range(3)]
    assert np.array_equal(found, numbers.numpy())
    assert len(calls) == 1


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(16, dtype=torch.float32)[::2],
        torch.arange(16, dtype=torch.float32)[4:12],
        torch.zeros(1).expand(8),
        torch.zeros(8, 8)[:, 3],
        torch.arange(8, dtype=torch.float64),
        torch.arange(8, dtype=torch.float16),
        torch.arange(8, dtype=torch.float32).reshape(1, 8, 1),
        torch.complex(torch.ones(8), torch.arange(8.0)).conj().imag,
        torch.nn.Parameter(torch.arange(8, dtype=torch.float32)),
    ],
    ids=["steps", "part", "repeated", "column", "double", "half", "shape", "imaginary", "parameter"],
)
def test_other_ways_to_lie_are_left_to_torch(tensor, write):
    reader = VectorReader(8)
    reader.read(write(saved(torch.ones(8)), "plain.pth"))
    path = write(saved(tensor))
    for _ in range(2):
        assert np.array_equal(reader.read(path), tensor.detach().resolve_neg().reshape(-1).float().numpy())


def test_old_files_that_are_no_archive(write):
    content = saved(torch.arange(8.0), _use_new_zipfile_serialization=False)
    assert stored_records(content) is None
    assert np.array_equal(VectorReader(8).read(write(content)), np.arange(8.0))


def test_a_compressed_archive_is_left_to_torch(write):
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(torch.arange(8.0)))) as old, zipfile.ZipFile(stream, "w", 8) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert stored_records(stream.getvalue()) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.zeros(7), "must hold one tensor of 8 numbers, but holds 7$"),
        (torch.zeros(2, 4), "must hold one tensor of 8 numbers, but holds 2x4"),
        (torch.tensor(1.0), "must hold one tensor of 8 numbers, but holds a single number"),
        (torch.zeros(8, dtype=torch.int64), "numbers with a decimal point, but holds int64"),
        ({"a": torch.zeros(8)}, "must hold one tensor of 8 numbers, but holds a dict"),
        ([1.0] * 8, "must hold one tensor of 8 numbers, but holds a list"),
    ],
)
def test_what_is_no_vector_is_said(value, message, write):
    with pytest.raises(ValueError, match=message):
        VectorReader(8).read(write(saved(value)))


def test_a_vector_of_another_length_after_good_ones(write):
    reader = VectorReader(8)
    reader.read(write(saved(torch.ones(8))))
    with pytest.raises(ValueError, match=r"but holds 9$"):
        reader.read(write(saved(torch.ones(9))))


@pytest.mark.parametrize("content", [b"", b"PK\3\4" + b"\0" * 300, saved(torch.ones(8))[:500]])
def test_broken_files_are_said(content, write):
    with pytest.raises(ValueError, match=r"must be a file of torch.save, but cannot be read \("):
        VectorReader(8).read(write(content))


def test_text_is_refused(write):
    with pytest.raises(
        ValueError, match="must hold a plain tensor, but holds something else; it was refused"
    ):
        VectorReader(8).read(write(b"x" * 300))


def test_a_changed_bit_is_noticed(write):
    content = bytearray(saved(torch.ones(8)))
    content[content.index(torch.ones(8).numpy().tobytes()) + 2] ^= 1
    with pytest.raises(ValueError, match="is damaged: its checksum does not hold"):
        VectorReader(8).read(write(bytes(content)))


@given(st.integers(0, 2000), st.integers(1, 255))
def test_any_changed_byte_gives_the_same_numbers_or_words(place, flip):
    content = bytearray(saved(torch.arange(8.0)))
    content[place % len(content)] ^= flip
    try:
        stored_records(bytes(content))
    except ValueError as err:
        assert "checksum" in str(err)  # noqa: PT017 - both are right


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("code was run",))


@pytest.mark.parametrize("in_archive", [True, False])
def test_code_is_never_run(in_archive, write):
    content = saved(Trap()) if in_archive else pickle.dumps(Trap())
    with pytest.raises(ValueError, match=r"refused|cannot be read"):
        VectorReader(8).read(write(content))


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(ValueError, match="must be a file that can be read: No such file"):
        VectorReader(8).read(tmp_path / "gone.pth")
