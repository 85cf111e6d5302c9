"""What an open question waits for, in each of its states."""

import pytest

from hitl_temporal.client import Approval
from hitl_temporal.domain.waits import waits

DUE = "2026-03-04T08:00:00.123456+00:00"
ENDS = "2026-03-04T08:00:00Z"
OUT = (
    "its requester changing it or taking it back (hitl amend, hitl withdraw), "
    "or an admin deciding alone (hitl override)"
)
STAGE = {"name": "manager", "state": "open", "may_act": ["bob"], "due": DUE}
PARKED = {"name": "finance", "state": "parked", "reason": "nobody left"}
INFO = {"by": "bob", "to": "dee"}


def asked(state: str = "open", *stages: dict[str, object], **changes: object) -> Approval:
    return Approval.model_validate(
        {"id": "a", "state": state, "title": "t", "stages": stages, "barred": ["ann"], **changes}
    )


@pytest.mark.parametrize(
    ("question", "found"),
    [
        (
            asked("open", STAGE),
            [("manager", "open", "answer", ("bob",), f"an answer to a by bob, or its end at {ENDS}")],
        ),
        (
            asked("open", {**STAGE, "due": None, "may_act": []}, {"name": "later", "state": "pending"}),
            [("manager", "open", "answer", (), "an answer to a by those who are asked")],
        ),
        (
            asked("parked", STAGE, PARKED),
            [
                ("manager", "open", "answer", ("bob",), f"an answer to a by bob, or its end at {ENDS}"),
                ("finance", "parked", "nobody left", (), f"an operator reassigning it (hitl reassign), {OUT}"),
            ],
        ),
        (
            asked("parked", {**PARKED, "due": DUE}),
            [
                (
                    "finance",
                    "parked",
                    "nobody left",
                    (),
                    f"an operator reassigning it (hitl reassign), {OUT}, or its end at {ENDS}",
                )
            ],
        ),
        (asked("parked", reason="no row holds"), [("", "parked", "no row holds", (), OUT)]),
        (
            asked("info", STAGE, {"name": "b", "state": "open", "may_act": ["eve"]}, info=INFO),
            [
                ("", "info", "bob has asked dee for more", ("dee",), "dee answering (hitl give-info a)"),
                (
                    "manager",
                    "open",
                    "answer",
                    ("bob",),
                    "an answer to a by bob; its time stands still until dee answers",
                ),
                ("b", "open", "answer", ("eve",), "an answer to a by eve"),
            ],
        ),
        (
            asked("info", {**STAGE, "may_act": []}, info={"by": "bob", "to": "ann", "rework": True}),
            [
                (
                    "",
                    "info",
                    "sent back by bob",
                    ("ann",),
                    "ann changing the request or answering (hitl amend, hitl give-info)",
                )
            ],
        ),
        (
            asked("cooling", cooling={"outcome": "approved", "until": DUE}),
            [
                (
                    "",
                    "cooling",
                    "approved may still be taken back",
                    (),
                    f"time, at {ENDS}; until then whoever gave the deciding vote may take it back (hitl retract)",
                )
            ],
        ),
        (asked("open"), [("", "open", "people are looked up", (), "the directory's answer")]),
        (asked("approved", {**STAGE, "state": "approved"}, outcome="approved"), []),
    ],
)
def test_each_wait_has_its_reason_and_what_releases_it(question: Approval, found: list[tuple[object, ...]]) -> None:
    """Never an answer where time, the requester or an operator is waited for."""
    assert [tuple(wait) for wait in waits(question)] == found


def test_a_moment_that_a_newer_server_leaves_out_is_not_said() -> None:
    """Then time alone releases it."""
    [wait] = waits(asked("cooling", cooling={"outcome": "approved"}))
    assert wait.releases.startswith("time; until then")
