"""The document of a job: a command or a script that a machine runs, under `run:` in a step.

No shell is between: a command that is one text is split as a shell would split it, *before* its expressions are put
in, so that a value is one argument whatever it holds. `prepare` puts them in.

Must not know: processes, files, the values of secrets.
"""

import re
import shlex
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    WithJsonSchema,
    model_validator,
)

from hitl_temporal.domain import sizes
from hitl_temporal.domain.approval.notation import Template, TextTemplate
from hitl_temporal.domain.blobs import advice, reference_in
from hitl_temporal.domain.duration import Duration, DurationError, fixed
from hitl_temporal.domain.expressions import ExpressionError, as_text, checked, is_secret, pieces, render, secrets_in
from hitl_temporal.domain.fault import fault
from hitl_temporal.domain.flow import outputs
from hitl_temporal.domain.value import Document, Json, Value
from hitl_temporal.domain.words import found

__all__ = ["MAX_LOG_BYTES", "POOL", "Job", "Prepared", "Secret", "is_pool", "prepare"]

MAX_LOG_BYTES: Final = 1024 * 1024
"""Of each stream: a log stays in the run's history, and Temporal takes 2 MiB in one message."""
_MAX_GRACE = timedelta(minutes=10)
_SHELL = frozenset({"|", "||", "&", "&&", ";", "<", ">", ">>", "2>", "2>&1", "&>"})
"""Words that mean something to a shell alone: who writes one believes that a shell runs."""
POOL: Final = r"^[a-z][a-z0-9-]{0,99}$"
"""What the name of a pool is like."""
_MARK = re.compile("\ue000([0-9]+)\ue001")


def is_pool(name: str) -> bool:
    """Tell whether a pool may be called so."""
    return re.fullmatch(POOL, name) is not None


def _is_within(path: str) -> bool:
    return not path.startswith("/") and ".." not in path.split("/")


def _script(text: str) -> str:
    if "{{" not in text:
        check_script(text)
    return text


def check_script(text: str) -> None:
    """Raise `ValueError` when a text can't be a file of the project."""
    if not text.strip() or not _is_within(text):
        raise ValueError(f"{found(text)} is no file of the project; write its path below the project's folder")


def _argv(command: str) -> tuple[str, ...]:
    """Split a command as a shell would, each expression staying where it stands.

    Raises:
        ValueError: A quote is open, or a shell would be needed.
    """
    if _MARK.search(command):
        raise ValueError("the command holds characters of private use; leave them out")
    expressions: list[str] = []
    marked = ""
    for piece, is_expression in _pieces(command):
        marked += f"\ue000{len(expressions)}\ue001" if is_expression else piece
        expressions += [piece] if is_expression else []
    try:
        words = shlex.split(marked)
    except ValueError as error:
        raise ValueError(f"{found(command)} can't be split into arguments ({error}); close its quotes") from error
    if shell := next((w for w in words if w in _SHELL), None):
        raise ValueError(f'{shell!r} is for a shell, and none runs; write a script, or ["sh", "-c", "..."]')
    return tuple(_MARK.sub(lambda m: expressions[int(m[1])], word) for word in words)


def _pieces(text: str) -> tuple[tuple[str, bool], ...]:
    """Return a text in pieces, its expressions checked.

    A union of a list and a text would tell of the list when it is the expression that is wrong.

    Raises:
        ValueError: One of them is wrong.
    """
    try:
        found_pieces = pieces(text)
    except ExpressionError as error:
        raise ValueError(str(error)) from error
    for piece, is_expression in found_pieces:
        if is_expression:
            checked(piece[2:-2])
    return found_pieces


def _command(value: str | tuple[str | float, ...]) -> str | tuple[str | float, ...]:
    words = _argv(value) if isinstance(value, str) else value
    if not words or not as_text(words[0]).strip():
        raise ValueError('the command names no program; write it as "program argument" or ["program", "argument"]')
    return value


