"""Connectors in a real run: what one gives, the next step takes; a secret never stands in the history."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel
from temporalio.worker import Worker

from hitl_temporal.app.connectors import connector_activities
from hitl_temporal.app.settings import Settings
from hitl_temporal.effects.conduct import Conduct
from hitl_temporal.effects.connectors import as_activity
from hitl_temporal.effects.secrets import Unsealing, sealed
from hitl_temporal.ports import Connector, TemporaryError
from tests.engine.conftest import Rig, running
from tests.engine.test_flow import eventually
from tests.fakes import FakeBlobs, FakeSecrets

VALUE = "t0ken-of-snow"
FLOW = """
inputs: {port: {type: integer}}
steps:
  - id: ask_them
    call: http.request
    pool: connectors
    with:
      method: POST
      url: "http://127.0.0.1:{{inputs.port}}/tickets"
      auth: {bearer: {$secret: snow}}
      json: {port: 443}
  - id: keep
    call: sql.query
    pool: connectors
    with:
      url: sqlite:///tickets.db
      mode: write
      sql: insert into tickets values (:hitl_key, :number) returning number, key
      parameters: {number: "{{steps.ask_them.outputs.json.number}}"}
outputs: {kept: "{{steps.keep.outputs.rows}}", status: "{{steps.ask_them.outputs.status}}"}
"""


async def test_one_step_takes_what_another_gives(rig: Rig, tmp_path: Path) -> None:
    """Over HTTP into a database, each by its key."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        body = b'{"number": "INC7"}'
        head = (
            b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        )
        writer.write(head % len(body) + body)
        await writer.drain()
        writer.close()

    with closing(sqlite3.connect(tmp_path / "tickets.db")) as database:
        database.execute("create table tickets (key, number)")
    rig.catalogue.add(FLOW)
    settings = Settings(project=tmp_path, task_queue=rig.queue)
    worker = Worker(
        rig.client,
        task_queue=f"{rig.queue}-pool-connectors",
        activities=[sealed(a) for a in connector_activities(rig.client, settings)],
        interceptors=[Conduct(), Unsealing(FakeSecrets({"snow": VALUE}), FakeBlobs())],
    )
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, running(worker):
        handle = await rig.start(inputs={"port": server.sockets[0].getsockname()[1]})
        result = await handle.result()
    assert result["outputs"] == {"kept": [{"number": "INC7", "key": f"{handle.id}.keep.1"}], "status": 201}
    [request] = [s.decode().lower() for s in seen]
    assert f"authorization: bearer {VALUE}" in request
    assert f"idempotency-key: {handle.id}.ask_them.1" in request
    assert VALUE not in (await handle.fetch_history()).to_json()


class Order(BaseModel, frozen=True):
    """What must not be done twice."""

    text: str


async def test_work_that_must_not_be_done_twice_is_in_doubt_when_its_worker_is_lost(rig: Rig) -> None:
    """The next worker does not begin it again, whatever the step's retries; one that never began is tried again."""
    begun, is_away = asyncio.Semaphore(0), True

    async def carry_out(order: Order, _key: str) -> Order:
        nonlocal is_away
        if is_away:
            is_away = False
            raise TemporaryError("nobody is there", timedelta(seconds=1))
        begun.release()
        await asyncio.sleep(3600)
        return order

    once = as_activity(Connector("order.once", Order, Order, carry_out, lambda _: True))
    rig.catalogue.add("steps: [{id: a, call: order.once, pool: orders, with: {text: x}}]")

    def worker() -> Worker:
        queue = f"{rig.queue}-pool-orders"
        return Worker(rig.client, task_queue=queue, activities=[once], interceptors=[Conduct()])

    handle = await rig.start()
    async with running(worker()):
        await begun.acquire()
    async with running(worker()):
        found = await eventually(handle, lambda now: now.status == "parked")
    assert "in_doubt: the worker was lost" in found.steps["a"].reason
    assert begun.locked()
    await handle.terminate()
