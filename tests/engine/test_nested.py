"""Steps within steps, runs within runs, commands and waits on a real server."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError

from hitl_temporal.app.secrets import LocalSecrets
from hitl_temporal.domain.chain import verify_chain
from hitl_temporal.domain.flow.commands import Receipt
from hitl_temporal.domain.resources.document import Resource
from hitl_temporal.effects.commands import Commands
from hitl_temporal.effects.watching import FileWatch, RunWatch
from tests.engine.conftest import Rig
from tests.engine.test_flow import asked, eventually
from tests.fakes import FakeBlobs, answer

BY_ANN = {"requester": "ann"}


def hands(rig: Rig, project: Path) -> list[object]:
    """Return the activities that do what steps other than calls want."""
    commands = Commands(project, LocalSecrets(None), FakeBlobs(), leave_within=timedelta(seconds=1))
    watches = (*FileWatch(project).activities, *RunWatch(rig.client).activities)
    return [*commands.activities, *watches]


async def test_items_are_gone_through(idle_rig: Rig) -> None:
    """So many at a time, in order, each with its own address."""
    idle_rig.catalogue.add("""
steps:
  - id: post
    each: "[1, 2, 3, 4, 5]"
    limit: 2
    do:
      - {id: book, call: job.do, with: {name: "{{'book ' + string(item)}}"}}
      - {id: tell, call: job.do, with: {name: "{{'tell ' + string(index) + steps.book.outputs.did}}"}}
outputs: {posted: "{{size(steps.post.outputs.items)}}"}
""")
    async with idle_rig.worker():
        handle = await idle_rig.start("test_flow", {}, BY_ANN)
        result = await handle.result()
    assert (result["status"], result["outputs"]) == ("completed", {"posted": 5})
    assert sorted(idle_rig.jobs.names()) == sorted(
        [f"book {n}" for n in range(1, 6)] + [f"tell {n - 1}book {n}" for n in range(1, 6)]
    )
    assert result["steps"]["post[4].tell"]["outputs"]["key"] == f"{handle.id}.post.4.tell.1"
    assert verify_chain(idle_rig.sink.of(handle.id)) == ()


async def test_people_are_asked_about_items(idle_rig: Rig) -> None:
    """The question of an item is an approval whose id names the item; a refusal fails that item alone."""
    idle_rig.catalogue.add("""
steps:
  - id: post
    each: [a, b]
    tolerate: 1
    do:
      - {id: ok, ask: {title: "{{item}}?", who: "user:bob", due: 7d}}
      - {id: book, call: job.do, with: {name: "{{item}}"}}
""")
    async with idle_rig.worker():
        handle = await idle_rig.start("test_flow", {}, BY_ANN)
        for index, outcome in enumerate(("rejected", "approved")):
            approval = await asked(idle_rig, handle, f"post.{index}.ok")
            assert (await idle_rig.decide(approval, answer(outcome, "bob"))).status == "counted"
        result = await handle.result()
    assert result["steps"]["post"]["outputs"]["failed"] == [0]
    assert idle_rig.jobs.names() == ["b"]


async def test_a_run_within_a_run(idle_rig: Rig) -> None:
    """Its result is the step's; it lies in the same trace, and is pinned when the outer one begins."""
    idle_rig.catalogue.add("steps: [{id: go, flow: inner, with: {n: 3}}]\noutputs: {got: '{{steps.go.outputs.twice}}'}")
    inner = "inputs: {n: {type: integer}}\nsteps: [{id: x, call: job.do}]\noutputs: {twice: '{{inputs.n * 2}}'}"
    idle_rig.catalogue.add(inner, "inner")
    async with idle_rig.worker():
        handle = await idle_rig.start("test_flow", {}, BY_ANN)
        result = await handle.result()
    assert (result["status"], result["outputs"]) == ("completed", {"got": 6})
    assert result["steps"]["go"]["outcome"] == "completed"
    within = idle_rig.sink.of(f"{handle.id}.go.1")
    assert {f.trace_id for f in within} == {result["evidence"]["trace_id"]}
    assert verify_chain(within) == ()


async def test_a_failed_run_within_parks_its_step(idle_rig: Rig) -> None:
    """And a cancelled outer run cancels the inner one, which undoes what it has done."""
    idle_rig.catalogue.add("steps: [{id: go, flow: inner}]")
    inner = """
steps:
  - {id: x, call: job.do, with: {name: x}, undo: {call: job.undo, with: {name: x}}}
  - {id: w, wait: {for: 2s}}
  - {id: y, call: job.do, with: {name: y}, on_failure: fail}
"""
    idle_rig.catalogue.add(inner, "inner")
    idle_rig.jobs.failing.add("y")
    async with idle_rig.worker():
        handle = await idle_rig.start("test_flow", {}, BY_ANN)
        status = await eventually(handle, lambda s: s.steps["go"].state == "parked")
        assert "has ended failed" in status.steps["go"].reason
        assert idle_rig.jobs.names() == ["x", "y", "undo x"]
        idle_rig.jobs.calls.clear()
        receipt = await handle.execute_update("rerun", {"actor": "eli", "step": "go"}, result_type=Receipt)
        assert receipt.status == "done"
        while "x" not in idle_rig.jobs.names():
            await asyncio.sleep(0.02)
        await handle.execute_update("cancel", {"actor": "ann"}, result_type=Receipt)
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        within = await idle_rig.client.get_workflow_handle(f"{handle.id}.go.2").query("status")
    assert (within["status"], idle_rig.jobs.names()) == ("cancelled", ["x", "undo x"])


