"""What `/openapi.json` says: every body and every answer that a program must know to call a route."""

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator

from hitl_temporal.api import absences, approvals, batch, events, policies, previews, refreshing, runs, webhooks
from hitl_temporal.api.approvals import VERB_PATHS
from hitl_temporal.api.bodies import json_object, raw_body, request_object
from hitl_temporal.api.description import SAID_BY_DOORS
from hitl_temporal.api.receipts import STATUS
from hitl_temporal.domain.approval.commands import STATUSES, VERBS
from hitl_temporal.domain.flow.commands import ACTIONS
from hitl_temporal.domain.flow.commands import STATUSES as OPERATION_STATUSES
from tests.api.house import House, browser

ROUTERS = (absences, approvals, batch, events, policies, previews, refreshing, runs, webhooks)


@pytest.fixture(scope="module", name="document")
def _document() -> dict[str, Any]:
    """Described twice, since every service of a process has the same routes: the second is as whole as the first."""
    first, second = (cast("Any", browser(House())._transport).app.openapi() for _ in range(2))
    assert first == second
    return json.loads(json.dumps(second))


def reads_body(route: APIRoute) -> bool:
    waiting = [route.dependant]
    while waiting:
        found = waiting.pop()
        if found.call in {json_object, raw_body, request_object}:
            return True
        waiting.extend(found.dependencies)
    return False


def nodes(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from nodes(inner)


def body_of(document: dict[str, Any], method: str, path: str) -> Any:
    return document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]


def fits(document: dict[str, Any], schema: Any, body: Any) -> bool:
    return Draft202012Validator({**schema, "components": document["components"]}).is_valid(body)


