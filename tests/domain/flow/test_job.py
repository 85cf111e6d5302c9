"""The document of a job: what it may say, and what a machine is given of it."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.expressions import ExpressionError
from hitl_temporal.domain.flow.job import Job, Prepared, Secret, prepare

SCOPE: dict[str, Any] = {
    "inputs": {
        "name": "a b'; rm -rf /",
        "n": 3.0,
        "hosts": ["x", 2, "y z"],
        "none": None,
        "nul": "a\0b",
        "half": "\ud800",
    }
}


def prepared(**written: Any) -> Prepared:
    """Return what a machine is given of a job."""
    return prepare(Job.model_validate(written), SCOPE)


def problem(**written: Any) -> str:
    """Return the one problem of a document."""
    with pytest.raises(ValidationError) as caught:
        Job.model_validate(written)
    return str(caught.value.errors()[0]["msg"])


def failure(**written: Any) -> str:
    """Return why a sound document can't be prepared on these values."""
    with pytest.raises(ExpressionError) as caught:
        prepared(**written)
    return str(caught.value)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("load", ("load",)),
        ("load --from 'a b' \"c d\"", ("load", "--from", "a b", "c d")),
        ("load {{inputs.name}}", ("load", "a b'; rm -rf /")),
        ("load \"hello {{ inputs.name + '!' }}\"", ("load", "hello a b'; rm -rf /!")),
        ("load {{inputs.n}} --hosts={{inputs.hosts}}", ("load", "3", '--hosts=["x",2,"y z"]')),
        (["load", "a b", 3, True, "{{inputs.n}}", "{{inputs.none}}", "|"], ("load", "a b", "3", "true", "3", "", "|")),
        ('echo "a | b" a\\ b', ("echo", "a | b", "a b")),
    ],
)
def test_a_value_is_one_argument_whatever_it_holds(command: Any, words: tuple[str, ...]) -> None:
    """A text is split before its expressions are put in."""
    assert prepared(command=command).command == words


def test_arguments_are_a_list_or_an_expression_that_gives_one() -> None:
    """Each item is one argument."""
    assert prepared(script="x.sh", args=["-n", 3, "{{inputs.n}}"]).args == ("-n", "3", "3")
    assert prepared(script="x.sh", args=" {{inputs.hosts}} ").args == ("x", "2", "y z")


def test_a_variable_is_a_text_a_secret_or_left_out() -> None:
    """Null leaves it out; a value that only reads like a secret is a text."""
    env = {
        "A": "{{secret('db')}}",
        "B": "{{inputs.n}}",
        "C": "{{inputs.none}}",
        "D": "n={{inputs.n}}",
        "E": "{{inputs.trick}}",
    }
    scope = {"inputs": {**SCOPE["inputs"], "trick": "{{secret('db')}}"}}
    given = prepare(Job.model_validate({"command": "x", "env": env}), scope).env
    assert given == {"A": Secret(secret="db"), "B": "3", "D": "n=3", "E": "{{secret('db')}}"}


def test_everything_has_a_default() -> None:
    """64 KiB of log, ten seconds of grace, not idempotent, in the project's folder."""
    job = Job.model_validate({"command": "x"})
    assert (job.idempotent, job.pool) == (False, None)
    assert prepare(job, {}) == Prepared(command=("x",), log_limit_bytes=65_536, grace=timedelta(seconds=10))


