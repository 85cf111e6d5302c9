"""Handing over everything that one person has: they leave, or will be away for long.

What they may decide now comes from their inbox, which an operator may read. What has parked is looked at one by one:
it may have parked because they have left already, and then it is in nobody's inbox.

Must not know: why they leave.
"""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from hitl_temporal.cli import output
from hitl_temporal.cli.errors import DONE
from hitl_temporal.cli.words import tell_many

if TYPE_CHECKING:
    from hitl_temporal.cli.session import Session
    from hitl_temporal.client import Client, Receipt

PAGE = 200


class _Held(NamedTuple):
    """Where somebody has places: in these stages of one approval."""

    id: str
    title: str
    stages: tuple[str, ...]


def hand_over_all(session: "Session", source: str, to: str, reason: str, *, dry_run: bool) -> int:
    """Give every place of one person to another, print a receipt for each and return the exit code.

    Args:
        session: Of an operator.
        source: Whose places.
        to: Who gets them.
        reason: Why.
        dry_run: List them, and change nothing.
    """
    from hitl_temporal.client import ApiError

    held = _held(session.client, source)
    if dry_run:
        _list(session, held)
        return DONE
    receipts: list[tuple[str, Receipt]] = []
    try:
        for approval in held:
            for _ in approval.stages:  # each hands over the first that is left
                receipt = session.client.reassign(approval.id, to, reason=reason, source=source)
                receipts.append((approval.id, receipt))
                if not receipt.is_accepted:
                    break
    except ApiError:
        tell_many(session, receipts)  # what was done before it broke off is not done again
        raise
    if not held:
        output.note(f"{source} has no place in any open approval")
    return tell_many(session, receipts)


def _held(client: "Client", person: str) -> tuple[_Held, ...]:
    """Return where somebody has places, each approval once; read to the end before anything changes."""
    from hitl_temporal.client import NotFoundError

    held: list[_Held] = []
    for approval_id in dict.fromkeys([*_ids(client, person, None), *_ids(client, None, "parked")]):
        try:
            approval = client.approval(approval_id)
        except NotFoundError:  # it has ended since, and is gone
            continue
        stages = approval.places_of(person)
        if stages:
            held.append(_Held(approval.id, approval.title, stages))
    return tuple(held)


def _ids(client: "Client", person: str | None, state: str | None) -> Iterator[str]:
    cursor: str | None = None
    while True:
        page = client.approvals(person=person, state=state, cursor=cursor, limit=PAGE)
        yield from (item.id for item in page.items)
        if page.next is None:
            return
        cursor = page.next


def _list(session: "Session", held: tuple[_Held, ...]) -> None:
    if session.as_json:
        output.as_json({"items": [approval._asdict() for approval in held]})
    else:
        output.table(("ID", "TITLE", "STAGE"), [(h.id, h.title, ", ".join(h.stages)) for h in held])
