"""`runs.start` and `runs.operate`: what they ask of the port, and what they make of its answer."""

from typing import Any

import pytest
from pydantic import ValidationError

from hitl_temporal.integrations.runs import Operation, Start, Started, operator, starter
from hitl_temporal.ports import PermanentError
from tests.fakes import FakeRuns


async def test_the_id_is_made_of_the_key() -> None:
    """So that another try starts nothing twice; an id of the author's stays."""
    runs = FakeRuns()
    start = starter(runs).run
    first, again, other = [await start(Start(flow="job", inputs={"a": 1}), key) for key in ("r.s.1", "r.s.1", "r.s.2")]
    assert first == again == Started(id=first.id, status="running", outputs={})
    assert other.id != first.id
    assert first.id.startswith("job-")
    assert runs.asked[0] == ("job", {"a": 1}, first.id, "r.s.1", None)
    named = await start(Start(flow="job", id="mine", requester="ann", wait=True), "k")
    assert named == Started(id="mine", status="completed", outputs={"n": 1})
    assert runs.asked[-1] == ("job", {}, "mine", "k", "ann")


async def test_a_command_has_what_was_written_and_its_key() -> None:
    """Keys of other actions are left to the run, which knows what its actions take."""
    runs = FakeRuns()
    given = Operation.model_validate(
        {"id": "r", "action": "finish", "step": "a", "reason": "done by hand", "as": "ok", "actor": "gus"}
    )
    found = await operator(runs).run(given, "k" * 300)
    assert (found.status, found.changes) == ("done", ("step a is skipped",))
    command = {"actor": "gus", "step": "a", "reason": "done by hand", "as": "ok", "key": "k" * 200}
    assert runs.asked == [("r", "finish", command)]


@pytest.mark.parametrize("status", ["invalid", "closed", "not_eligible"])
async def test_what_is_refused_fails_the_step(status: str) -> None:
    """What should have happened has not."""
    runs = FakeRuns()
    runs.receipt = {"status": status, "reason": "it has ended"}
    with pytest.raises(PermanentError, match=f"cancel on 'r' is {status}: it has ended"):
        await operator(runs).run(Operation(id="r", action="cancel", reason="no more"), "k")


@pytest.mark.parametrize(
    "given", [{"action": "destroy"}, {"id": "a b"}, {"reason": ""}, {"unknown": 1}, {"step": ""}, {"with": []}]
)
def test_what_cannot_be_asked_is_not_taken(given: dict[str, Any]) -> None:
    """An action without a reason above all."""
    with pytest.raises(ValidationError):
        Operation.model_validate({"id": "r", "action": "hold", "reason": "x", **given})
