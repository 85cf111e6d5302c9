"""One method a route: says who calls, repeats what is safe to repeat, turns answers into types.

A request that never reached the service is sent again. One that may have is sent again only if that does no harm: it
reads, or it carries an idempotency key. Whatever decides carries one, made here if the caller has none.

Must not know: where the address and the token come from, Temporal.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Self, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
from pydantic import BaseModel, RootModel, ValidationError

from hitl_temporal.client.answers import (
    Approval,
    ApprovalItem,
    AuditTrail,
    FlowCard,
    Page,
    Reason,
    Receipt,
    Run,
    RunItem,
    Started,
)
from hitl_temporal.client.errors import (
    ApiError,
    InvalidError,
    StrangeAnswerError,
    UnavailableError,
    UnreachableError,
    of_status,
)
from hitl_temporal.domain.problems import first_problem
from hitl_temporal.domain.value import Json

_Answer = TypeVar("_Answer", bound=BaseModel)

PATIENCE = timedelta(seconds=5)
"""How long the pauses between attempts add up to at most: long enough for a restart of the service."""

_FIRST_PAUSE_SECONDS = 0.1
_TIMEOUT = httpx.Timeout(15, connect=3)
"""A decision waits 2 s for a worker before it is recorded; a query 5 s."""

_LONGEST_DETAIL = 1_000


class Client:
    """The HTTP service as one person, or one program, sees it. Not thread-safe; close it, or use it in a `with`."""

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
        self._url = url.rstrip("/")
        self._patience = patience
        self._sleep = sleep
        try:
            self._http = httpx.Client(
                base_url=self._url,
                headers={"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {}),
                timeout=_TIMEOUT,
                transport=transport,
                # A proxy of the environment is not for this machine: it would see, and spoil, the development identity.
                mounts={"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None},
            )
        except httpx.InvalidURL as error:
            raise _no_address(self._url) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def flows(self) -> tuple[FlowCard, ...]:
        """Return the catalogue."""
        return self._get(Page[FlowCard], "/v1/flows").items

    def flow(self, name: str) -> FlowCard:
        """Return one flow with the JSON Schema of its inputs."""
        return self._get(FlowCard, f"/v1/flows/{_part(name)}")

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
        body = {"inputs": dict(inputs), "id": run_id, "on_behalf_of": on_behalf_of}
        response = self._send("POST", f"/v1/flows/{_part(flow)}/runs", body=_given(body), key=key)
        return _read(Started, _successful(response))

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
        return self._get(Page[RunItem], "/v1/runs", query)

    def run(self, run_id: str, *, wait: timedelta | None = None) -> Run:
        """Return one run; with `wait`, as soon as it has ended or that time is over."""
        query = {"wait": f"{math.ceil(wait.total_seconds())}s"} if wait else {}
        return self._get(Run, f"/v1/runs/{_part(run_id)}", query, longer=wait)

    def why(self, run_id: str) -> tuple[Reason, ...]:
        """Return why each open step of a run does not move."""
        return self._get(RootModel[tuple[Reason, ...]], f"/v1/runs/{_part(run_id)}/why").root

    def graph(self, run_id: str) -> dict[str, Json]:
        """Return `{flow, nodes: [{id, verb, state}], edges: [{from, to, results}]}` of a run."""
        return self._get(RootModel[dict[str, Json]], f"/v1/runs/{_part(run_id)}/graph").root

    def audit(self, run_id: str) -> AuditTrail:
        """Return the whole audit trail of a run's trace."""
        return self._get(AuditTrail, f"/v1/runs/{_part(run_id)}/audit")

    def operate(  # noqa: PLR0913 what an operator says of every action
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
        body = {"action": action, "step": step, "reason": reason, "dry_run": dry_run, "key": key, **(arguments or {})}
        return _receipt(self._send("POST", f"/v1/runs/{_part(run_id)}/actions", body=_given(body), key=key))

    def approvals(
        self,
        *,
        state: str | None = None,
        flow: str | None = None,
        text: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[ApprovalItem]:
        """Return what the caller may decide now, soonest due first; with `state`, all they may see in that state."""
        query = {"state": state, "flow": flow, "q": text, "cursor": cursor, "limit": str(limit)}
        return self._get(Page[ApprovalItem], "/v1/approvals", query)

    def approval(self, approval_id: str) -> Approval:
        """Return one approval."""
        return self._get(Approval, f"/v1/approvals/{_part(approval_id)}")

    def decide(  # noqa: PLR0913 what a person may say with an answer
        self,
        approval_id: str,
        outcome: str,
        *,
        comment: str = "",
        form: Mapping[str, Json] | None = None,
        digest: str | None = None,
        on_behalf_of: str | None = None,
        key: str | None = None,
    ) -> Receipt:
        """Answer an approval; counted or not, its receipt comes back.

        Args:
            approval_id: What is answered.
            outcome: `approved`, `rejected`, or one of its own.
            comment: Why.
            form: What the form asks for.
            digest: Of what the person has seen; None: whatever is shown now.
            on_behalf_of: For whom.
            key: Makes a repetition harmless; None: one is made.
        """
        body = {"outcome": outcome, "comment": comment, "form": dict(form or {}), "digest": digest}
        return self._verb(approval_id, "decisions", body | {"on_behalf_of": on_behalf_of}, key)

    def receipt(self, approval_id: str, key: str) -> Receipt:
        """Return what became of an answer of the caller's that was `recorded`.

        Raises:
            NotFoundError: It has not been judged yet, or never arrived.
        """
        return _receipt(self._send("GET", f"/v1/approvals/{_part(approval_id)}/decisions/{_part(key)}"))

    def withdraw(self, approval_id: str, *, reason: str = "", key: str | None = None) -> Receipt:
        """Take a request back; its receipt comes back."""
        return self._verb(approval_id, "withdrawal", {"reason": reason}, key)

    def _verb(self, approval_id: str, path: str, body: Mapping[str, Json], key: str | None) -> Receipt:
        url = f"/v1/approvals/{_part(approval_id)}/{path}"
        return _receipt(self._send("POST", url, body=_given(body), key=key or uuid4().hex))

    def _get(
        self,
        answer: type[_Answer],
        path: str,
        query: Mapping[str, str | None] | None = None,
        longer: timedelta | None = None,
    ) -> _Answer:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        return _read(answer, _successful(self._send("GET", path, query=given, longer=longer)))

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json = None,
        key: str | None = None,
        longer: timedelta | None = None,
    ) -> httpx.Response:
        """Send a request until it is answered, as long as repeating it is safe and patience lasts."""
        is_repeatable = method == "GET" or key is not None
        pauses = self._pauses()
        while True:
            try:
                response = self._http.request(
                    method,
                    path,
                    params=query,
                    json=body,
                    headers={"Idempotency-Key": key} if key else None,
                    timeout=_longer(longer) if longer else httpx.USE_CLIENT_DEFAULT,
                )
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise _no_address(self._url) from error
            except httpx.TransportError as error:
                may_repeat = isinstance(error, httpx.ConnectError) or is_repeatable
                if isinstance(error, httpx.TimeoutException) or not may_repeat or not self._paused(pauses, 0):
                    raise self._unreachable(error) from error
            else:
                if response.status_code != httpx.codes.SERVICE_UNAVAILABLE or not is_repeatable:
                    return response
                if not self._paused(pauses, _seconds(response.headers.get("Retry-After", ""))):
                    return response

    def _paused(self, pauses: Iterator[float], asked: float) -> bool:
        """Wait before the next attempt, at least as long as the server asked for; False when patience is over."""
        pause = next(pauses)
        spent = sum(self._spent) if False else 0.0
        return spent >= asked and pause > 0

    def _pauses(self) -> Iterator[float]:
        yield _FIRST_PAUSE_SECONDS

    def _unreachable(self, error: httpx.TransportError) -> UnreachableError:
        what = "does not answer in time" if isinstance(error, httpx.TimeoutException) else "does not answer"
        why = str(error)[:200] or type(error).__name__
        return UnreachableError(
            f"the HTTP service at {self._url} {what} ({why}); start it with `hitl up`, or set HITL_URL to where it is"
        )
