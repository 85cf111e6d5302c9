"""Signed messages on a real Temporal: the secret of a trigger lets in what that trigger means."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from pydantic import SecretStr

from hitl_temporal.domain.schedules import triggered_id, webhook_event
from hitl_temporal.ports import PermanentError
from hitl_temporal.service.errors import ForbiddenError, InvalidError, UnavailableError
from hitl_temporal.service.events import Events
from hitl_temporal.service.webhooks import Webhooks
from tests.engine.conftest import Rig
from tests.integrations.webhook.test_inbound import headers

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
FLOW = """
inputs: {order: {type: string}}
triggers:
  - webhook: {source: SOURCE, if: event.data.paid, inputs: {order: "{{event.data.order}}"}}
  - webhook: {source: SOURCE, secret: other, inputs: {order: other}}
steps: [{id: a, call: job.do, with: {name: '{{inputs.order}}'}}]
"""
PAID = b'{"paid": true, "order": "o-7"}'


class Vault:
    """Secrets by name."""

    def __init__(self, **known: str) -> None:
        self.known = known

    async def secret(self, name: str) -> SecretStr:
        """Return one."""
        if name not in self.known:
            raise PermanentError(f"this machine has no secret {name!r}")
        return SecretStr(self.known[name])


@pytest.fixture
def source(rig: Rig) -> str:
    """The name of webhooks that a flow of its own listens to."""
    name = f"s{uuid4().hex[:8]}"
    rig.catalogue.add(FLOW.replace("SOURCE", name), f"flow_{name}")
    return name


def doors(rig: Rig, **known: str) -> Webhooks:
    return Webhooks(Events(rig.client, rig.catalogue, rig.queue), rig.catalogue, Vault(**known), lambda: AT)


async def test_a_signed_message_starts_what_its_secret_lets_in(rig: Rig, source: str) -> None:
    """Once, however often it is sent; the trigger with another secret does not mean it."""
    webhooks = doors(rig, **{f"webhook_{source}": "key", "other": "another"})
    (run,) = (await webhooks.receive(source, headers(b"key", PAID), PAID)).started
    assert run.startswith(f"flow_{source}.webhook-")
    await rig.client.get_workflow_handle(run).result()
    assert (await webhooks.receive(source, headers(b"key", PAID), PAID)).started == ()
    assert rig.jobs.names() == ["o-7"]
    (other,) = (await webhooks.receive(source, headers(b"another", PAID, name="msg_2"), PAID)).started
    triggers = (await rig.catalogue.every_flow())[f"flow_{source}"].triggers
    assert other == triggered_id(f"flow_{source}", triggers, 1, webhook_event(source, "msg_2", AT, None))


async def test_a_message_may_be_text(rig: Rig, source: str) -> None:
    """Then it is the data as it is; what is neither JSON nor text is refused."""
    webhooks = doors(rig, **{f"webhook_{source}": "key", "other": "another"})
    assert (await webhooks.receive(source, headers(b"another", b"paid NaN"), b"paid NaN")).started
    with pytest.raises(InvalidError):
        await webhooks.receive(source, headers(b"another", b"\xff"), b"\xff")


async def test_what_nobody_has_signed_starts_nothing(rig: Rig, source: str) -> None:
    """Nor does an unknown source, which is told the same."""
    webhooks = doors(rig, **{f"webhook_{source}": "key", "other": "another"})
    with pytest.raises(ForbiddenError, match="unknown source, or not signed now"):
        await webhooks.receive(source, headers(b"stolen", PAID), PAID)
    with pytest.raises(ForbiddenError, match="unknown source, or not signed now"):
        await webhooks.receive("nobody", headers(b"key", PAID), PAID)


async def test_a_secret_that_is_not_there_is_ours_to_mend(rig: Rig, source: str) -> None:
    """The sender tries again."""
    with pytest.raises(UnavailableError, match="can't be verified now"):
        await doors(rig, other="another").receive(source, headers(b"key", PAID), PAID)
