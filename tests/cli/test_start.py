"""`hitl start` and `hitl wait`: what goes where, and what the end of a run means."""

import io

import httpx
import pytest

FLOW = {
    "name": "hello",
    "inputs": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "port": {"type": "integer"},
            "weight": {"type": "number"},
            "fast": {"type": "boolean"},
            "tags": {"type": "array"},
        },
    },
}
STARTED = (201, {"id": "r", "url": "http://127.0.0.1:8080/v1/runs/r"})
WAITING = {"approve": {"state": "waiting", "outcome": None, "outputs": {}, "approval": "r.approve.1"}}


def test_start_prints_the_id_alone(hitl, service) -> None:
    """Stdout is what a script takes on."""
    service.on("POST /v1/flows/hello/runs", STARTED)

    outcome = hitl("start", "hello", "--as", "ann")

    assert outcome == (0, "r\n", "")
    assert service.requests[-1].headers["Authorization"] == "Bearer dev:ann"


def test_start_with_json_prints_the_whole_answer(hitl, service) -> None:
    """`--json` may stand before the command."""
    service.on("POST /v1/flows/hello/runs", STARTED)

    assert hitl("--json", "start", "hello").document == STARTED[1]


def test_inputs_are_sent_in_the_types_that_the_flow_declares(hitl, service) -> None:
    """The flow's schema says what a text on the command line means."""
    service.on("GET /v1/flows/hello", FLOW).on("POST /v1/flows/hello/runs", STARTED)

    hitl(
        "start", "hello", "-i", "name=5", "-i", "port=443", "-i", "weight=1.5", "-i", "fast=TRUE", "-i", 'tags=["a=b"]'
    )

    assert service.body()["inputs"] == {"name": "5", "port": 443, "weight": 1.5, "fast": True, "tags": ["a=b"]}


@pytest.mark.parametrize("given", ["port=abc", "weight=nan", "fast=perhaps", "tags=[", "unknown=1"])
def test_a_value_that_does_not_fit_is_left_to_the_server_to_judge(hitl, service, given) -> None:
    """One judge of inputs, one wording: the text goes as it is, and the server's sentence comes back."""
    problem = (
        422,
        {"title": "The request does not fit", "status": 422, "detail": "input 'port': 'abc' is not a number"},
    )
    service.on("GET /v1/flows/hello", FLOW).on("POST /v1/flows/hello/runs", problem)

    outcome = hitl("start", "hello", "-i", given)

    assert outcome == (1, "", "hitl: input 'port': 'abc' is not a number\n")
    name, _, value = given.partition("=")
    assert service.body()["inputs"] == {name: value}


def test_inputs_come_from_a_file_and_single_ones_go_first(hitl, service, tmp_path) -> None:
    """A file of YAML, with one value replaced."""
    service.on("GET /v1/flows/hello", FLOW).on("POST /v1/flows/hello/runs", STARTED)
    (tmp_path / "in.yaml").write_text("port: 80\nname: Ann\n")

    hitl("start", "hello", "--input", "in.yaml", "-i", "port=443")

    assert service.body()["inputs"] == {"port": 443, "name": "Ann"}


def test_inputs_come_from_stdin(hitl, service, monkeypatch) -> None:
    """`-` is stdin."""
    service.on("POST /v1/flows/hello/runs", STARTED)
    monkeypatch.setattr("sys.stdin", io.StringIO('{"port": 80}'))

    hitl("start", "hello", "--input", "-")

    assert service.body()["inputs"] == {"port": 80}


