"""What of a job is a program on this machine: the words to start it with, and the folder it starts in.

Must not know: processes, environments, Temporal.
"""

import os
import shlex
import sys
from pathlib import Path

from hitl_temporal.domain.flow.job import Prepared
from hitl_temporal.ports import PermanentError

__all__ = ["folder", "words"]

_INTERPRETERS = {".py": sys.executable, ".sh": "sh"}
_MAX_SHEBANG_BYTES = 256


def folder(project: Path, job: Prepared) -> Path:
    """Return where a job runs: the project's folder, or from there on.

    Raises:
        PermanentError: There is no such folder.
    """
    found = (project / job.cwd).resolve() if job.cwd else project.resolve()
    if not found.is_dir():
        raise PermanentError(f"there is no folder {job.cwd!r} in the project on this machine; make it, or mend `cwd`")
    return found


def words(project: Path, job: Prepared) -> tuple[str, ...]:
    """Return the program and its arguments.

    A script with a first line `#!` goes by that line, whether it may be executed or not; without one, by its name.

    Raises:
        PermanentError: The script is not there, lies outside the project, or nothing says how to run it.
    """
    if job.script is None:
        return (*job.command, *job.args)
    root = project.resolve()
    file = (root / job.script).resolve()
    if not file.is_relative_to(root):
        raise PermanentError(f"the script {job.script!r} lies outside the project; move it below the project's folder")
    if not file.is_file():
        raise PermanentError(
            f"the project on this machine has no script {job.script!r}; put it there, or mend `script`"
        )
    return (*_launcher(file, job.script), str(file), *job.args)


def _launcher(file: Path, script: str) -> tuple[str, ...]:
    """Return what goes before the file: nothing when it starts by itself."""
    try:
        with file.open("rb") as opened:
            first = opened.readline(_MAX_SHEBANG_BYTES)
    except OSError as error:
        raise PermanentError(f"the script {script!r} can't be read ({error.strerror}); mend its rights") from error
    may_execute = os.access(file, os.X_OK)
    if first.startswith(b"#!"):
        return () if may_execute else tuple(shlex.split(first[2:].decode(errors="replace")))
    if interpreter := _INTERPRETERS.get(file.suffix):
        return (interpreter,)
    if may_execute:
        return ()
    raise PermanentError(
        f"nothing says how to run the script {script!r}; make it executable, or begin it with a line such as #!/bin/sh"
    )
