"""Looking ahead: who would be asked, and what another policy would have made of the past.

Only the fields that clients act on are named, as in `answers`.

Must not know: how requests are repeated (`wire`), how anything is judged.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar
from uuid import uuid4

from pydantic import AwareDatetime, Field

from hitl_temporal.client.answers import Answer
from hitl_temporal.client.wire import Wire, part
from hitl_temporal.domain.value import Json

MOST_LOOKED_AT = 500
"""How many approvals the service looks at for one request."""


class AskedPerson(Answer):
    """Somebody who would be asked; `because` holds the selectors that name them, `is_quiet` that they are not told."""

    person: str
    name: str = ""
    because: tuple[str, ...] = ()
    on_behalf_of: str | None = None
    is_quiet: bool = False


class LeftOut(Answer):
    """Somebody who is named and would not be asked."""

    person: str
    reason: str = ""


class Away(Answer):
    """Somebody who is named and out of office; `substitute` would be asked in their place, `reason` says why nobody."""

    person: str
    substitute: str | None = None
    reason: str = ""


class StagePreview(Answer):
    """One stage as it would be opened now; `number` counts all who could act, `people` holds the first of them.

    `picked` is how many of them would be picked, None where all are asked; `votes` how many votes they have
    together, None where each has one.

    `due` is None for a stage that does not open at once: `due_in` says how long it would have from its opening.
    """

    name: str
    applies: str = "yes"
    reason: str = ""
    number: int = 0
    votes: int | None = None
    picked: int | None = None
    people: tuple[AskedPerson, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    away: tuple[Away, ...] = ()
    approve: tuple[int, ...] = ()
    is_fallback: bool = False
    picks: str | None = None
    due: AwareDatetime | None = None
    due_in: str | None = None
    parks: str | None = None


class Question(Answer):
    """A question as it would be put now.

    `automatic` is the outcome of a rule that would decide it, but for the share `sample`; `shadowed` that of a rule
    that is only watched. `parks` says why it would park with nobody asked.
    """

    title: str
    automatic: str | None = None
    rule: str | None = None
    sample: str | None = None
    shadowed: str | None = None
    stages: tuple[StagePreview, ...] = ()
    depends: tuple[str, ...] = ()
    parks: str | None = None


class AskPreview(Answer):
    """One step that asks; `applies` is `yes`, `no`, or `perhaps` where that can't be told yet."""

    step: str
    applies: str = Field(default="yes", alias="if")
    reason: str = ""
    preview: Question


class Preview(Answer):
    """Whom a flow would ask if it were started now."""

    flow: str
    requester: str = ""
    on_behalf_of: str | None = None
    asks: tuple[AskPreview, ...] = ()


class Replayed(Answer):
    """What a candidate would have made of one past request; `again` is what its own question gives in a replay."""

    approval: str
    started: AwareDatetime | None = None
    before: str
    again: str = ""
    after: str
    changed: bool = False
    differences: tuple[str, ...] = ()
    unheard: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class Skipped(Answer):
    """An approval that could not be looked at, and why."""

    id: str
    why: str = ""


class PolicyReplay(Answer):
    """Some past requests under a candidate; `next` is the cursor of those that follow."""

    looked_at: int
    replayed: int
    changed: int
    items: tuple[Replayed, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    next: str | None = None


class RuleReport(Answer):
    """How one rule did; the counts of several pages add up."""

    step: str
    rule: str
    outcome: str
    decided: int = 0
    watched: int = 0
    sampled: int = 0
    agreed: int = 0
    disagreed: int = 0
    unanswered: int = 0
    disagreements: tuple[str, ...] = ()


class ShadowReport(Answer):
    """How rules did on some past requests; `next` is the cursor of those that follow."""

    looked_at: int
    items: tuple[RuleReport, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    next: str | None = None


_Part = TypeVar("_Part", PolicyReplay, ShadowReport)


class Foresight:
    """A dry run, and policies tried out, as one person or one program."""

    _wire: Wire

    def preview(self, flow: str, inputs: Mapping[str, Json], *, on_behalf_of: str | None = None) -> Preview:
        """Return whom the caller would ask by starting a flow; nothing is started.

        Args:
            flow: Its name.
            inputs: What it wants to know.
            on_behalf_of: For whom, if not for the caller.
        """
        body: dict[str, Json] = {"inputs": dict(inputs), "on_behalf_of": on_behalf_of}
        return self._wire.post(Preview, f"/v1/flows/{part(flow)}/preview", body, _again())

    def replay_policy(
        self, flow: str, step: str, *, ask: Mapping[str, Json] | None = None, since: str = "90d", limit: int = 200
    ) -> Iterator[PolicyReplay]:
        """Yield what another version of a step's question would have made of its past requests, as it comes in.

        Args:
            flow: Its name.
            step: The step that asks.
            ask: The version to try; None: the step's as the service knows it now.
            since: How long ago requests may have been made at most, such as 90d.
            limit: How many are looked at, at most.
        """
        body: dict[str, Json] = {"step": step, "ask": None if ask is None else dict(ask), "since": since}

        def look(most: int, cursor: str | None) -> PolicyReplay:
            path = f"/v1/flows/{part(flow)}/policy-replays"
            return self._wire.post(PolicyReplay, path, {**body, "limit": most, "cursor": cursor}, _again())

        return _followed(look, limit)

    def shadow(self, flow: str, *, since: str = "90d", limit: int = 200) -> Iterator[ShadowReport]:
        """Yield how often each rule has decided, or would have, and whether people agreed, as it comes in.

        Args:
            flow: Its name.
            since: How long ago requests may have been made at most, such as 90d.
            limit: How many are looked at, at most.
        """

        def look(most: int, cursor: str | None) -> ShadowReport:
            query = {"since": since, "limit": str(most), "cursor": cursor}
            return self._wire.get(ShadowReport, f"/v1/flows/{part(flow)}/shadow", query)

        return _followed(look, limit)


def _followed(look: Callable[[int, str | None], _Part], limit: int) -> Iterator[_Part]:
    """Yield what each look finds, until there is no more or so many were looked at."""
    cursor: str | None = None
    while limit > 0:
        found = look(min(limit, MOST_LOOKED_AT), cursor)
        yield found
        limit, cursor = limit - found.looked_at, found.next
        if cursor is None:
            return


def _again() -> str:
    """Return a key: what changes nothing may be sent again."""
    return uuid4().hex
