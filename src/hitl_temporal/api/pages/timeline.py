"""The audit trail as people read it: what happened when, who did it, and what there is to know about it.

Digests are left out: they prove, and proving is the verification's business.

Must not know: how facts are kept or proved.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from hitl_temporal.api.pages.words import ISO, readable
from hitl_temporal.audit.render import WHO
from hitl_temporal.domain.audit import Fact
from hitl_temporal.domain.value import Json

_SUBJECTS = ("hitl.step", "hitl.stage")

_LEFT_OUT = ("digest", "child.events", "child.workflow_id", "approval", "flow", "decision")
"""Ends of the names of attributes that prove, or that a page about this very run need not repeat."""


class Moment(NamedTuple):
    """One fact.

    Attributes:
        event: Dotted, past tense: `approval.decided`.
        subject: The step or stage it is about, empty for the whole.
        who: Who did it or is meant, the first kind of people that the fact names; empty when none.
        about: What else it says, by name, in the order of names.
    """

    at: datetime
    event: str
    subject: str
    who: tuple[str, ...]
    about: tuple[tuple[str, Json], ...]


def timeline(facts: Sequence[Fact]) -> tuple[Moment, ...]:
    """Return the facts in the order of time."""
    return tuple(_moment(fact) for fact in sorted(facts, key=lambda fact: (fact.at, fact.workflow_id, fact.seq)))


def _to_read(found: Json) -> Json:
    """Return a moment that a fact writes for machines as people read it, anything else as it is."""
    return readable(found) if isinstance(found, str) and ISO.fullmatch(found) else found


def _moment(fact: Fact) -> Moment:
    told = next((name for name in WHO if fact.attributes.get(name)), None)
    named = fact.attributes.get(told) if told else None
    who = tuple(str(p) for p in named) if isinstance(named, list) else (str(named),) if named else ()
    subject = next((str(fact.attributes[name]) for name in _SUBJECTS if fact.attributes.get(name)), "")
    about = tuple(
        (name.removeprefix("hitl."), _to_read(found))
        for name, found in sorted(fact.attributes.items())
        if name not in (*WHO, *_SUBJECTS) and not name.endswith(_LEFT_OUT) and found not in (None, "", [], {})
    )
    return Moment(fact.at, fact.name, subject, who, about)
