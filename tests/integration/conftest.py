import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))  # make_videos

from tiny import Tiny, shared_tiny
from tiny_study import TinyStudy, shared_study
from tiny_ward import shared_ward
from ward_run import WardRun, shared_ward_run


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return shared_tiny(tmp_path_factory)


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> TinyStudy:
    return shared_study(tmp_path_factory)


@pytest.fixture(scope="session")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared_ward(tmp_path_factory)


@pytest.fixture(scope="session")
def ward_run(tmp_path_factory: pytest.TempPathFactory, ward: Path) -> WardRun:
    return shared_ward_run(tmp_path_factory, ward)
