"""What operators do to a run on the command line: one command an action, receipts in words and as JSON."""

import pytest
import typer.main

from hitl_temporal.cli.application import app
from hitl_temporal.cli.operating import COMMANDS
from hitl_temporal.domain.flow.commands import ACTIONS

AT = "2026-03-02T08:00:00Z"


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        (("hold", "r"), {"action": "hold"}),
        (("hold", "r", "apply"), {"action": "hold", "step": "apply"}),
        (("release", "r"), {"action": "release"}),
        (("skip", "r", "apply"), {"action": "skip", "step": "apply"}),
        (("skip", "r", "post[3].journal"), {"action": "skip", "step": "post[3].journal"}),
        (("hold", "r", "block#2.journal"), {"action": "hold", "step": "block#2.journal"}),
        (("start-step", "r", "apply"), {"action": "start_step", "step": "apply", "waive": []}),
        (
            ("start-step", "r", "apply", "--waive", "predecessor", "--waive", "hold"),
            {"action": "start_step", "step": "apply", "waive": ["predecessor", "hold"]},
        ),
        (("rerun", "r", "apply"), {"action": "rerun", "step": "apply", "as": "step", "with": {}}),
        (
            ("rerun", "r", "apply", "--from", "-i", "port=443", "-i", "host=x"),
            {"action": "rerun", "step": "apply", "as": "from", "with": {"port": 443, "host": "x"}},
        ),
        (("rerun", "r", "--failed"), {"action": "rerun", "as": "failed", "with": {}}),
        (("rerun", "r", "--all"), {"action": "rerun", "as": "all", "with": {}}),
        (
            ("tell", "r", "com.example.done", "-d", "port=443", "--subject", "s", "--source", "/x", "--event-id", "1"),
            {
                "action": "event",
                "event": {"type": "com.example.done", "source": "/x", "id": "1", "subject": "s", "data": {"port": 443}},
            },
        ),
        (
            ("finish", "r", "apply", "-o", "rule=r1", "-o", "n=2", "--outcome", "done"),
            {"action": "finish", "step": "apply", "outputs": {"rule": "r1", "n": 2}, "as": "done"},
        ),
        (("cancel", "r", "--no-undo"), {"action": "cancel", "no_undo": True}),
        (("cancel", "r", "apply"), {"action": "cancel_step", "step": "apply"}),
        (("set", "r", "a=1", "b=text"), {"action": "set_value", "with": {"a": 1, "b": "text"}}),
        (("revoke", "r"), {"action": "revoke"}),
        (("revoke", "r", "apply"), {"action": "revoke", "step": "apply"}),
        (
            ("extend-grant", "r", "apply", "--for", "2d"),
            {"action": "extend_grant", "step": "apply", "with": {"for": "2d"}},
        ),
        (("acknowledge", "r"), {"action": "acknowledge"}),
        (("acknowledge", "r", "apply"), {"action": "acknowledge", "step": "apply"}),
        (("migrate", "r"), {"action": "migrate", "with": {"digest": ""}}),
        (("migrate", "r", "--digest", "abc"), {"action": "migrate", "with": {"digest": "abc"}}),
        (("extend-grant", "r", "--for", "1bd"), {"action": "extend_grant", "with": {"for": "1bd"}}),
    ],
)
def test_operators_commands_send_their_action(hitl, service, words, sent) -> None:
    """Each command is one action, with reason, key and dry run."""
    service.on("POST /v1/runs/r/actions", {"status": "done", "reason": "", "changes": ["apply: skipped"], "key": "k"})

    done = hitl(*words, "--reason", "why not", "--dry-run", "--as", "gus")

    assert done.code == 0
    assert done.out.endswith(": done; apply: skipped\n")
    body = service.body()
    assert body.pop("key")
    assert {"no_undo": False, **body} == {"no_undo": False, "reason": "why not", "dry_run": True, **sent}


