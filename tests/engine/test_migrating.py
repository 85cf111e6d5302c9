"""`migrate` on a real server: the present definition is read when the action is judged."""

from tests.engine.conftest import Rig
from tests.engine.test_flow import BY_ANN, asked, eventually
from tests.engine.test_policies import operate
from tests.fakes import answer

FLOW = """
inputs: {n: {type: integer}}
steps:
  - {id: first, call: job.do, with: {name: first}}
  - {id: approve, ask: {title: "Go on?", who: "user:bob", due: 7d}}
  - {id: last, call: job.do, with: {name: last}}
"""
MORE = FLOW.replace("{n: {type: integer}}", "{n: {type: integer}, m: {type: integer, default: 5}}") + (
    '  - {id: more, call: job.do, with: {name: more, m: "{{inputs.m}}"}}\n'
)


async def test_a_run_follows_the_present_definition_from_where_it_is(rig: Rig) -> None:
    """The difference first, then the change; the question that is out is answered as it was put."""
    old = rig.catalogue.add(FLOW)
    handle = await rig.start("test_flow", {"n": 3}, BY_ANN)
    approval = await asked(rig, handle)
    new = rig.catalogue.add(MORE)
    shown = await operate(handle, "migrate", dry_run=True)
    assert (shown.status, shown.changes) == ("done", ("more: added",))
    assert (await handle.query("status"))["definition_digest"] == old.digest
    assert (await operate(handle, "migrate", reason="new rule", **{"with": {"digest": new.digest}})).status == "done"
    now = await eventually(handle, lambda s: s.definition_digest == new.digest)
    assert now.inputs == {"n": 3, "m": 5}
    await rig.decide(approval, answer("approved", "bob"))
    assert (await handle.result())["status"] == "completed"
    assert rig.jobs.calls[-1] == ("more", {"name": "more", "m": 5})
    assert "run.migrated" in rig.sink.names(handle.id)


async def test_what_has_begun_and_inputs_that_do_not_fit_keep_it_as_it_is(rig: Rig) -> None:
    """Refused, with what is in the way."""
    rig.catalogue.add(FLOW)
    handle = await rig.start("test_flow", {"n": 3}, BY_ANN)
    approval = await asked(rig, handle)
    rig.catalogue.add(FLOW.replace("Go on?", "Really?"))
    refused = await operate(handle, "migrate")
    assert (refused.status, refused.changes) == ("invalid", ("approve: changed although it has begun",))
    rig.catalogue.add(FLOW.replace("n: {type: integer}", "k: {type: integer}"))
    assert (await operate(handle, "migrate")).status == "invalid"
    del rig.catalogue.flows["test_flow"]
    assert "no flow" in (await operate(handle, "migrate")).reason
    await rig.decide(approval, answer("approved", "bob"))
    assert (await handle.result())["status"] == "completed"
