"""Routes of flows and runs: catalogue, start, look, explain, operate, audit."""

import re
from datetime import timedelta
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from hitl_temporal.api.addresses import KEY, RUN
from hitl_temporal.api.bodies import Body, IdempotencyKey, RequestBody, read_as
from hitl_temporal.api.description import takes
from hitl_temporal.api.identity import Caller, UseCases
from hitl_temporal.api.receipts import answers, receipt_response
from hitl_temporal.domain.duration import fixed
from hitl_temporal.domain.flow.commands import ACTIONS, STATUSES, Operate, Receipt
from hitl_temporal.domain.flow.views import Reason, Status
from hitl_temporal.domain.value import Json
from hitl_temporal.service.audit import Trail
from hitl_temporal.service.catalogue import FlowCard
from hitl_temporal.service.errors import InvalidError
from hitl_temporal.service.jobs import Job
from hitl_temporal.service.many import RunReceipt
from hitl_temporal.service.reading import Page
from hitl_temporal.service.runs import Refusal, RunItem

router = APIRouter(prefix="/v1", tags=["runs"])

LONGEST_WAIT = timedelta(seconds=60)


class Start(BaseModel):
    """The body of a start."""

    model_config = ConfigDict(extra="forbid")

    inputs: Any = Field(default_factory=dict)
    """The flow's inputs; checked against its schema."""
    on_behalf_of: str | None = None
    id: str | None = None


class StartedRun(BaseModel):
    """The answer of a start."""

    id: str
    url: str


def _bodies(beside: type[BaseModel] | None = None) -> tuple[type[BaseModel], ...]:
    """Return what an operator may send: each model of the table, with the actions that it is for.

    Args:
        beside: What is said beside it.
    """
    named: dict[type[Operate], list[str]] = {}
    for action, model in ACTIONS.items():
        named.setdefault(model, []).append(action)
    return tuple(
        create_model(
            model.__name__ if beside is None else f"{model.__name__}Many",
            __base__=model if beside is None else (model, beside),
            __doc__=model.__doc__,
            action=(str, Field(json_schema_extra={"enum": [*actions]})),
        )
        for model, actions in named.items()
    )


@router.get("/flows")
async def list_flows(_: Caller, use: UseCases) -> dict[str, tuple[FlowCard, ...]]:
    """Every flow, with the JSON Schema of its inputs."""
    return {"items": await use.catalogue.list()}


@router.get("/flows/{name}")
async def show_flow(name: str, _: Caller, use: UseCases) -> FlowCard:
    """One flow, with the JSON Schema of its inputs."""
    return await use.catalogue.show(name)


@router.post("/flows/{name}/runs", status_code=201, openapi_extra=takes(Start))
async def start_run(
    name: str,
    me: Caller,
    use: UseCases,
    body: RequestBody,
    request: Request,
    key: IdempotencyKey = None,
) -> StartedRun:
    """Start a run; the same `Idempotency-Key` and body again give the same answer and start nothing."""
    start = read_as(Start, body)
    started = await use.runs.start(me, name, start.inputs, run_id=start.id, key=key, on_behalf_of=start.on_behalf_of)
    return StartedRun(id=started.id, url=str(request.url_for("show_run", run_id=started.id)))


@router.get("/runs")
async def list_runs(
    me: Caller,
    use: UseCases,
    state: str | None = None,
    flow: str | None = None,
    *,
    mine: bool = False,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[RunItem]:
    """Runs, the newest first."""
    return await use.runs.list(me, state=state, flow=flow, mine=mine, cursor=cursor, limit=limit)


@router.get(f"/runs/{RUN}/why")
async def explain_run(run_id: str, me: Caller, use: UseCases) -> tuple[Reason, ...]:
    """Why each open step does not move, and what would release it."""
    return await use.runs.why(me, run_id)


@router.get(f"/runs/{RUN}/jobs")
async def jobs_of_run(run_id: str, me: Caller, use: UseCases) -> tuple[Job, ...]:
    """What of the run is with workers now: attempts, errors, and what commands have written last."""
    return await use.runs.jobs(me, run_id)


@router.get(f"/runs/{RUN}/graph")
async def graph_run(run_id: str, me: Caller, use: UseCases) -> dict[str, Json]:
    """Nodes and edges with live states."""
    return dict(await use.runs.graph(me, run_id))


@router.get(f"/runs/{RUN}/audit")
async def audit_run(run_id: str, me: Caller, use: UseCases) -> Trail:
    """The whole audit trail of the run's trace, and its verification."""
    return await use.audit.show(me, run_id)


@router.get(
    f"/runs/{RUN}/blobs/{KEY}",
    response_class=JSONResponse,
    responses={200: {"description": "The value, as it was given.", "content": {"application/json": {"schema": {}}}}},
)
async def read_output(run_id: str, key: str, me: Caller, use: UseCases) -> Response:
    """A large output to which the run shows a reference, by its digest `sha256:...`."""
    return Response(await use.outputs.read(me, run_id, key), media_type="application/json")


@router.post(
    f"/runs/{RUN}/actions",
    response_model=None,
    responses=answers(Receipt, STATUSES),
    openapi_extra=takes(*_bodies()),
)
async def operate_run(run_id: str, me: Caller, use: UseCases, body: Body, key: IdempotencyKey = None) -> JSONResponse:
    """An operator action: `{action, step, reason, key, dry_run, ...}`; the body is the receipt."""
    action, known = body.pop("action", ""), {} if key is None else {"key": key}
    return receipt_response(await use.runs.operate(me, run_id, str(action), known | body))


class _OnMany(BaseModel):
    """Which runs, beside what the action takes: those that `query` chooses, or the server's own words."""

    query: str | None = None
    visibility: str | None = None
    cursor: str | None = None


@router.post("/runs:actions", openapi_extra=takes(*_bodies(_OnMany)))
async def operate_runs(me: Caller, use: UseCases, body: RequestBody, key: IdempotencyKey = None) -> Page[RunReceipt]:
    """An operator action on many runs: `{action, query, ...}`; always 200 with a receipt for each, a window at a time.

    `query` is such as `flow=finance.* state=parked older=2d`; `next` is the `cursor` of the following window.
    `Idempotency-Key` makes the key of each run's action; without one nothing is safe to send again.
    """
    action, own = body.pop("action", ""), body.pop("key", None)
    return await use.runs.operate_many(me, str(action), body, key or str(own or uuid4().hex))


# Last: bare slashes of a foreign id are taken, too, so this one takes whatever no other route has taken.
@router.get(f"/runs/{RUN}")
async def show_run(run_id: str, me: Caller, use: UseCases, wait: str | None = None) -> Status | Refusal:
    """One run; with `wait=30s`, as soon as it has ended or that time is over."""
    return await use.runs.show(me, run_id, wait=_wait(wait))


def _wait(text: str | None) -> timedelta | None:
    if text is None:
        return None
    length = fixed(text) if re.fullmatch(r"\d{1,5}(s|m|h)", text) else None
    if length is None:
        raise InvalidError(f"wait: {text[:50]!r} is not a time such as 30s")
    return min(length, LONGEST_WAIT)