def test_there_is_a_command_for_every_action() -> None:
    """The table of the domain is the source of handlers, routes and commands."""
    there = set(typer.main.get_command(app).commands)

    assert COMMANDS.keys() == ACTIONS.keys()
    assert set(COMMANDS.values()) <= there


def test_every_action_has_a_reason_a_dry_run_and_a_key() -> None:
    """Whatever else it takes."""
    commands = typer.main.get_command(app).commands

    for name in COMMANDS.values():
        assert {"reason", "dry_run", "key"} <= {p.name for p in commands[name].params}


def test_an_action_is_sent_with_its_key_and_answered_as_json(hitl, service) -> None:
    """Sent again with the same key, it is done once."""
    service.on("POST /v1/runs/r/actions", {"status": "done", "reason": "", "changes": [], "key": "k"})

    assert hitl("skip", "r", "apply", "--key", "k", "--json").document["status"] == "done"
    assert (service.body()["key"], service.requests[-1].headers["Idempotency-Key"]) == ("k", "k")


def test_arguments_of_a_rerun_may_come_from_a_file(hitl, service, elsewhere) -> None:
    """Those of the command line go first."""
    service.on("POST /v1/runs/r/actions", {"status": "done", "reason": "", "changes": [], "key": "k"})
    (elsewhere / "args.yaml").write_text("port: 80\nhost: a\n")

    assert hitl("rerun", "r", "apply", "--input", "args.yaml", "-i", "port=443").code == 0
    assert service.body()["with"] == {"port": 443, "host": "a"}


@pytest.mark.parametrize(
    "words",
    [
        ("rerun", "r"),
        ("rerun", "r", "--from"),
        ("rerun", "r", "apply", "--all"),
        ("rerun", "r", "--failed", "--all"),
        ("start-step", "r"),
        ("tell", "r"),
    ],
    ids=" ".join,
)
def test_an_action_without_a_meaning_sends_nothing(hitl, service, words) -> None:
    """Exit 2, in one line."""
    done = hitl(*words)

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert not service.requests


def test_a_refused_action_is_exit_1(hitl, service) -> None:
    """Operators get receipts too."""
    service.on("POST /v1/runs/r/actions", (409, {"status": "closed", "reason": "the run has ended: completed"}))

    assert hitl("cancel", "r") == (1, "", "hitl: r: closed; the run has ended: completed\n")


def test_an_extension_that_people_are_asked_about_is_no_failure(hitl, service) -> None:
    """`asked` is exit 0, and says which approval it is."""
    asked = {"status": "asked", "reason": "", "changes": ["apply: 2d more asked for in r.apply.1.extend.1"], "key": "k"}
    service.on("POST /v1/runs/r/actions", (202, asked))

    done = hitl("extend-grant", "r", "apply", "--for", "2d", "--as", "ann")

    assert done == (0, "r apply: asked; apply: 2d more asked for in r.apply.1.extend.1\n", "")


def test_an_extension_without_a_time_is_a_wrong_command_line(hitl, service) -> None:
    """How much more time is not guessed."""
    assert hitl("extend-grant", "r", "apply").code == 2
    assert not service.requests


def test_no_undo_is_for_whole_runs(hitl, service) -> None:
    """A combination without a meaning is a wrong command line."""
    assert hitl("cancel", "r", "apply", "--no-undo").code == 2
    assert not service.requests


def test_what_waits_for_people_is_shown(hitl, service, a_run) -> None:
    """Who wants what, why, and where people agree; it counts as an open approval of the run."""
    wanted = {"approval": "r.op-1", "action": "cancel", "step": None, "actor": "gus", "reason": "late", "since": AT}
    service.on("GET /v1/runs/r", a_run("parked", proposals=[wanted]))
    reason = {"step": "", "state": "waiting", "reason": "answer", "by": ["r.op-1"], "releases": "an answer to r.op-1"}
    service.on("GET /v1/runs/r/why", [{**reason, "since": AT}])

    assert "cancel\t\tgus\tr.op-1\tlate\n" in hitl("show", "r").out
    assert hitl("why", "r").out == f"(run)\twaiting\tanswer\tr.op-1\tan answer to r.op-1\t{AT}\t\n"
    assert hitl("claim", "r").err == "hitl: 'r' is a run, not an approval; its open approvals: r.op-1\n"


