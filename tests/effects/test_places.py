"""Which files flows may touch."""

from pathlib import Path

import pytest

from hitl_temporal.effects.places import Folders
from hitl_temporal.ports import PermanentError


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Return the project `p` with `shared` opened beside it."""
    for name in ("p", "shared", "private"):
        (tmp_path / name).mkdir()
    (tmp_path / "p" / "link").symlink_to(tmp_path / "private")
    return Folders(tmp_path / "p", [tmp_path / "shared"])


def test_a_relative_path_lies_in_the_project(folders: Folders, tmp_path: Path) -> None:
    """An absolute one may lie in a folder that was opened."""
    assert folders.path("a/b.txt") == tmp_path / "p" / "a" / "b.txt"
    assert folders.path("../shared/x") == tmp_path / "shared" / "x" == folders.path(str(tmp_path / "shared" / "x"))


@pytest.mark.parametrize("written", ["/etc/passwd", "../private/x", "../p-other/x", "link/x", "a/../../private"])
def test_what_lies_elsewhere_is_refused(folders: Folders, written: str) -> None:
    """Wherever links lead."""
    with pytest.raises(PermanentError, match="outside of the project"):
        folders.path(written)


def test_what_is_no_path_is_refused(folders: Folders) -> None:
    """As an answer, not a crash."""
    for written in ("a\0b",):
        with pytest.raises(PermanentError, match="no path"):
            folders.path(written)
