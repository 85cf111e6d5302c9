"""What is wrong at a path: a project, a folder of one, one document.

A document of a project is checked with everything that it refers to: calendars, people, registered activities.

Must not know: how problems are printed.
"""

from pathlib import Path

from hitl_temporal.app.project import ProjectError, load_code
from hitl_temporal.definition.documents import read
from hitl_temporal.definition.problems import Problem
from hitl_temporal.definition.project import (
    FLOW_FILE,
    Project,
    load_flow,
    load_people,
    load_project,
    load_site,
    load_text,
)

_WORKFLOWS = "workflows"


def problems_of(path: Path) -> tuple[Problem, ...]:
    """Return everything that is wrong at or below a path, by file and line."""
    root = _project_of(path)
    if root is None:
        return load_project(path).problems if path.is_dir() else _alone(path)
    if path.is_file() and not _is_document(path, root):
        return _alone(path)
    broken, project = _load(root)
    found = (*broken, *project.problems)
    if path.resolve() == root.resolve():
        return found
    # A flow may be kept out by what stands elsewhere: by a route of the site that it goes by.
    flows = {(root / _WORKFLOWS / name / FLOW_FILE).resolve(): wrong for name, wrong in project.left_out.items()}
    keeping_out = [p for flow, wrong in flows.items() if flow.is_relative_to(path.resolve()) for p in wrong]
    return tuple(p for p in found if p in keeping_out or Path(p.path).resolve().is_relative_to(path.resolve()))


def _project_of(path: Path) -> Path | None:
    """Return the project that a path is, or lies in, as it was reached; None if it is in none."""
    if (path / _WORKFLOWS).is_dir():
        return path
    ways = (path, *path.parents, *path.resolve().parents)
    return next((folder.parent for folder in ways if folder.name == _WORKFLOWS), None)


def _is_document(path: Path, root: Path) -> bool:
    place = path.resolve().relative_to((root / _WORKFLOWS).resolve()).parts
    return place in {("people.yaml",), ("site.yaml",)} or (len(place) == 2 and place[1] == "flow.yaml")


def _load(root: Path) -> tuple[tuple[Problem, ...], Project]:
    """Return what keeps the code of a project from being imported, and the project."""
    try:
        activities = load_code(root).signatures
    except ProjectError as error:
        file, _, what = str(error).partition(": ")
        message, _, mend = what.partition("; ")
        return (Problem(path=file, message=message or file, mend=mend),), load_project(root)
    return (), load_project(root, activities)


def _alone(path: Path) -> tuple[Problem, ...]:
    """Check a document by itself: what it refers to is not there to be checked."""
    match path.name:
        case "people.yaml":
            return load_people(path)[1]
        case "site.yaml":
            return load_site(path)[1]
        case "flow.yaml":
            return load_flow(path)[1]
        case _:
            # Of another name, so its folder need not bear the flow's.
            document, problems = read(path)
            return problems if document is None else load_text(path.read_text(encoding="utf-8-sig"), str(path))[1]