def test_the_run_that_a_step_has_started_is_shown(hitl, service, a_run) -> None:
    """Where an ask has its approval."""
    steps = {"build": {"state": "running", "outcome": None, "outputs": {}, "run": "r.build.1"}}
    service.on("GET /v1/runs/r", a_run("running", steps=steps))

    assert "build\trunning\t\tr.build.1\t\n" in hitl("show", "r").out


# --- Many runs --------------------------------------------------------------------------------------------------------

MANY = "POST /v1/runs:actions"


def page(*receipts: tuple[str, str], following: str | None = None) -> dict[str, object]:
    """Return a window of receipts."""
    said = {"reason": "", "changes": ["run: held"], "key": "k"}
    items = [{"id": run, "status": status, **said} for run, status in receipts]
    return {"items": items, "next": following}


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        (("hold",), {"action": "hold"}),
        (("skip", "apply"), {"action": "skip", "step": "apply"}),
        (("rerun", "--failed"), {"action": "rerun", "as": "failed", "with": {}}),
        (("set", "v=1", "w=x"), {"action": "set_value", "with": {"v": 1, "w": "x"}}),
        (("cancel",), {"action": "cancel", "no_undo": False}),
        (("migrate",), {"action": "migrate", "with": {"digest": ""}}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_query_chooses_many_runs(hitl, service, words, sent) -> None:
    """What stands in place of the id belongs to the action; a line for each run, and how many there were."""
    service.on(MANY, page(("r1", "done"), ("r2", "done"), following="c"), page(("r3", "done")))

    done = hitl(*words, "--query", "flow=a.* state=parked", "-m", "why", "--dry-run", "--key", "k")

    assert (done.code, done.err) == (0, "3 runs, 0 refused\n")
    assert done.out == "".join(f"r{n}: done; run: held\n" for n in (1, 2, 3))
    assert service.body(0) == {"query": "flow=a.* state=parked", "reason": "why", "dry_run": True, **sent}
    assert service.body(1)["cursor"] == "c"
    assert {r.headers["Idempotency-Key"] for r in service.requests} == {"k"}


def test_one_refusal_of_many_is_exit_1(hitl, service) -> None:
    """And is told in its line; as JSON all are one document."""
    service.on(MANY, page(("r1", "done"), ("r2", "closed")))

    done = hitl("hold", "--visibility", "HitlFlow = 'a'")

    assert (done.code, done.out) == (1, "r1: done; run: held\n")
    assert done.err == "hitl: r2: closed; run: held\n2 runs, 1 refused\n"
    assert service.body()["visibility"] == "HitlFlow = 'a'"
    both = hitl("hold", "--query", "flow=a", "--json").document["receipts"]
    assert [receipt["id"] for receipt in both] == ["r1", "r2"]


def test_no_run_at_all_is_no_failure(hitl, service) -> None:
    """It is said."""
    service.on(MANY, page())

    assert hitl("hold", "--query", "flow=a") == (0, "", "no open run is like that\n")


def test_an_event_may_be_told_to_many(hitl, service) -> None:
    """Its type stands first."""
    service.on(MANY, page())

    assert hitl("tell", "com.example.done", "--query", "flow=a").code == 0
    assert service.body()["event"]["type"] == "com.example.done"


@pytest.mark.parametrize(
    "words",
    [
        ("hold",),
        ("hold", "r", "a", "--query", "flow=a"),
        ("skip", "--query", "flow=a"),
        ("hold", "--query", "flow=a", "--visibility", "x"),
        ("set", "--query", "flow=a"),
        ("set", "r"),
        ("event", "--query", "flow=a"),
    ],
    ids=" ".join,
)
def test_many_and_one_are_not_mixed(hitl, service, words) -> None:
    """Exit 2, in one line, and nothing is sent."""
    done = hitl(*words)

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert not service.requests
