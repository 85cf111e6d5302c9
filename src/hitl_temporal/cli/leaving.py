"""Handing over everything that one person has: they leave, or will be away for long.

What they may decide now comes from their inbox, which an operator may read. What has parked is looked at one by one:
it may have parked because they have left already, and then it is in nobody's inbox.

Must not know: why they leave.
"""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from hitl_temporal.cli import output
from hitl_temporal.cli.errors import DONE, FAILED
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
    from hitl_temporal.client import ApiError, Receipt

    held, unread = _held(session.client, source)
    if dry_run:
        _list(session, held)
        for approval_id, why in unread:
            output.error(f"{approval_id}: {why}")
        return FAILED if unread else DONE
    receipts: list[tuple[str, Receipt]] = []
    try:
        for approval in held:
            for _ in approval.stages:  # each hands over the first that is left
                receipt = _hand_over(session.client, approval.id, source, to, reason)
                receipts.append((approval.id, receipt))
                if not receipt.is_accepted:
                    break
    except ApiError:
        tell_many(session, receipts)  # what was done before it broke off is not done again
        raise
    if not held and not unread:
        output.note(f"{source} has no place in any open approval")
    unknown = [(approval_id, Receipt(status="unavailable", reason=why)) for approval_id, why in unread]
    return tell_many(session, [*receipts, *unknown])


def _hand_over(client: "Client", approval_id: str, source: str, to: str, reason: str) -> "Receipt":
    """Return the receipt of one place; an approval that can't be reached under its id has one, too."""
    from hitl_temporal.client import InvalidError, NotFoundError, Receipt, StrangeAnswerError

    try:
        return client.reassign(approval_id, to, reason=reason, source=source)
    except (NotFoundError, InvalidError) as error:
        return Receipt(status="invalid", reason=str(error))
    except StrangeAnswerError as error:
        return Receipt(status="unanswered", reason=str(error))


def _held(client: "Client", person: str) -> tuple[tuple[_Held, ...], tuple[tuple[str, str], ...]]:
    """Return where somebody has places, each approval once, and what can't be read, with why.

    It is read to the end before anything changes; one approval that can't be read keeps no other from being found.
    """
    from hitl_temporal.client import InvalidError, NotFoundError, StrangeAnswerError

    held: list[_Held] = []
    unread: list[tuple[str, str]] = []
    for approval_id in dict.fromkeys([*_ids(client, person, None), *_ids(client, None, "parked")]):
        try:
            approval = client.approval(approval_id)
        except NotFoundError:  # it has ended since, and is gone
            continue
        except (InvalidError, StrangeAnswerError) as error:
            unread.append((approval_id, f"it can't be read, so nothing was handed over: {error}"))
            continue
        stages = approval.places_of(person)
        if stages:
            held.append(_Held(approval.id, approval.title, stages))
    return tuple(held), tuple(unread)


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
