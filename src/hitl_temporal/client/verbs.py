"""What people do to an approval: one method a verb, each answered by its receipt, refused or not.

Every method goes the same way: a body without an actor (the service knows who calls), under an idempotency key that is
made here if the caller has none.

Must not know: how requests are repeated (`wire`), how anything is judged.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from uuid import uuid4

from hitl_temporal.client.answers import BatchReceipt, Receipt, Receipts
from hitl_temporal.client.wire import Wire, part
from hitl_temporal.domain.value import Json

PATHS: Mapping[str, tuple[str, str]] = {
    "decide": ("POST", "decisions"),
    "comment": ("POST", "comments"),
    "request_info": ("POST", "info-requests"),
    "provide_info": ("POST", "info"),
    "delegate": ("POST", "delegations"),
    "reassign": ("POST", "reassignments"),
    "add_approver": ("POST", "approvers"),
    "claim": ("POST", "claim"),
    "release_claim": ("DELETE", "claim"),
    "withdraw": ("POST", "withdrawal"),
    "amend": ("POST", "amendments"),
    "override": ("POST", "override"),
    "extend": ("POST", "extensions"),
    "retract": ("POST", "retractions"),
}
"""The route of each verb, below an approval; a test compares them with the service's."""

MOST_AT_ONCE = 100
"""How many answers the service takes in one request."""


class Verbs:
    """An approval's verbs, as one person or one program."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def decide(
        self,
        approval_id: str,
        outcome: str,
        *,
        comment: str = "",
        form: Mapping[str, Json] | None = None,
        edit: Mapping[str, Json] | None = None,
        digest: str | None = None,
        on_behalf_of: str | None = None,
        key: str | None = None,
    ) -> Receipt:
        """Answer an approval.

        Args:
            approval_id: What is answered.
            outcome: `approved`, `rejected`, or one of its own.
            comment: Why.
            form: What the form asks for.
            edit: Path to the value that the person wants instead, with an outcome that lets the work go on.
            digest: Of what the person has seen; None: whatever is shown now.
            on_behalf_of: For whom.
            key: Makes a repetition harmless; None: one is made.
        """
        said: dict[str, Json] = {"outcome": outcome, "comment": comment, "form": dict(form or {})}
        bound: dict[str, Json] = {"edit": dict(edit) if edit else None, "digest": digest, "on_behalf_of": on_behalf_of}
        return self._do(approval_id, "decide", said | bound, key)

    def decide_many(self, answers: Iterable[Mapping[str, Json]]) -> tuple[BatchReceipt, ...]:
        """Answer many approvals, a hundred a request; the receipts come in the order of the answers.

        Args:
            answers: `{id, outcome, comment, form, edit, digest, on_behalf_of, key}` each, of which the first two are
                needed; one without a key is given one.
        """
        waiting = iter(answers)
        receipts: list[BatchReceipt] = []
        while some := [_keyed(answer) for answer in islice(waiting, MOST_AT_ONCE)]:
            body: dict[str, Json] = {"decisions": [*some]}
            # The key of the whole is for the wire alone: it makes the request one that may be sent again.
            receipts.extend(self._wire.post(Receipts, "/v1/decisions:batch", body, uuid4().hex).receipts)
        return tuple(receipts)

    def receipt(self, approval_id: str, key: str) -> Receipt:
        """Return what became of a command of the caller's that was `recorded`, whatever its verb was.

        Raises:
            NotFoundError: It has not been judged yet, or never arrived.
        """
        return self._wire.receipt(f"/v1/approvals/{part(approval_id)}/decisions/{part(key)}")

    def comment(
        self, approval_id: str, text: str, *, attachments: Sequence[Mapping[str, Json]] = (), key: str | None = None
    ) -> Receipt:
        """Say something; each attachment is `{name, url, digest}`, the digest being the SHA-256 of its content."""
        return self._do(approval_id, "comment", _said(text, attachments), key)

    def request_info(self, approval_id: str, text: str, *, to: str | None = None, key: str | None = None) -> Receipt:
        """Ask for more: the clocks stop until there is an answer.

        Args:
            approval_id: What it is about.
            text: The question.
            to: Who is asked; None: the requester.
            key: Makes a repetition harmless; None: one is made.
        """
        return self._do(approval_id, "request_info", {"text": text, "to": to}, key)

    def provide_info(
        self, approval_id: str, text: str, *, attachments: Sequence[Mapping[str, Json]] = (), key: str | None = None
    ) -> Receipt:
        """Answer what was asked: the clocks run again."""
        return self._do(approval_id, "provide_info", _said(text, attachments), key)

    def delegate(self, approval_id: str, to: str, *, reason: str = "", key: str | None = None) -> Receipt:
        """Let somebody else answer in the caller's name."""
        return self._do(approval_id, "delegate", {"to": to, "reason": reason}, key)

    def reassign(
        self, approval_id: str, to: str, *, reason: str, source: str | None = None, key: str | None = None
    ) -> Receipt:
        """Give somebody's place to another, as an operator.

        Args:
            approval_id: Where.
            to: Who gets it.
            reason: Why; whose place it was is told.
            source: Whose place; None: `to` is added where nobody can act.
            key: Makes a repetition harmless; None: one is made.
        """
        return self._do(approval_id, "reassign", {"from": source, "to": to, "reason": reason}, key)

    def add_approver(self, approval_id: str, to: str, *, reason: str = "", key: str | None = None) -> Receipt:
        """Let one more person have to agree."""
        return self._do(approval_id, "add_approver", {"to": to, "reason": reason}, key)

    def claim(self, approval_id: str, *, key: str | None = None) -> Receipt:
        """Take it on: the others wait."""
        return self._do(approval_id, "claim", {}, key)

    def release_claim(self, approval_id: str, *, key: str | None = None) -> Receipt:
        """Let the others decide again."""
        return self._do(approval_id, "release_claim", {}, key)

    def withdraw(self, approval_id: str, *, reason: str = "", key: str | None = None) -> Receipt:
        """Take a request back."""
        return self._do(approval_id, "withdraw", {"reason": reason}, key)

    def amend(
        self, approval_id: str, changes: Mapping[str, Json], *, reason: str = "", key: str | None = None
    ) -> Receipt:
        """Change what is asked: path to the new value. Whoever decided on what it touches is asked again."""
        return self._do(approval_id, "amend", {"set": dict(changes), "reason": reason}, key)

    def override(self, approval_id: str, outcome: str, *, reason: str, key: str | None = None) -> Receipt:
        """Decide alone, over the heads of those who were asked, as an admin or in an emergency."""
        return self._do(approval_id, "override", {"outcome": outcome, "reason": reason}, key)

    def extend(self, approval_id: str, by: str, *, reason: str, key: str | None = None) -> Receipt:
        """Move the deadline of what is open, by a duration such as `2bd`, as an operator."""
        return self._do(approval_id, "extend", {"by": by, "reason": reason}, key)

    def retract(self, approval_id: str, *, reason: str = "", key: str | None = None) -> Receipt:
        """Take the deciding vote back, while it cools off."""
        return self._do(approval_id, "retract", {"reason": reason}, key)

    def _do(self, approval_id: str, verb: str, body: dict[str, Json], key: str | None) -> Receipt:
        method, path = PATHS[verb]
        return self._wire.command(f"/v1/approvals/{part(approval_id)}/{path}", body, key or uuid4().hex, method)


def _said(text: str, attachments: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    return {"text": text, "attachments": [dict(a) for a in attachments] or None}


def _keyed(answer: Mapping[str, Json]) -> dict[str, Json]:
    return {**answer, "key": answer.get("key") or uuid4().hex}
