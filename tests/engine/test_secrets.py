"""A secret in a real run: the history has its name alone."""

import base64
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr
from temporalio import activity
from temporalio.client import WorkflowFailureError
from temporalio.worker import Worker

from hitl_temporal.effects.conduct import Conduct
from hitl_temporal.effects.secrets import Unsealing, sealed
from hitl_temporal.ports import PermanentError
from tests.engine.conftest import Rig, running
from tests.fakes import FakeBlobs, FakeSecrets

VALUE = "s3cr3t-of-snow"


class Given(BaseModel, frozen=True, extra="forbid"):
    """What the activity takes."""

    token: SecretStr
    fails: bool = False


@activity.defn(name="snow.open")
async def open_ticket(given: Given) -> dict[str, Any]:
    """Tell whether the value came; or fail, and say it."""
    if given.fails:
        raise PermanentError(f"refused {given.token.get_secret_value()}")
    return {"right": given.token.get_secret_value() == VALUE}


@pytest.mark.parametrize("fails", [False, True])
async def test_a_run_keeps_the_name_and_never_the_value(rig: Rig, fails: bool) -> None:
    """Neither in the arguments, nor in the failure or in what the run says of it."""
    rig.catalogue.add(
        f"""
steps:
  - {{id: go, call: snow.open, pool: snow, on_failure: fail, with: {{token: {{$secret: snow}}, fails: {fails}}}}}
"""
    )
    worker = Worker(
        rig.client,
        task_queue=f"{rig.queue}-pool-snow",
        activities=[sealed(open_ticket)],
        interceptors=[Conduct(), Unsealing(FakeSecrets({"snow": VALUE}), FakeBlobs())],
    )
    async with running(worker):
        handle = await rig.start()
        if fails:
            with pytest.raises(WorkflowFailureError) as caught:
                await handle.result()
            assert "refused [secret 'snow']" in str(caught.value.cause)
        else:
            assert (await handle.result())["steps"]["go"]["outputs"] == {"right": True}
    history = (await handle.fetch_history()).to_json()
    assert VALUE not in history
    assert base64.b64encode(b'{"$secret":"snow"}').decode()[:20] in history
