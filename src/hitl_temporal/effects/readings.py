"""How many local activities have ended in this process, of each execution whose worker it is.

The runner of workflows wants to know (`app.guarding`), and nobody else tells it: a local activity runs beside its
workflow task, in the same process.

Must not know: what they read.
"""

import threading
from collections import OrderedDict

_MOST = 10_000
"""Executions that are remembered; one that is forgotten counts from 0, and its queries wait no longer."""

_ended: OrderedDict[str, int] = OrderedDict()
_changed = threading.Condition()


def note_end(run_id: str) -> None:
    """Note that one has ended, however it did."""
    with _changed:
        _ended[run_id] = _ended.pop(run_id, 0) + 1
        if len(_ended) > _MOST:
            _ended.popitem(last=False)
        _changed.notify_all()


def ended(run_id: str) -> int:
    """Return how many have ended."""
    with _changed:
        return _ended.get(run_id, 0)


def wait_for(run_id: str, number: int, most_seconds: float) -> bool:
    """Wait until so many have ended, but no longer than this; tell whether they have."""
    with _changed:
        return _changed.wait_for(lambda: _ended.get(run_id, 0) >= number, most_seconds)
