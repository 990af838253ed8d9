"""Loads the factory of test videos by path, and makes each kind of video once per run."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

_SOURCE = Path(__file__).parents[2] / "data" / "make_videos.py"


def _load() -> ModuleType:
    name = "semioscope_test_videos"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, _SOURCE)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


def pytest_generate_tests(metafunc):
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", list(_load().KINDS))


@pytest.fixture(scope="session")
def factory():
    """The module ``tests/data/make_videos.py``."""
    return _load()


@pytest.fixture(scope="session")
def made(factory, tmp_path_factory):
    """A function that returns the path of a kind of video of 100 frames, and the times of its frames."""
    folder = tmp_path_factory.mktemp("kinds")
    known = {}

    def get(kind, *, num_frames=100):
        key = (kind, num_frames)
        if key not in known:
            (folder / str(num_frames)).mkdir(exist_ok=True)
            known[key] = factory.make_kind(folder / str(num_frames), kind, num_frames=num_frames)
        return known[key]

    return get


@pytest.fixture(scope="session")
def broken(factory, tmp_path_factory):
    """Every broken video, by name."""
    return factory.make_broken(tmp_path_factory.mktemp("broken"))
