"""The files that a document means by a path with `*` and `?` in it.

Must not know: who looks for them, and what for.
"""

from collections.abc import Iterator
from pathlib import Path

__all__ = ["matching"]


def matching(project: Path, pattern: str) -> Iterator[Path]:
    """Yield what is there, in no order: below the project's folder, unless the pattern says where from the root on."""
    wanted = Path(pattern).expanduser()
    root = Path(wanted.anchor) if wanted.anchor else project
    return root.glob(str(wanted.relative_to(wanted.anchor)))