def _args(value: object) -> object:
    match value:
        case str():
            if names := secrets_in(value.strip()):
                raise ValueError(_seen(names[0]))
            if [is_expression for piece, is_expression in _pieces(value.strip()) if piece] != [True]:
                raise ValueError("`args` is a list; write [a, b], or one expression that gives a list")
            return value
        case _:
            return value


def _seen(secret: str) -> str:
    return f"the secret {secret!r} would be seen by all who list processes; put it in `env`"


def _log_limit(value: str | int) -> str | int:
    if not 1 <= sizes.parse(value) <= MAX_LOG_BYTES:
        raise ValueError(f"{found(value)} is no limit of a log; write 1 to {MAX_LOG_BYTES}, such as 64KB")
    return value


def _grace(text: str) -> str:
    length = fixed(text)
    if length is None:
        raise DurationError(f"{text!r} counts working time, which a process does not; write it in s or m")
    if length > _MAX_GRACE:
        raise DurationError(f"{text!r} is longer than {_MAX_GRACE.seconds // 60}m; a cancelled job has to end")
    return text


def _rule(text: str) -> str:
    outputs.read(text)
    return text


Word = TextTemplate | StrictBool | StrictInt | StrictFloat
"""One argument; what an expression gives is one argument, too, a list as JSON."""
Words = Annotated[tuple[Word, ...], Field(max_length=1_000)]
EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=200)]
OutputName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]
Rule = Annotated[str, AfterValidator(_rule)]
Size = Annotated[
    StrictInt | str,
    AfterValidator(_log_limit),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_LOG_BYTES},
                {"type": "string", "pattern": f"^{sizes.PATTERN}$", "examples": ["64KB", "1MB"]},
            ]
        }
    ),
]


class Job(Document):
    """A command or a script, with what it is given and what it gives."""

    command: Annotated[Words | str, AfterValidator(_command)] | None = None
    """A program with its arguments: a list, or a text that is split as a shell would. No shell runs."""
    script: Annotated[TextTemplate, AfterValidator(_script)] | None = None
    """A file of the project, by its path below the project's folder."""
    args: Annotated[Words | str, BeforeValidator(_args)] = ()
    """Further arguments: a list, or one expression that gives a list."""
    env: dict[EnvironmentName, Template] = Field(default_factory=dict)
    """Variables beside the few that are inherited; a value may be wholly `{{secret('name')}}`. Null: not set."""
    cwd: TextTemplate | None = None
    """Where it runs, from the project's folder on; None: there."""
    pool: Annotated[str, Field(pattern=POOL)] | None = None
    """The agents that may run it; None: any worker."""
    outputs: dict[OutputName, Rule] = Field(default_factory=dict)
    """Name to JSON path (`$.rows`) or regular expression (`/rows: ([0-9]+)/`), over stdout."""
    log_limit: Size = "64KB"
    """How much of the end of stdout, and as much of stderr, is kept; at most 1 MB."""
    idempotent: StrictBool = False
    """Whether running it twice does no harm: then it is run again when its agent is lost."""
    grace: Annotated[Duration, AfterValidator(_grace)] = "10s"
    """Between SIGTERM and SIGKILL when it is cancelled."""

    @property
    def log_limit_bytes(self) -> int:
        """The limit of each stream, in bytes."""
        return sizes.parse(self.log_limit)

    @property
    def grace_time(self) -> timedelta:
        """How long it has to end by itself when it is cancelled."""
        length = fixed(self.grace)
        assert length is not None, "checked when it was read"
        return length

    @property
    def words(self) -> tuple[str | float, ...]:
        """The templates of the command's words, the program first; none of a script."""
        match self.command:
            case None:
                return ()
            case str() as text:
                return _argv(text)
            case words:
                return words

    @model_validator(mode="after")
    def _sound(self) -> "Job":
        written = [key for key in ("command", "script") if getattr(self, key) is not None]
        if not written:
            raise fault("the job runs nothing; write `command` or `script`")
        if len(written) > 1:
            raise fault("the job has `command` and `script`; write one of them", "script")
        for key in ("command", "script", "args", "cwd"):
            value: Json = self.model_dump(mode="json").get(key)
            if names := secrets_in(value):
                raise fault(_seen(names[0]), key)
        for name, value in self.env.items():
            if name.startswith("HITL_"):
                raise fault(f"{name!r}: variables that begin with HITL_ are ours; choose another name", "env", name)
            if not isinstance(value, str) and secrets_in(value):
                raise fault(f"{name!r}: a secret is a whole value; write {{{{secret('name')}}}} alone", "env", name)
        return self


