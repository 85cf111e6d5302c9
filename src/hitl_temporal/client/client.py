"""The client: one method a route, typed answers, keys that make repeating harmless.

Whatever decides or starts something carries an idempotency key, made here if the caller has none. What people do to an
approval is in `verbs`.

Must not know: where the address and the token come from, how requests are repeated (`wire`), Temporal.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Self
from uuid import uuid4

import httpx
from pydantic import RootModel

from hitl_temporal.client.answers import (
    Absence,
    AbsenceChange,
    ApprovalItem,
    AuditTrail,
    Digest,
    FlowCard,
    Job,
    Page,
    Reason,
    Receipt,
    Received,
    Refreshed,
    Run,
    RunItem,
    RunReceipt,
    Started,
)
from hitl_temporal.client.approval import Approval
from hitl_temporal.client.foresight import Foresight
from hitl_temporal.client.verbs import Verbs
from hitl_temporal.client.wire import PATIENCE, Wire, part
from hitl_temporal.domain.value import Json


class Client(Verbs, Foresight):
    """The HTTP service as one person, or one program, sees it. Not thread-safe; close it, or use it in a `with`.

    Every method raises an `ApiError` when there is no answer to work with (drawn in `client.errors`).
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        transport: httpx.BaseTransport | None = None,
        patience: timedelta = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the address of the service.

        Args:
            url: Such as `http://127.0.0.1:8080`.
            token: Sent as `Authorization: Bearer`; None: nobody in particular calls.
            transport: Stands in for the network, in tests.
            patience: How long to try again when nobody answers.
            sleep: Waits for so many seconds.

        Raises:
            UnreachableError: This is no address.
        """
        super().__init__(Wire(url, token=token, transport=transport, patience=patience, sleep=sleep))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._wire.close()

    def refresh(self, reason: str, *, flow: str | None = None) -> Refreshed:
        """Let open approvals look at people and calendars again; for operators.

        Args:
            reason: What has changed.
            flow: Only the questions of this flow; None: all.
        """
        return self._wire.post(Refreshed, "/v1/approvals:refresh", {"reason": reason, "flow": flow}, uuid4().hex)

    def flows(self) -> tuple[FlowCard, ...]:
        """Return the catalogue."""
        return self._wire.get(Page[FlowCard], "/v1/flows").items

    def flow(self, name: str) -> FlowCard:
        """Return one flow with the JSON Schema of its inputs."""
        return self._wire.get(FlowCard, f"/v1/flows/{part(name)}")

    def start(
        self,
        flow: str,
        inputs: Mapping[str, Json],
        *,
        run_id: str | None = None,
        on_behalf_of: str | None = None,
        key: str | None = None,
    ) -> Started:
        """Start a run.

        Args:
            flow: Its name.
            inputs: What it wants to know.
            run_id: None: the server makes one.
            on_behalf_of: For whom, if not for the caller.
            key: The same key with the same inputs starts nothing twice; None: a key is made for this call, unless
                `run_id` is given, which must be free.
        """
        if key is None and run_id is None:
            key = uuid4().hex
        body: dict[str, Json] = {"inputs": dict(inputs), "id": run_id, "on_behalf_of": on_behalf_of}
        return self._wire.post(Started, f"/v1/flows/{part(flow)}/runs", body, key)

    def runs(
        self,
        *,
        state: str | None = None,
        flow: str | None = None,
        mine: bool = False,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[RunItem]:
        """Return runs that the caller may see, the newest first."""
        query = {"state": state, "flow": flow, "mine": "true" if mine else None, "cursor": cursor, "limit": str(limit)}
        return self._wire.get(Page[RunItem], "/v1/runs", query)

    def run(self, run_id: str, *, wait: timedelta | None = None) -> Run:
        """Return one run; with `wait`, as soon as it has ended or that time is over."""
        query = {"wait": f"{math.ceil(wait.total_seconds())}s"} if wait else {}
        return self._wire.get(Run, f"/v1/runs/{part(run_id)}", query, longer=wait)

    def why(self, run_id: str) -> tuple[Reason, ...]:
        """Return why each open step of a run does not move."""
        return self._wire.get(RootModel[tuple[Reason, ...]], f"/v1/runs/{part(run_id)}/why").root

    def jobs(self, run_id: str) -> tuple[Job, ...]:
        """Return what of a run is with workers now, with what its commands have written last."""
        return self._wire.get(RootModel[tuple[Job, ...]], f"/v1/runs/{part(run_id)}/jobs").root

    def graph(self, run_id: str) -> dict[str, Json]:
        """Return `{flow, nodes: [{id, verb, state}], edges: [{from, to, results}]}` of a run."""
        return self._wire.get(RootModel[dict[str, Json]], f"/v1/runs/{part(run_id)}/graph").root

    def output(self, run_id: str, digest: str) -> Json:
        """Return a large output to which the run shows a reference, by the digest in it."""
        return self._wire.get(RootModel[Json], f"/v1/runs/{part(run_id)}/blobs/{part(digest)}").root

    def audit(self, run_id: str) -> AuditTrail:
        """Return the whole audit trail of a run's trace."""
        return self._wire.get(AuditTrail, f"/v1/runs/{part(run_id)}/audit")

    def operate(
        self,
        run_id: str,
        action: str,
        *,
        step: str | None = None,
        reason: str = "",
        dry_run: bool = False,
        key: str | None = None,
        arguments: Mapping[str, Json] | None = None,
    ) -> Receipt:
        """Do something to a run, as an operator; refused or not, its receipt comes back.

        Args:
            run_id: Whose.
            action: `hold`, `skip`, `rerun`, ...
            step: None: the whole run.
            reason: For the audit trail.
            dry_run: Say what would change, and change nothing.
            key: Makes a repetition harmless; None: one is made.
            arguments: What this action takes beside these, such as `outputs` and `as` of `finish`.
        """
        key = key or uuid4().hex
        asked: dict[str, Json] = {"action": action, "step": step, "reason": reason, "dry_run": dry_run, "key": key}
        return self._wire.command(f"/v1/runs/{part(run_id)}/actions", asked | dict(arguments or {}), key)

    def send_event(
        self,
        type: str,  # noqa: A002 as CloudEvents calls it
        source: str,
        *,
        data: Json = None,
        event_id: str | None = None,
        subject: str | None = None,
        time: str | None = None,
    ) -> Received:
        """Send one event, which may start runs and move those that wait; for operators.

        Args:
            type: Of the event.
            source: Of the event.
            data: What it says.
            event_id: The same source and id again do nothing twice; None: one is made.
            subject: What it is about.
            time: When it happened, as RFC 3339 writes it.
        """
        event_id = event_id or uuid4().hex
        event: dict[str, Json] = {"specversion": "1.0", "type": type, "source": source, "id": event_id, "data": data}
        given: dict[str, Json] = {"subject": subject, "time": time}
        event |= {name: value for name, value in given.items() if value is not None}
        return self._wire.post(Received, "/v1/events", event, event_id)

    def operate_many(
        self,
        action: str,
        *,
        query: str | None = None,
        visibility: str | None = None,
        step: str | None = None,
        reason: str = "",
        dry_run: bool = False,
        key: str | None = None,
        arguments: Mapping[str, Json] | None = None,
    ) -> Iterator[RunReceipt]:
        """Do something to every open run that a query chooses, as an operator; yield the receipts as they come.

        Args:
            action: As in `operate`.
            query: Such as `flow=finance.* state=parked older=2d`.
            visibility: In the server's own words, instead of `query`.
            step: None: the whole run.
            reason: For the audit trail.
            dry_run: Say what would change, and change nothing.
            key: Each run's is made of it; None: one is made.
            arguments: As in `operate`.
        """
        key, cursor = key or uuid4().hex, None
        asked: dict[str, Json] = {"action": action, "step": step, "reason": reason, "dry_run": dry_run}
        chosen: dict[str, Json] = {"query": query, "visibility": visibility}
        while True:
            body = {**asked, **chosen, **dict(arguments or {}), "cursor": cursor}
            page = self._wire.post(Page[RunReceipt], "/v1/runs:actions", body, key)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def approvals(
        self,
        *,
        person: str | None = None,
        state: str | None = None,
        flow: str | None = None,
        text: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[ApprovalItem]:
        """Return what the caller may decide now, soonest due first; with `state`, all they may see in that state.

        An operator may ask for the inbox of another `person`.
        """
        query = {"person": person, "state": state, "flow": flow, "q": text, "cursor": cursor, "limit": str(limit)}
        return self._wire.get(Page[ApprovalItem], "/v1/approvals", query)

    def info_requests(
        self, *, person: str | None = None, flow: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[ApprovalItem]:
        """Return the approvals that wait for what the caller has to say: asked for more, or sent back to them."""
        query = {"person": person, "flow": flow, "cursor": cursor, "limit": str(limit)}
        return self._wire.get(Page[ApprovalItem], "/v1/me/info-requests", query)

    def digest(self) -> Digest:
        """Return what the caller has to do, in short."""
        return self._wire.get(Digest, "/v1/me/digest")

    def approval(self, approval_id: str) -> Approval:
        """Return one approval."""
        return self._wire.get(Approval, f"/v1/approvals/{part(approval_id)}")

    def absences(self, *, person: str | None = None) -> tuple[Absence, ...]:
        """Return the caller's absences, or somebody else's for an operator, those that begin first in front."""
        return self._wire.get(Page[Absence], _ABSENCES, {"person": person}).items

    def add_absence(
        self,
        since: date | str,
        until: date | str,
        *,
        substitute: str | None = None,
        flow: str | None = None,
        condition: str | None = None,
        reason: str = "",
        person: str | None = None,
        key: str | None = None,
    ) -> AbsenceChange:
        """Say that the caller will be away.

        Args:
            since: A time with an offset, or a date in the absent person's time zone.
            until: The first moment after it, likewise.
            substitute: Who stands in; None: nobody does.
            flow: Away from flows that this glob matches; None: from everything.
            condition: Away from approvals for whose context this CEL expression holds; None: from all.
            reason: For those who may read it.
            person: Who is away, for an operator; None: the caller.
            key: Makes a repetition harmless; None: one is made.
        """
        said: dict[str, Json] = {"since": _written(since), "until": _written(until), "reason": reason}
        wish = said | {"substitute": substitute, "flow": flow, "if": condition}
        path = _ABSENCES if person is None else f"{_ABSENCES}?person={part(person)}"
        return self._wire.post(AbsenceChange, path, wish, key or uuid4().hex)

    def remove_absence(self, absence_id: str, *, key: str | None = None) -> AbsenceChange:
        """Say that an absence was a mistake, or is over early."""
        return self._wire.delete(AbsenceChange, f"{_ABSENCES}/{part(absence_id)}", key or uuid4().hex)


_ABSENCES = "/v1/me/absences"


def _written(moment: date | str) -> str:
    return moment if isinstance(moment, str) else moment.isoformat()
