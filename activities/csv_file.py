"""A CSV file that several processes change: one at a time, and never seen half written.

Must not know: what its rows mean.
"""

import csv
import fcntl
import os
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusively(file: Path) -> Generator[None]:
    """Keep other changes of this file out, those of other processes included; the lock is on a file beside it."""
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def replace_rows(file: Path, fields: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Replace the file: a reader sees the old rows or the new ones, whatever is killed when."""
    draft = file.with_suffix(".new")
    with draft.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, fields)
        writer.writeheader()
        writer.writerows(rows)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
