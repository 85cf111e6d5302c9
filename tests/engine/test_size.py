"""Large runs: a thousand steps, thousands of items, over many continue-as-new."""

import os
from collections import Counter

import pytest

from hitl_temporal.domain.chain import verify_chain
from hitl_temporal.engine import options
from tests.engine.conftest import Rig
from tests.engine.test_flow import eventually
from tests.engine.test_life import short_rig, short_server

__all__ = ["short_rig", "short_server"]  # fixtures: pytest finds them here by name

IS_LONG = os.environ.get("HITL_CHAOS") == "long"
STEPS = 1_000 if IS_LONG else 120
"""`make chaos` runs the whole size."""
ITEMS = 5_000 if IS_LONG else 250
BY_ANN = {"requester": "ann"}


@pytest.fixture
def size_rig(request: pytest.FixtureRequest) -> Rig:
    """A rig on the server whose runs continue as new soon; the whole size does so on an ordinary one, as in life."""
    found: Rig = request.getfixturevalue("rig" if IS_LONG else "short_rig")
    return found


def layers(steps: int, wide: int = 10) -> str:
    """Return a flow of so many calls, ten beside each other, each of which follows all ten before."""
    lines = ["steps:"]
    for n in range(steps):
        first = n - n % wide - wide
        needs = "[]" if first < 0 else f"[{', '.join(f's{m}' for m in range(first, first + wide))}]"
        lines.append(f"  - {{id: s{n}, needs: {needs}, call: job.do, with: {{name: s{n}}}}}")
    return "\n".join(lines)


async def check(rig: Rig, workflow: str, runs_at_least: int) -> None:
    """See that the trail is whole, and that no run of the chain was too long."""
    facts = rig.sink.of(workflow)
    assert verify_chain(facts) == ()
    runs = dict.fromkeys(f.run_id for f in facts)
    assert len(runs) >= runs_at_least, "it was to continue as new in the middle"
    for run in runs:
        history = await rig.client.get_workflow_handle(workflow, run_id=run).describe()
        assert history.history_length < options.LONG_HISTORY


async def test_a_flow_of_many_steps(size_rig: Rig) -> None:
    """Each step is done once, after all that it needs, however often the run continues as new."""
    rig = size_rig
    rig.catalogue.add(layers(STEPS))
    handle = await rig.start("test_flow", {}, BY_ANN)
    result = await handle.result()
    assert (result["status"], len(result["steps"])) == ("completed", STEPS)
    done = rig.jobs.names()
    assert Counter(done) == {f"s{n}": 1 for n in range(STEPS)}
    places = {name: place for place, name in enumerate(done)}
    for n in range(10, STEPS):
        before = n - n % 10 - 10
        assert max(places[f"s{m}"] for m in range(before, before + 10)) < places[f"s{n}"]
    await check(rig, handle.id, runs_at_least=2)


async def test_an_each_of_many_items(size_rig: Rig) -> None:
    """Each item is done once, and what it gave is in its place."""
    rig = size_rig
    rig.catalogue.add("""
inputs: {items: {type: array}}
steps: [{id: e, each: inputs.items, do: [{id: x, call: job.do, with: {name: "{{string(item)}}"}}]}]
outputs: {last: "{{steps.e.outputs.items[size(inputs.items) - 1].x.did}}"}
""")
    handle = await rig.start("test_flow", {"items": list(range(ITEMS))}, BY_ANN)
    result = await handle.result()
    assert (result["status"], result["outputs"]) == ("completed", {"last": str(ITEMS - 1)})
    assert [i["x"]["did"] for i in result["steps"]["e"]["outputs"]["items"]] == [str(n) for n in range(ITEMS)]
    assert Counter(rig.jobs.names()) == {str(n): 1 for n in range(ITEMS)}
    await check(rig, handle.id, runs_at_least=2)


async def test_a_run_keeps_so_much(size_rig: Rig) -> None:
    """What its steps give all together is bounded, since it travels with the run: who gives too much parks."""
    rig = size_rig
    rig.catalogue.add(
        "steps:\n"
        "  - {id: e, each: [1, 2, 3, 4], do: [{id: x, call: job.do, with: {bytes: 120000}}], limit: 1}\n"
        "  - {id: small, call: job.do, with: {name: small}}\n"
        "  - {id: large, call: job.do, with: {name: large, bytes: 200000}}\n"
        "outputs: {last: '{{steps.small.outputs.did}}'}"
    )
    handle = await rig.start("test_flow", {}, BY_ANN)
    found = await eventually(handle, lambda now: now.status == "parked")
    assert (found.steps["small"].state, found.steps["large"].state) == ("succeeded", "parked")
    assert found.steps["large"].reason.startswith("its outputs are too much: 200,0")
    by_hand = {"actor": "gus", "step": "large", "outputs": {"at": "elsewhere"}}
    assert (await handle.execute_update("finish", by_hand))["status"] == "done"
    result = await handle.result()
    assert (result["status"], result["outputs"]) == ("completed", {"last": "small"})
    assert len(result["steps"]["e"]["outputs"]["items"]) == 4
    await check(rig, handle.id, runs_at_least=1 if IS_LONG else 2)
