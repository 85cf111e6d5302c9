"""Loads what authors write: `workflows/` and `activities/`, under the package name `hitl_project`.

A finder on `sys.meta_path` names the two folders; below them Python's own import works, so relative imports do too.
Temporal's sandbox refuses a workflow class that was loaded by file path, and the folders on `sys.path` would squat on
the names `workflows` and `activities`.

Measured with sandbox, replayer and two projects in one process.
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from pydantic import BaseModel
from typing_extensions import override

from hitl_temporal.app.connectors import CONNECTORS
from hitl_temporal.app.signatures import input_models

PACKAGE = "hitl_project"
FOLDERS = ("workflows", "activities")


class ProjectError(Exception):
    """The project's own code can't be loaded; the message names the file and what is wrong."""


class Code(NamedTuple):
    """What a worker registers for a project, in the order of file names."""

    activities: tuple[Callable[..., Any], ...]
    workflows: tuple[type, ...]

    @property
    def activity_names(self) -> frozenset[str]:
        """The names by which flows `call` the activities: the project's own, and the connectors'."""
        return frozenset(self.signatures)

    @property
    def signatures(self) -> Mapping[str, type[BaseModel] | None]:
        """What each activity takes, by its name; None: it does not declare it."""
        own = dict.fromkeys(_activity_name(a) or "" for a in self.activities)
        return {**own, **input_models(self.activities), **CONNECTORS}


class ProjectFinder(MetaPathFinder):
    """Finds the package of one project."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the specification of the package or of one of its two folders."""
        package, _, folder = fullname.rpartition(".")
        if fullname == PACKAGE:
            where: list[str] = []
        elif package == PACKAGE and folder in FOLDERS:
            where = [str(self.root / folder)]
        else:
            return None
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = where
        return spec


def install(root: Path) -> None:
    """Make `hitl_project` mean the project at `root`; another one's modules are forgotten."""
    sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, ProjectFinder)]
    for name in [m for m in sys.modules if m == PACKAGE or m.startswith(f"{PACKAGE}.")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    sys.meta_path.append(ProjectFinder(root.resolve()))


def load_code(root: Path) -> Code:
    """Import the project's activities and Python workflows.

    Raises:
        ProjectError: A module of the project fails to import, or two activities have one name.
    """
    install(root)
    activities = [a for m in _modules(root, "activities", "*.py") for a in _defined(m, _is_activity)]
    workflows = [w for m in _modules(root, "workflows", "*/workflow.py") for w in _defined(m, _is_workflow)]
    names = [_activity_name(a) for a in activities]
    doubled = sorted({str(n) for n in names if names.count(n) > 1 or n in CONNECTORS})
    if doubled:
        raise ProjectError(f"two activities are called {', '.join(doubled)}; give each its own name")
    return Code(tuple(activities), tuple(workflows))


def _modules(root: Path, folder: str, pattern: str) -> Iterator[ModuleType]:
    for file in sorted((root / folder).glob(pattern)):
        if file.name.startswith("_"):
            continue
        name = ".".join([PACKAGE, folder, *file.relative_to(root / folder).with_suffix("").parts])
        try:
            yield importlib.import_module(name)
        except Exception as error:  # an author's module may raise anything at import
            raise ProjectError(f"{file}: {type(error).__name__}: {error}; mend the module and start again") from error


def _defined(module: ModuleType, wanted: Callable[[object], bool]) -> list[Any]:
    """Return what the module itself defines: an imported class would be registered twice."""
    found = [v for _, v in inspect.getmembers(module, wanted) if v.__module__ == module.__name__]
    return sorted(found, key=lambda v: v.__qualname__)


def _activity_name(value: object) -> str | None:
    definition = getattr(value, "__temporal_activity_definition", None)
    return getattr(definition, "name", None)


def _is_activity(value: object) -> bool:
    return callable(value) and hasattr(value, "__temporal_activity_definition")


def _is_workflow(value: object) -> bool:
    return isinstance(value, type) and hasattr(value, "__temporal_workflow_definition")
