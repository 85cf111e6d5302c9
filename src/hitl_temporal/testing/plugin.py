"""The pytest plugin: each scenario of a project is a test.

What it needs is imported when there is a scenario: the plugin is loaded in every pytest of whoever has the package.

Must not know: what a scenario says.
"""

# ruff: noqa: PLC0415 see above

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

if TYPE_CHECKING:
    from hitl_temporal.definition.project import Project

_PROJECTS: "pytest.StashKey[dict[Path, Project]]" = pytest.StashKey()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "File | None":
    """Collect `workflows/<flow>/scenarios/*.yaml`."""
    if file_path.suffix != ".yaml" or file_path.parent.name != "scenarios" or "workflows" not in file_path.parts:
        return None
    return File.from_parent(parent, path=file_path)  # pyright: ignore[reportUnknownMemberType] - untyped in pytest


class File(pytest.File):
    """A file with one scenario."""

    @override
    def collect(self) -> Iterator["Item"]:
        """Yield the one test that it is."""
        yield Item.from_parent(self, name="scenario")  # pyright: ignore[reportUnknownMemberType] - untyped in pytest


class Item(pytest.Item):
    """One scenario."""

    @override
    def runtest(self) -> None:
        """Play it."""
        from hitl_temporal.definition.project import load_project
        from hitl_temporal.testing.running import project_of, run_file

        root = project_of(self.path)
        assert root is not None, f"{self.path} lies below `workflows`"
        projects = self.config.stash.setdefault(_PROJECTS, {})
        if root not in projects:
            projects[root] = load_project(root)
        run = run_file(self.path, projects[root])
        if not run.has_passed:
            raise DifferenceError(run.name, map(str, run.problems), map(str, run.hints))

    @override
    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """Return what came out otherwise, without a traceback through our code."""
        if isinstance(excinfo.value, DifferenceError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    @override
    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where it stands."""
        return self.path, 0, f"{self.path.parent.parent.name}/{self.path.stem}"


class DifferenceError(AssertionError):
    """Something came out otherwise than a scenario says."""

    def __init__(self, name: str, problems: Iterable[str], hints: Iterable[str]) -> None:
        super().__init__("\n".join([name, *problems, *(f"hint: {hint}" for hint in hints)]))