class Secret(Value):
    """The name of a secret; whoever runs the job knows its value."""

    secret: str


class Prepared(Value):
    """A job with its expressions replaced: what a machine needs to run it.

    Attributes:
        command: Program and arguments; empty: a script.
        script: The file, from the project's folder on; None: a command.
        args: Further arguments.
        env: Variables: texts, and names of secrets.
        cwd: Where it runs, from the project's folder on; None: there.
        outputs: The rules, as written.
        log_limit_bytes: Of each stream.
        grace: Between SIGTERM and SIGKILL.
    """

    command: tuple[str, ...] = ()
    script: str | None = None
    args: tuple[str, ...] = ()
    env: dict[str, str | Secret] = Field(default_factory=dict)
    cwd: str | None = None
    outputs: dict[str, str] = Field(default_factory=dict)
    log_limit_bytes: int = 64 * 1024
    grace: timedelta = timedelta(seconds=10)


def prepare(job: Job, scope: Mapping[str, Json]) -> Prepared:
    """Return a job with its expressions replaced by what they give over a scope.

    Secrets are told from the document alone: a value that reads `{{secret('x')}}` is a text like any other.

    Raises:
        ExpressionError: One fails, or gives what a process can't be given.
    """
    return Prepared(
        command=tuple(_text(word, scope) for word in job.words),
        script=None if job.script is None else _script_in(job.script, scope),
        args=_arguments(job.args, scope),
        env=_environment(job.env, scope),
        cwd=None if job.cwd is None else _text(job.cwd, scope),
        outputs=job.outputs,
        log_limit_bytes=job.log_limit_bytes,
        grace=job.grace_time,
    )


def _script_in(template: str, scope: Mapping[str, Json]) -> str:
    script = _text(template, scope)
    try:
        check_script(script)
    except ValueError as error:
        raise ExpressionError(template, str(error)) from error
    return script


def _arguments(args: tuple[str | float, ...] | str, scope: Mapping[str, Json]) -> tuple[str, ...]:
    if isinstance(args, tuple):
        return tuple(_text(arg, scope) for arg in args)
    given = render(args.strip(), scope)
    if not isinstance(given, list):
        raise ExpressionError(args, f"gives {found(given)} where a list of arguments is wanted")
    return tuple(_fit(args, item) for item in given)


def _environment(env: Mapping[str, Json], scope: Mapping[str, Json]) -> dict[str, str | Secret]:
    variables: dict[str, str | Secret] = {}
    for name, template in env.items():
        if isinstance(template, str) and (secret := is_secret(template)):
            variables[name] = Secret(secret=secret)
        elif (value := render(template, scope)) is not None:
            variables[name] = _fit(template, value)
    return variables


def _text(template: Json, scope: Mapping[str, Json]) -> str:
    return _fit(template, render(template, scope))


def _fit(template: Json, value: Json) -> str:
    """Return a value as a text that a process can be given."""
    if (kept := reference_in(value)) is not None:
        raise ExpressionError(as_text(template), advice("what it gives", kept))
    text = as_text(value)
    if "\0" in text:
        raise ExpressionError(as_text(template), "gives a text with a NUL in it, which no process can be given")
    return text
