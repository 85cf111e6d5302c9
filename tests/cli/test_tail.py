"""`hitl tail`: what is with workers, and what a command writes while it runs."""

import pytest

from hitl_temporal.cli.tailing import fresh

COMMAND = {
    "step": "load",
    "call": "hitl.run_command",
    "state": "running",
    "attempt": 1,
    "attempts": 1,
    "since": "2026-03-02T09:00:00Z",
    "again": None,
    "worker": "7@batch",
    "error": "",
    "stdout": "one\ntwo\n",
    "stderr": "",
    "written_bytes": 8,
    "beat": "2026-03-02T09:00:01Z",
}
CALL = {
    **COMMAND,
    "step": "post[1].journal",
    "call": "sap.post",
    "state": "queued",
    "attempt": 3,
    "attempts": 5,
    "again": "2026-03-02T09:01:00Z",
    "error": "busy",
    "stdout": None,
    "stderr": None,
}


def test_what_is_with_workers_is_listed(hitl, service) -> None:
    """With its attempts, when it is tried again, who has it, and why it failed."""
    service.on("GET /v1/runs/r/jobs", [COMMAND, CALL])
    rows = [row.split("\t") for row in hitl("tail", "r").out.splitlines()]
    assert rows == [
        ["load", "hitl.run_command", "running", "1 of 1", "2026-03-02T09:00:00Z", "7@batch", ""],
        ["post[1].journal", "sap.post", "queued", "3 of 5", "2026-03-02T09:01:00Z", "7@batch", "busy"],
    ]
    service.on("GET /v1/runs/r/jobs", [COMMAND | {"new_in_2030": 1}])
    assert hitl("tail", "r", "--json").document == [COMMAND | {"new_in_2030": 1}]
    service.on("GET /v1/runs/r/jobs", [])
    assert "hitl why r" in hitl("tail", "r").err


def test_the_end_of_what_a_command_has_written(hitl, service) -> None:
    """Its stdout to ours, its stderr to ours; nothing in it reaches the terminal as a command."""
    service.on("GET /v1/runs/r/jobs", [COMMAND | {"stdout": "a\x1b[2Jb\n", "stderr": "careful\n"}])
    done = hitl("tail", "r", "load")
    assert (done.code, done.err) == (0, "careful\n")
    assert "\x1b" not in done.out
    assert hitl("tail", "r", "load", "--json").document["step"] == "load"


def test_a_command_is_followed_to_its_end(hitl, service) -> None:
    """Each line once, also when the beginning has been dropped; then where to look."""
    later = COMMAND | {"stdout": "two\nthree\n"}
    service.on("GET /v1/runs/r/jobs", [COMMAND], [later], [later], [])
    done = hitl("tail", "r", "load", "-f")
    assert done.out == "one\ntwo\nthree\n"
    assert "hitl show r" in done.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("r", "-f"), "hitl tail ID STEP -f"),
        (("r", "load", "-f", "--json"), "leave --json out"),
        (("r", "nobody"), "no command of step 'nobody' is with a worker now"),
        (("r", "post[1].journal"), "calls sap.post"),
        (("r", "silent"), "not for you to see"),
        (("r", "queued"), "has not begun"),
    ],
)
def test_what_can_not_be_followed_is_said(hitl, service, words: tuple[str, ...], says: str) -> None:
    """With what to do instead."""
    silent = COMMAND | {"step": "silent", "stdout": None}
    service.on("GET /v1/runs/r/jobs", [COMMAND, CALL, silent, silent | {"step": "queued", "state": "queued"}])
    done = hitl("tail", *words)
    assert done.code != 0
    assert says in done.err


def test_what_is_new_of_two_ends() -> None:
    """The later one begins within the first, goes on after it, or has lost the way to it."""
    assert fresh("", "abc") == "abc"
    assert fresh("abc", "abcd") == "d"
    assert fresh("abcabc", "bcabcx") == "x"
    assert fresh("abc", "abc") == ""
    assert fresh("abc", "xyz") == "\n[...]\nxyz"
    assert fresh("abc", "") == ""