async def test_a_command_gives_outputs_and_exit_codes(idle_rig: Rig, tmp_path: Path) -> None:
    """Named exit codes are results; what is not named parks."""
    idle_rig.catalogue.add("""
steps:
  - {id: a, run: {command: ["sh", "-c", "echo '{\\"rows\\": 3}'"], outputs: {rows: $.rows}}}
  - {id: b, run: {command: ["sh", "-c", "echo bad >&2; exit 3"]}}
  - {id: c, needs: [{b: "2-4"}], call: job.do, with: {name: "{{steps.b.outputs.stderr}}"}}
  - {id: d, needs: [a], run: {command: ["sh", "-c", "exit 9"]}}
outputs: {rows: "{{steps.a.outputs.rows}}"}
""")
    async with idle_rig.worker(activities=hands(idle_rig, tmp_path)):
        handle = await idle_rig.start("test_flow", {}, BY_ANN)
        status = await eventually(handle, lambda s: s.steps["d"].state == "parked" and s.steps["c"].state != "waiting")
        assert (status.steps["b"].state, status.steps["b"].outcome) == ("failed", "3")
        assert "exit code 9" in status.steps["d"].reason
        await handle.execute_update("skip", {"actor": "eli", "step": "d"}, result_type=Receipt)
        result = await handle.result()
    assert result["outputs"] == {"rows": 3}
    assert idle_rig.jobs.names() == ["bad\n"]


async def test_files_runs_and_events_are_waited_for(idle_rig: Rig, tmp_path: Path) -> None:
    """What is there is found by a worker; an event that came early is not lost."""
    idle_rig.catalogue.add("""
steps:
  - {id: file, needs: [], wait: {file: {path: "*.csv", every: 1s}}}
  - {id: other, needs: [], wait: {run: other-run}}
  - {id: event, needs: [file], wait: {event: {type: com.example.done, if: "event.data.n > 1"}}}
""")
    idle_rig.catalogue.add("steps: [{id: x, call: job.do}]", "other_flow")
    async with idle_rig.worker(activities=hands(idle_rig, tmp_path)):
        handle = await idle_rig.start("test_flow", {}, BY_ANN)
        for n in (1, 2):
            event = {"type": "com.example.done", "source": "/test", "id": str(n), "data": {"n": n}}
            await handle.signal("event", event)
        (tmp_path / "in.csv").write_text("a")
        await idle_rig.client.start_workflow("other_flow", {}, id="other-run", task_queue=idle_rig.queue)
        result = await handle.result()
    assert result["steps"]["file"]["outputs"]["paths"] == [str(tmp_path / "in.csv")]
    assert result["steps"]["other"]["outputs"]["status"] == "completed"
    assert result["steps"]["event"]["outputs"]["data"] == {"n": 2}


async def test_units_are_taken_and_given_back(idle_rig: Rig) -> None:
    """Two runs share one unit; while people are asked in the first, the second goes on."""
    idle_rig.catalogue.add("""
steps:
  - id: block
    uses: {sap: 1}
    do:
      - {id: x, call: job.do, with: {name: "{{run.id + ' x'}}"}}
      - {id: ok, ask: {title: "Go on?", who: "user:bob", due: 7d}}
      - {id: y, call: job.do, with: {name: "{{run.id + ' y'}}"}}
""")
    idle_rig.catalogue.resources = {"sap": Resource()}
    async with idle_rig.worker():
        first = await idle_rig.start("test_flow", {}, BY_ANN)
        await asked(idle_rig, first, "ok")
        second = await idle_rig.start("test_flow", {}, BY_ANN)
        await idle_rig.decide(await asked(idle_rig, second, "ok"), answer("approved", "bob"))
        assert (await second.result())["status"] == "completed"
        await idle_rig.decide(await asked(idle_rig, first, "ok"), answer("approved", "bob"))
        assert (await first.result())["status"] == "completed"


async def test_people_repair_a_failure(idle_rig: Rig) -> None:
    """They are asked what to do, and it is done."""
    idle_rig.catalogue.add("""
owner: user:bob
steps: [{id: x, call: job.do, with: {name: x}, on_failure: ask}, {id: y, call: job.do, with: {name: y}}]
""")
    idle_rig.jobs.failing.add("x")
    async with idle_rig.worker():
        handle = await idle_rig.start("test_flow", {}, BY_ANN)
        question = idle_rig.client.get_workflow_handle(f"{handle.id}.x.1.repair")
        await idle_rig.until_put(question)
        receipt = await idle_rig.decide(question, {**answer("edit", "bob"), "form": {"with": {"name": "z"}}})
        assert receipt.status == "counted", receipt
        result = await handle.result()
    assert idle_rig.jobs.names() == ["x", "z", "y"]
    assert result["status"] == "completed"
