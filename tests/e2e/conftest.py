"""The house that tests share, and an empty plot for those that break theirs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.house import House, house


@pytest.fixture(scope="session", name="house")
def _house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A running house, one for each process of tests: every test asks for runs of its own."""
    with house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture
def plot(tmp_path: Path) -> Iterator[House]:
    """A house of one test alone, with nothing running yet."""
    found = House(tmp_path / "house")
    try:
        yield found
    finally:
        found.end_everything()
