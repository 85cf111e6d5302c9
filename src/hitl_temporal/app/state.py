"""The state folder: it can be made, and all that is in it written. Else the answer names the setting.

Must not know: what the files mean.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class StateError(Exception):
    """The state folder, or a file in it, can't be written; the message names HITL_STATE."""


@contextmanager
def writing(path: Path) -> Generator[None]:
    """Say which file it was when writing in the state folder fails.

    Raises:
        StateError: In the place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise StateError(
            f"{str(path)!r} can't be written ({error.strerror or error}); make it writable, "
            "or set HITL_STATE to a folder that is"
        ) from error


def prepare(folder: Path, *files: Path) -> None:
    """Make the state folder unless it is there, and see that those of these files that are there can be written.

    Raises:
        StateError: The folder can't be made, or a file can't be written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        with writing(file):
            if file.exists():  # else it stays so: the embedded server would take an empty file for its database
                file.open("ab").close()