def test_every_route_that_reads_a_body_describes_it(document: dict[str, Any]) -> None:
    """Also those that read it by a dependency; and no route describes a body that it does not read."""
    found = {
        (method.lower(), route.path_format): reads_body(route)
        for module in ROUTERS
        for route in module.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert sum(found.values()) == len(VERBS) + 10
    assert {(m, p) for p, of in document["paths"].items() for m in of if m in {"post", "delete"}} <= found.keys()
    for (method, path), reads in found.items():
        assert ("requestBody" in document["paths"][path][method]) == reads, (method, path)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """Within the document, and nothing in it is left to definitions of its own."""
    for node in nodes(document):
        assert "$defs" not in node
        if isinstance(ref := node.get("$ref"), str):
            found: Any = document
            for part in ref.removeprefix("#/").split("/"):
                found = found[part]


def test_every_schema_is_one(document: dict[str, Any]) -> None:
    """By the dialect of OpenAPI 3.1."""
    assert document["openapi"].startswith("3.1")
    for node in nodes(document["paths"]):
        if isinstance(node.get("schema"), dict):
            Draft202012Validator.check_schema(node["schema"])
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("verb", VERBS)
def test_the_body_of_a_verb_is_its_model_without_what_doors_say(document: dict[str, Any], verb: str) -> None:
    """Every other field, by the name that is sent, and needed where the judge needs it."""
    method = "delete" if verb == "release_claim" else "post"
    schema = body_of(document, method, f"/v1/approvals/{{approval_id}}/{VERB_PATHS[verb]}")
    fields = VERBS[verb].command.model_fields
    said = {field.alias or name: field.is_required() for name, field in fields.items() if name not in SAID_BY_DOORS}
    assert schema["properties"].keys() == said.keys()
    assert schema.get("required", []) == [name for name, is_needed in said.items() if is_needed]


@pytest.mark.parametrize(
    ("verb", "body", "is_fit"),
    [
        ("decide", {"outcome": "approved", "form": {"n": [1, None]}, "comment": "", "digest": None}, True),
        ("decide", {"comment": "no outcome"}, False),
        ("reassign", {"from": "ann", "to": "bob", "reason": "left"}, True),
        ("reassign", {"source": "ann", "reason": "left"}, False),
        ("amend", {"set": {"inputs.port": 22}}, True),
        ("amend", {"set": {}}, False),
        ("comment", {"text": "hi", "attachments": [{"name": "a", "url": "https://x"}]}, True),
        ("comment", {"text": "hi", "attachments": [{"name": "a"}]}, False),
        ("claim", {}, True),
    ],
)
def test_a_schema_takes_what_the_judge_takes(document: dict[str, Any], verb: str, body: Any, is_fit: bool) -> None:
    """Names as they are sent, bounds, and what is inside."""
    schema = body_of(document, "post", f"/v1/approvals/{{approval_id}}/{VERB_PATHS[verb]}")
    assert fits(document, schema, body) == is_fit
    batch = body_of(document, "post", "/v1/decisions:batch")
    assert (fits(document, batch, {"decisions": []}), fits(document, batch, {})) == (True, False)


def test_every_action_has_the_one_body_that_is_its_own(document: dict[str, Any]) -> None:
    """An action that another body is for fits none."""
    schema = body_of(document, "post", "/v1/runs/{run_id}/actions")
    own: dict[str, dict[str, Any]] = {
        "set_value": {"with": {"a": 1}},
        "extend_grant": {"with": {"for": "2d"}},
        "event": {"event": {"type": "t", "source": "s", "id": "1"}},
    }
    for action in ACTIONS:
        more = own.get(action, {})
        assert fits(document, schema, {"action": action, "step": "a", "reason": "r", **more}), action
    assert not fits(document, schema, {"action": "set_value", "with": {}})
    assert not fits(document, schema, {"action": "explode"})
    assert not any(one["properties"].keys() & SAID_BY_DOORS for one in schema["oneOf"])


def test_every_action_may_be_done_to_many_runs(document: dict[str, Any]) -> None:
    """With a query, and otherwise as on one."""
    schema = body_of(document, "post", "/v1/runs:actions")
    assert fits(document, schema, {"action": "hold", "query": "flow=a"})
    assert fits(document, schema, {"action": "set_value", "visibility": "x", "with": {"a": 1}, "cursor": "c"})
    assert not fits(document, schema, {"action": "explode", "query": "flow=a"})


def test_a_batch_holds_decisions_of_the_table(document: dict[str, Any]) -> None:
    """Each with an id, and without what doors say."""
    (ref,) = [n["$ref"] for n in nodes(body_of(document, "post", "/v1/decisions:batch")) if "$ref" in n]
    one = document["components"]["schemas"][ref.rpartition("/")[2]]
    decide = body_of(document, "post", "/v1/approvals/{approval_id}/decisions")
    assert one["properties"].keys() == {*decide["properties"], "id"}


def test_a_receipt_is_described_under_each_of_its_statuses(document: dict[str, Any]) -> None:
    """With where to confirm; what is no receipt is a problem."""
    decide = document["paths"]["/v1/approvals/{approval_id}/decisions"]["post"]["responses"]
    operate = document["paths"]["/v1/runs/{run_id}/actions"]["post"]["responses"]
    for responses, statuses in ((decide, STATUSES), (operate, OPERATION_STATUSES)):
        assert responses.keys() == {*(str(STATUS[s]) for s in statuses), "default"}
        assert responses["default"]["content"].keys() == {"application/problem+json"}
        assert responses["422"]["content"].keys() == {"application/json", "application/problem+json"}
    ref = decide["401"]["content"]["application/json"]["schema"]["$ref"]
    assert "confirm" in document["components"]["schemas"][ref.rpartition("/")[2]]["properties"]


def test_errors_are_described_as_they_are(document: dict[str, Any]) -> None:
    """As problem details, on every route; those under `/v1` need a token, and say so."""
    assert "HTTPValidationError" not in json.dumps(document)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert "default" in operation["responses"]
            assert ("security" in operation) == path.startswith("/v1")
