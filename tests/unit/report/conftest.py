import pytest
from tiny import Tiny, shared_tiny


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return shared_tiny(tmp_path_factory)
