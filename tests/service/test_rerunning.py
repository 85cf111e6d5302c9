"""`rerun` of a run that has ended, through the use case: a new run, once per key, under the next free id."""

from temporalio.client import WorkflowHandle

from hitl_temporal.domain.flow.commands import Receipt
from hitl_temporal.domain.flow.policies import Policy
from hitl_temporal.service.runs import Runs
from tests.engine.conftest import Rig
from tests.engine.test_seeding import ended, start
from tests.service.test_approvals import me


async def rerun(rig: Rig, old: WorkflowHandle, actor: str = "gus", scope: str = "failed", **body: object) -> Receipt:
    """Do a run again as this person."""
    runs = Runs(rig.client, rig.catalogue, rig.directory, rig.queue)
    return await runs.operate(me(actor), old.id, "rerun", {"as": scope, **body})


async def test_a_closed_run_is_done_again_under_an_id_of_its_own(rig: Rig) -> None:
    """The receipt says which, what it keeps and what it does again."""
    old = await ended(rig)
    receipt = await rerun(rig, old, reason="mended")
    assert (receipt.status, receipt.changes) == (
        "done",
        (f"{old.id}.r1: started", "first: kept", "approve: kept", "last: again"),
    )
    assert (await rig.client.get_workflow_handle(f"{old.id}.r1").result())["status"] == "completed"


async def test_the_same_key_is_the_same_run(rig: Rig) -> None:
    """Another key, or another person, starts the next: with `all` it keeps nothing that the first one has."""
    old = await ended(rig)
    first = await rerun(rig, old, key="k")
    assert (await rerun(rig, old, key="k")).changes == first.changes
    assert (await rerun(rig, old, scope="all", key="other")).changes[0] == f"{old.id}.r2: started"


async def test_what_was_done_goes_on_in_one_run_only(rig: Rig) -> None:
    """Else two runs would undo it, or one would go on upon what the other has undone."""
    old = await ended(rig)
    await rerun(rig, old, key="k")
    says = f"'{old.id}.r1' does it again already, and keeps first, approve: do that one again, or `all`"
    for dry_run in (True, False):
        receipt = await rerun(rig, old, key="other", dry_run=dry_run)
        assert (receipt.status, receipt.reason) == ("closed", says)
    await rig.client.get_workflow_handle(f"{old.id}.r1").result()
    assert (await rerun(rig, old, key="other")).reason == says


async def test_a_run_that_was_terminated_keeps_nothing_from_the_next(rig: Rig) -> None:
    """Nor does one that was refused at its start: nobody could do it again."""
    old = await ended(rig)
    refused = await start(rig, old, {"as": "most"})
    while (await refused.describe()).close_time is None:
        pass
    again = {"scope": "from", "step": "approve"}
    assert (await rerun(rig, old, key="k", **again)).changes[0] == f"{old.id}.r2: started"
    await rig.client.get_workflow_handle(f"{old.id}.r2").terminate()
    assert (await rerun(rig, old, key="other", **again)).changes[0] == f"{old.id}.r3: started"


async def test_a_dry_run_starts_nothing(rig: Rig) -> None:
    """It says what would be kept."""
    old = await ended(rig)
    receipt = await rerun(rig, old, scope="from", step="approve", dry_run=True)
    assert (receipt.status, receipt.changes) == ("done", ("first: kept", "approve: again", "last: again"))
    assert (await rerun(rig, old)).changes[0] == f"{old.id}.r1: started"


async def test_who_may_not_and_what_makes_no_sense_starts_nothing(rig: Rig) -> None:
    """Roles, the site's policy, inputs and steps: told at once."""
    old = await ended(rig)
    assert (await rerun(rig, old, "bob")).status == "not_eligible"
    rig.catalogue.rules = (Policy.model_validate({"action": "rerun", "who": ["manager:requester"]}),)
    assert (await rerun(rig, old)).status == "not_eligible"
    assert (await rerun(rig, old, "bob", dry_run=True)).status == "done"
    rig.catalogue.rules = ()
    assert (await rerun(rig, old, scope="from", step="gone")).status == "invalid"
    wrong = await rerun(rig, old, scope="all", **{"with": {"n": "many"}})
    assert (wrong.status, wrong.reason.startswith("with: ")) == ("invalid", True)


async def test_a_run_that_was_refused_at_its_start_has_nothing_to_do_again(rig: Rig) -> None:
    """It is closed, as for every other action."""
    rig.catalogue.add("inputs: {n: {type: integer}}\nsteps: [{id: first, call: job.do}]")
    handle = await rig.start("test_flow", {}, {"requester": "ann"})
    while (await handle.describe()).close_time is None:
        pass
    assert (await rerun(rig, handle)).status == "closed"
