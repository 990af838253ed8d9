import pytest
from tiny import Tiny, shared_tiny
from tiny_study import TinyStudy, shared_study


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return shared_tiny(tmp_path_factory)


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> TinyStudy:
    return shared_study(tmp_path_factory)
