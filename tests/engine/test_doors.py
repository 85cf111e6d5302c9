"""No verb without a door, no door without a verb: the one table is compared with everything that is made for it."""

from temporalio.api.sdk.v1 import WorkflowMetadata

from hitl_temporal.api.approvals import VERB_PATHS
from hitl_temporal.api.approvals import router as routes
from hitl_temporal.client import Client
from hitl_temporal.client.verbs import PATHS
from hitl_temporal.domain.approval.commands import VERBS
from tests.cli.test_docs import commands
from tests.engine.conftest import Rig

COMMANDS = {"request_info": "ask-info", "provide_info": "give-info"}
"""Verbs whose command has a name of its own; any other is the verb itself, with hyphens."""

INTERNAL = {"report_to", "refresh"}
"""Signals that are no verbs of people."""


async def test_every_verb_has_every_door(rig: Rig) -> None:
    """A signal and an update handler, a route, a command, and a method of the client; and no handler but those."""
    handle = await rig.ask({"title": "Go?", "requester": "ann", "who": ["group:secops"]})
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    signals = {s.name for s in metadata.definition.signal_definitions}
    updates = {u.name for u in metadata.definition.update_definitions}
    assert (signals - INTERNAL, updates) == (set(VERBS), set(VERBS))
    names = {path.removeprefix("hitl ") for path, _ in commands()}
    for verb in VERBS:
        assert COMMANDS.get(verb, verb.replace("_", "-")) in names, f"no command for {verb}"
        assert callable(getattr(Client, verb)), f"no method for {verb}"
        method, path = PATHS[verb]
        assert path == VERB_PATHS[verb]
        assert routes.url_path_for(verb, approval_id="a") == f"/v1/approvals/a/{path}"
        found = [r for r in routes.routes if getattr(r, "name", None) == verb]
        assert [getattr(r, "methods", None) for r in found] == [{method}]
    await rig.decide(handle, {"actor": "cai", "outcome": "approved"})
