"""What people change by hand of a job that is done again: what it is given, and, for operators, what it does.

Must not know: who changes it, which step it is of.
"""

import re
from collections.abc import Mapping
from typing import Final

from hitl_temporal.domain.expressions import as_text, is_secret
from hitl_temporal.domain.flow.job import Job, Prepared, Secret, check_script
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.words import found

INPUTS: Final = ("args", "env")
"""What may be changed of a job by whoever is asked what to do about its failure: what it is given, not what it does."""

_CHANGEABLE: Final = ("command", "script", *INPUTS, "cwd")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def changed(command: Prepared, given: Mapping[str, Json]) -> Prepared:
    """Return a job with what somebody gives by hand in place of what its document says; `env` name by name.

    No secret can be given, and a command that is given gets none: else whoever may do a job again could read them all.

    Raises:
        ValueError: It does not fit.
    """
    if strange := sorted(given.keys() - set(_CHANGEABLE)):
        raise ValueError(f"with: a job takes no {strange[0]!r}; it takes {', '.join(_CHANGEABLE)}")
    if given.keys() & {"command", "script"}:
        secret = next((v.secret for v in command.env.values() if isinstance(v, Secret)), None)
        if secret is not None:
            raise ValueError(
                f"with: what is run by hand gets no secrets, and this gets {secret!r}; change `args` or `env`"
            )
    new: dict[str, object] = {name: _listed(name, given[name]) for name in ("command", "args") if name in given}
    if "command" in given:
        new["script"] = None
    if "script" in given:
        new |= {"script": _plain("script", given["script"]), "command": ()}
        check_script(str(new["script"]))
    if "cwd" in given:
        new["cwd"] = None if given["cwd"] is None else _plain("cwd", given["cwd"])
    return command.but(**new, env=_with_variables(command.env, given.get("env", {})))


def unfit_change(job: Job, given: Mapping[str, Json]) -> str | None:
    """Return why what somebody gives by hand does not fit a job, None when it does."""
    secrets = {name: is_secret(value) for name, value in job.env.items() if isinstance(value, str)}
    known: dict[str, str | Secret] = {name: Secret(secret=secret) for name, secret in secrets.items() if secret}
    try:
        changed(Prepared(env=known), given)
    except ValueError as error:
        return str(error)
    return None


def _listed(name: str, value: Json) -> tuple[str, ...]:
    if not isinstance(value, list) or (name == "command" and not value):
        raise ValueError(f'with.{name}: {found(value)} is no list of words; write ["a", "b"]')
    return tuple(_plain(name, word) for word in value)


def _plain(name: str, value: Json) -> str:
    if not isinstance(value, str | int | float):
        raise ValueError(f"with.{name}: {found(value)} is no text; write one")  # noqa: TRY004 - a person's fault
    if "\0" in (text := as_text(value)):
        raise ValueError(f"with.{name}: a text with a NUL in it can be given to no process; leave it out")
    return text


def _with_variables(env: Mapping[str, str | Secret], given: Json) -> dict[str, str | Secret]:
    if not isinstance(given, dict):
        raise ValueError(f"with.env: {found(given)} is no map of variables; write {{NAME: value}}")  # noqa: TRY004 - likewise
    for name in given:
        if not _NAME.fullmatch(name) or name.startswith("HITL_"):
            raise ValueError(f"with.env: {name[:100]!r} can't be a variable; choose another name")
    texts = {name: _plain(f"env.{name}", value) for name, value in given.items() if value is not None}
    return {**{name: value for name, value in env.items() if name not in given}, **texts}
