"""Makes a new project out of the templates that come with the package.

A template is a file as it will be, with `.tmpl` at the end of its name (so that no tool takes it for one of ours) and
`$project` where the project's name goes.

ScaffoldError    nothing was written: the folder is in the way

Must not know: terminals.
"""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from string import Template

_SUFFIX = ".tmpl"


class ScaffoldError(Exception):
    """A project can't be made there; the message says why and what to do."""


def write_project(folder: Path) -> tuple[Path, ...]:
    """Write a new project and return its files, in order.

    Raises:
        ScaffoldError: The folder holds something already, or can't be written.
    """
    name = folder.resolve().name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ScaffoldError(f"{folder} is not empty; name a new folder, so that nothing of yours is overwritten")
        return tuple(_write(folder / place, text, name) for place, text in sorted(_templates()))
    except OSError as error:
        raise ScaffoldError(f"{error.filename or folder}: {error.strerror}; name another folder") from error


def _write(file: Path, text: str, project: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(Template(text).substitute(project=project), encoding="utf-8")
    return file


def _templates() -> Iterator[tuple[PurePosixPath, str]]:
    return _below(files("hitl_temporal.app") / "templates" / "project", PurePosixPath())


def _below(folder: Traversable, at: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry, at / entry.name)
        elif entry.name.endswith(_SUFFIX):
            yield at / entry.name.removesuffix(_SUFFIX), entry.read_text(encoding="utf-8")
