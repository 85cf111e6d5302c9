"""The port `Places`: the project's folder, and those that were opened to flows beside it.

Must not know: what is done with a file.
"""

from collections.abc import Sequence
from pathlib import Path

from hitl_temporal.ports import PermanentError

__all__ = ["Folders"]


class Folders:
    """Allows what lies in one of these folders, wherever links lead."""

    def __init__(self, project: Path, opened: Sequence[Path] = ()) -> None:
        self._project = project
        self._opened = opened

    def path(self, written: str) -> Path:
        """Return the file that a flow means; a relative one lies in the project.

        Raises:
            PermanentError: It lies outside of the project and of every folder that was opened to flows.
        """
        try:
            path = (self._project / written).resolve()
            folders = [folder.resolve() for folder in (self._project, *self._opened)]
        except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL in it, links in a circle
            raise PermanentError(f"{written[:200]!r} is no path: {error}"[:400]) from error
        if not any(path.is_relative_to(folder) for folder in folders):
            raise PermanentError(
                f"{written[:200]!r} lies outside of the project; open its folder to flows with HITL_OPEN_FOLDERS"
            )
        return path