@pytest.mark.parametrize(
    "wrong",
    [
        ("-i", "port"),
        ("-i", "=443"),
        ("--input", "nowhere.json"),
        ("--input", "list.json"),
        ("--timeout", "soon"),
        ("--timeout", "2bd"),
        ("--unknown",),
        ("one", "too many"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_2(hitl, service, tmp_path, wrong) -> None:
    """It is found before anything is sent."""
    (tmp_path / "list.json").write_text("[1]")

    outcome = hitl("start", "hello", *wrong)

    assert outcome.code == 2
    assert outcome.err.startswith("hitl: ")
    assert outcome.err.count("\n") == 1
    assert not service.requests


def test_an_id_must_be_free_so_no_key_is_made_for_it(hitl, service) -> None:
    """With a key made here an id in use could look like the run just started."""
    service.on("POST /v1/flows/hello/runs", (409, {"status": 409, "detail": "id 'r' is in use"}))

    outcome = hitl("start", "hello", "--id", "r")

    assert outcome == (1, "", "hitl: id 'r' is in use\n")
    assert "Idempotency-Key" not in service.requests[-1].headers


def test_without_an_id_a_key_is_made_and_a_given_one_is_kept(hitl, service) -> None:
    """A start that is repeated on the wire starts one run."""
    service.on("POST /v1/flows/hello/runs", STARTED)

    hitl("start", "hello")
    hitl("start", "hello", "--key", "k")

    assert service.requests[0].headers["Idempotency-Key"]
    assert service.requests[1].headers["Idempotency-Key"] == "k"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("completed", 0),
        ("failed", 1),
        ("cancelled", 1),
        ("terminated", 1),
        ("rejected", 3),
        ("expired", 3),
        ("withdrawn", 3),
    ],
)
def test_the_exit_code_says_how_the_run_ended(hitl, service, a_run, status, code) -> None:
    """Stdout is the result alone, the id goes to stderr."""
    service.on("POST /v1/flows/hello/runs", STARTED).on("GET /v1/runs/r", a_run("running"), a_run(status))

    outcome = hitl("start", "hello", "--wait")

    assert outcome.code == code
    assert outcome.err == "r\n"
    assert outcome.document == {
        name: a_run(status)[name] for name in ("status", "outputs", "steps", "evidence", "reason")
    }


def test_a_run_that_was_refused_at_its_start_says_why(hitl, service) -> None:
    """There is no result, so the refusal stands in its place."""
    refusal = {
        "id": "r",
        "flow": "hello",
        "status": "failed",
        "type": "InvalidInput",
        "reason": "input 'name' is missing",
    }
    service.on("GET /v1/runs/r", refusal)

    outcome = hitl("wait", "r")

    assert outcome.code == 1
    assert outcome.document == refusal
    assert outcome.err == "hitl: r has ended failed: input 'name' is missing\n"


def test_a_parked_step_ends_the_wait_with_its_reason(hitl, service, a_run) -> None:
    """Somebody has to see to it: exit 4."""
    steps = {"apply": {"state": "parked", "outcome": None, "outputs": {}, "reason": "no such table"}}
    service.on("GET /v1/runs/r", a_run("parked", steps=steps))

    outcome = hitl("wait", "r")

    assert outcome.code == 4
    assert outcome.document["status"] == "parked"
    assert "apply: no such table" in outcome.err
    assert "hitl why r" in outcome.err


def test_a_parked_approval_ends_the_wait_though_its_run_is_waiting(hitl, service, a_run) -> None:
    """A run whose question nobody may answer does not move either."""
    approval = {
        "id": "r.approve.1",
        "state": "parked",
        "stages": [{"name": "s", "state": "parked", "reason": "nobody"}],
    }
    service.on("GET /v1/runs/r", a_run("waiting", steps=WAITING)).on("GET /v1/approvals/r.approve.1", approval)

    outcome = hitl("wait", "r")

    assert outcome.code == 4
    assert "r waits for r.approve.1, which is parked: nobody" in outcome.err
    assert "reassigning" in outcome.err
    service.on("GET /v1/approvals/r.approve.1", {**approval, "stages": [], "reason": "no row holds"})
    outcome = hitl("wait", "r")
    assert "which is parked: no row holds; released by its requester changing it" in outcome.err
    assert "reassign" not in outcome.err, "without a stage there is no place to give away"


def test_wait_parked_goes_on_waiting(hitl, service, a_run) -> None:
    """With `--wait-parked` only the end is awaited, by long polls."""
    steps = {"apply": {"state": "parked", "outcome": None, "outputs": {}, "reason": "no such table"}}
    service.on("GET /v1/runs/r", a_run("parked", steps=steps), a_run("parked", steps=steps), a_run())

    assert hitl("wait", "r", "--wait-parked").code == 0
    assert [r.url.params["wait"] for r in service.requests] == ["1s", "30s", "30s"]


def test_a_timeout_ends_the_wait_and_says_how_to_go_on(hitl, service, a_run) -> None:
    """Stdout then is how far the run has come."""
    service.on("GET /v1/runs/r", a_run("waiting", steps=WAITING))
    service.on("GET /v1/approvals/r.approve.1", {"id": "r.approve.1", "state": "open"})

    outcome = hitl("wait", "r", "--timeout", "12s")

    assert outcome.code == 5
    assert outcome.document["status"] == "waiting"
    assert "hitl wait r" in outcome.err
    assert service.now == pytest.approx(12, abs=1)


def test_a_timeout_or_wait_parked_means_waiting(hitl, service, a_run) -> None:
    """Neither makes sense without `--wait`, so it need not be written."""
    service.on("POST /v1/flows/hello/runs", STARTED).on("GET /v1/runs/r", a_run())

    assert hitl("start", "hello", "--timeout", "1m").document["status"] == "completed"
    assert hitl("start", "hello", "--wait-parked").document["status"] == "completed"


def test_a_wait_outlives_a_restart_of_the_service(hitl, service, a_run) -> None:
    """A killed worker or service does not end a wait of days."""
    gone, busy = httpx.ConnectError("refused"), (503, {"status": 503, "detail": "no worker answers"})
    service.on("GET /v1/runs/r", *[busy] * 20, a_run("running"), *[gone] * 20, a_run())

    outcome = hitl("wait", "r")

    assert outcome.code == 0
    assert outcome.err.count("still waiting for r") == 2


def test_a_wait_gives_a_silent_service_up_in_the_end(hitl, service, a_run) -> None:
    """After five minutes of silence the line says what to set."""
    service.on("GET /v1/runs/r", a_run("running"), httpx.ConnectError("refused"))

    outcome = hitl("wait", "r")

    assert outcome.code == 1
    assert "set HITL_URL" in outcome.err
    assert 300 < service.now < 330


def test_a_service_that_was_never_there_is_not_waited_for(hitl, service) -> None:
    """A wrong address is told within seconds."""
    service.on("GET /v1/runs/r", httpx.ConnectError("refused"))

    assert hitl("wait", "r").code == 1
    assert service.now < 10


def test_a_timeout_also_ends_a_wait_for_a_silent_service(hitl, service, a_run) -> None:
    """`--timeout` is kept whatever happens."""
    service.on("GET /v1/runs/r", a_run("running"), httpx.ConnectError("refused"))

    assert hitl("wait", "r", "--timeout", "20s").code == 5


def test_a_service_that_holds_nothing_back_is_not_asked_without_pause(hitl, service, a_run, monkeypatch) -> None:
    """A service that ignores `wait` is asked once a second."""
    monkeypatch.setattr(type(service), "now", property(lambda s: s.slept, lambda s, to: None), raising=False)
    service.slept = 0.0
    pauses = []
    monkeypatch.setattr(type(service), "sleep", lambda _, seconds: pauses.append(seconds))
    service.on("GET /v1/runs/r", *[a_run("running")] * 3, a_run())

    assert hitl("wait", "r").code == 0
    assert pauses == [1.0] * 3
