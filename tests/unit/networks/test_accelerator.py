import pytest

from semioscope.networks import choose_engine, describe_accelerator, describe_engines, judge_accelerator


@pytest.mark.parametrize(
    ("found", "usable", "words"),
    [
        (
            {"cuda_available": True, "capability": (9, 0), "name": "H200"},
            True,
            "H200 (compute capability 9.0) is",
        ),
        (
            {"cuda_available": True, "capability": (7, 5), "name": "T4"},
            True,
            "T4 (compute capability 7.5) is",
        ),
        (
            {"cuda_available": True, "capability": (7, 0), "name": "V100"},
            False,
            "7.0, this PyTorch needs 7.5",
        ),
        ({"cuda_available": True, "capability": (6, 1), "name": "GTX 1080"}, False, "the card is too old"),
        ({"cuda_available": True, "capability": None, "name": None}, True, "NVIDIA card is used"),
        ({"cuda_available": False, "capability": None, "name": None}, False, "driver may be too old"),
        (
            {"cuda_available": False, "capability": None, "name": None, "driver_found": False},
            False,
            "No NVIDIA driver and no graphics card were found",
        ),
        (
            {"cuda_available": False, "capability": None, "name": None, "built_for_cuda": False},
            False,
            "built without CUDA",
        ),
    ],
)
def test_the_verdict_in_words(found, usable, words) -> None:
    verdict = judge_accelerator(**found)
    assert verdict.usable is usable
    assert words in verdict.sentence
    assert ("Networks run on the CPU" in verdict.sentence) is not usable


def test_auto_is_torch_on_a_card_and_openvino_without(monkeypatch) -> None:
    card = judge_accelerator(cuda_available=True, capability=(8, 0), name="A100")
    none = judge_accelerator(cuda_available=False, capability=None, name=None)
    assert choose_engine("auto", accelerator=card) == "torch"
    assert choose_engine("auto", accelerator=none) == "openvino"
    assert choose_engine("openvino", accelerator=card) == "openvino"
    monkeypatch.setattr("semioscope.networks.engines.importlib.util.find_spec", lambda name: None)
    assert choose_engine("auto", accelerator=none) == "torch"


def test_doctor_gets_one_sentence_per_engine() -> None:
    lines = describe_engines()
    assert [line.split(" ")[0] for line in lines] == ["openvino", "torch"]
    assert describe_accelerator() in lines[1]
    assert "f32" in lines[0]