def test_what_is_written_is_passed_on() -> None:
    """Templates in the place and the file, rules and limits as they are."""
    job = prepared(
        script="jobs/load-{{inputs.n}}.sh", cwd="d{{inputs.n}}", outputs={"rows": "$.rows"}, log_limit="1KB", grace="1m"
    )
    assert job == Prepared(
        script="jobs/load-3.sh",
        cwd="d3",
        outputs={"rows": "$.rows"},
        log_limit_bytes=1024,
        grace=timedelta(minutes=1),
    )


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({}, "the job runs nothing; write `command` or `script`"),
        ({"command": "a", "script": "b"}, "the job has `command` and `script`; write one of them"),
        ({"command": ""}, "the command names no program"),
        ({"command": []}, "the command names no program"),
        ({"command": [" ", "a"]}, "the command names no program"),
        ({"command": "a | b"}, "'|' is for a shell, and none runs"),
        ({"command": "a 2>&1"}, "'2>&1' is for a shell"),
        ({"command": "a 'b"}, "close its quotes"),
        ({"command": "a \ue0000\ue001"}, "private use"),
        ({"command": "a {{b"}, "not closed"),
        ({"command": "a {{secret('x')}}"}, "allowed only as a whole value"),
        ({"command": ["a", "{{secret('x')}}"]}, "the secret 'x' would be seen by all who list processes"),
        ({"command": "a", "args": ["{{secret('x')}}"]}, "put it in `env`"),
        ({"command": "a", "cwd": "{{secret('x')}}"}, "put it in `env`"),
        (
            {"command": "a", "env": {"A": ["{{secret('x')}}"]}},
            "a secret is a whole value; write {{secret('name')}} alone",
        ),
        ({"command": "a", "env": {"HITL_KEY": "x"}}, "variables that begin with HITL_ are ours"),
        ({"command": "a", "env": {"A-B": "x"}}, "should match pattern"),
        ({"command": "a", "args": "b c"}, "`args` is a list"),
        ({"command": "a", "args": "{{inputs.x}} {{inputs.y}}"}, "`args` is a list"),
        ({"command": "a", "args": "{{inputs.x +}}"}, "is not CEL"),
        ({"command": "a", "args": " {{secret('x')}} "}, "put it in `env`"),
        ({"command": "a", "args": 3}, "valid tuple"),
        ({"script": "../x"}, "'../x' is no file of the project"),
        ({"script": "/bin/x"}, "is no file of the project"),
        ({"script": " "}, "is no file of the project"),
        ({"command": "a", "log_limit": "2MB"}, "is no limit of a log; write 1 to 1048576"),
        ({"command": "a", "log_limit": 0}, "is no limit of a log"),
        ({"command": "a", "log_limit": "much"}, "is not a size"),
        ({"command": "a", "grace": "1bh"}, "counts working time"),
        ({"command": "a", "grace": "11m"}, "longer than 10m"),
        ({"command": "a", "outputs": {"a": "$..b"}}, "is no path"),
        ({"command": "a", "outputs": {"a b": "$.b"}}, "should match pattern"),
        ({"command": "a", "pool": "Big"}, "should match pattern"),
        ({"command": "a", "idempotent": "yes"}, "valid boolean"),
        ({"command": "a", "shell": True}, "Extra inputs are not permitted"),
    ],
)
def test_a_mistake_is_told_when_the_document_is_read(written: dict[str, Any], says: str) -> None:
    """With how to mend it."""
    assert says in problem(**written)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({"command": "a {{inputs.gone}}"}, "gone"),
        ({"command": "a {{inputs.nul}}"}, "a NUL in it"),
        ({"command": "a", "args": "{{inputs.n}}"}, "gives the number 3.0 where a list of arguments is wanted"),
        ({"script": "{{inputs.name}}/../../x"}, "is no file of the project"),
    ],
)
def test_what_a_process_can_not_be_given_fails_before_it_starts(written: dict[str, Any], says: str) -> None:
    """As any expression that fails: the step parks with its text."""
    assert says in failure(**written)


def test_a_document_survives_a_journey() -> None:
    """It is passed on as written."""
    written = {"command": ["a", 1, "{{inputs.n}}"], "args": [True], "env": {"A": 1}, "log_limit": "1KB"}
    job = Job.model_validate(written)
    assert Job.model_validate_json(job.model_dump_json()) == job
    assert job.model_dump(mode="json") == written
    assert Prepared.model_validate_json(prepare(job, SCOPE).model_dump_json()) == prepare(job, SCOPE)
