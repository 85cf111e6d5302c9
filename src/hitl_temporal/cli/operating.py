"""What operators do to a run: `hitl hold`, `skip`, `rerun`, `cancel` and the others.

One command for each action of the table in the domain; a test compares them.
"""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_temporal.cli import values
from hitl_temporal.cli.acting import Deed, acts
from hitl_temporal.cli.errors import UsageError

if TYPE_CHECKING:
    from hitl_temporal.domain.value import Json

app = typer.Typer()

COMMANDS: Mapping[str, str] = {
    "hold": "hold",
    "release": "release",
    "start_step": "start-step",
    "skip": "skip",
    "finish": "finish",
    "rerun": "rerun",
    "cancel_step": "cancel",
    "cancel": "cancel",
    "set_value": "set",
    "event": "tell",
    "revoke": "revoke",
    "extend_grant": "extend-grant",
    "migrate": "migrate",
    "acknowledge": "acknowledge",
}
"""The command of each action."""


@acts(app, on="step or run")
def hold(deed: Deed) -> int:
    """Let nothing new start, in a run or of a step; what runs goes on."""
    return deed.do("hold")


@acts(app, on="step or run")
def release(deed: Deed) -> int:
    """End a hold."""
    return deed.do("release")


@acts(app, on="step or run")
def acknowledge(deed: Deed) -> int:
    """Say that you look at what people are told about: nobody else is told any more."""
    return deed.do("acknowledge")


@acts(app, "start-step", on="step")
def start_step(
    deed: Deed,
    *,
    waive: Annotated[
        list[str] | None,
        typer.Option(
            "--waive",
            metavar="REASON",
            help="What it waits for no longer, as `hitl why` names it: predecessor, time, calendar, blackout, "
            "resource, pool, hold, answer, event; as often as needed. Default: all but predecessor and resource.",
        ),
    ] = None,
) -> int:
    """Let a step begin although it waits."""
    return deed.do("start_step", {"waive": [*(waive or ())]})


@acts(app, on="step")
def skip(deed: Deed) -> int:
    """Pass a step without doing it; its followers go on as if it had succeeded."""
    return deed.do("skip")


@acts(app, on="step")
def finish(
    deed: Deed,
    *,
    outputs: Annotated[
        list[str] | None,
        typer.Option("-o", metavar="NAME=VALUE", help="One output, as JSON or text; as often as needed."),
    ] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", metavar="OUTCOME", help="The outcome it ends with.")
    ] = None,
) -> int:
    """End a step with these outputs and this outcome, without doing it."""
    return deed.do("finish", {"outputs": values.loose(values.pairs("-o", outputs or ())), "as": outcome})


@acts(app, on="step or run")
def rerun(
    deed: Deed,
    *,
    onwards: Annotated[bool, typer.Option("--from", help="The step, and all that follows it.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Every step that has parked or failed.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="The whole run.")] = False,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "-i",
            metavar="NAME=VALUE",
            help="Of the step, another argument, with --all another input; as JSON or text, as often as needed.",
        ),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--input", metavar="FILE", help="The same as JSON or YAML; - is stdin; -i goes first.")
    ] = None,
) -> int:
    """Do a step again that is parked or has ended, or more; of a run that has ended, in a new one."""
    wanted = [scope for scope, is_wanted in (("from", onwards), ("failed", failed), ("all", everything)) if is_wanted]
    if len(wanted) > 1:
        raise UsageError(f"--{' and --'.join(wanted)} exclude each other; write one of them")
    scope = next(iter(wanted), "step")
    if scope in {"failed", "all"} and deed.step is not None:
        raise UsageError(f"--{scope} is for whole runs; leave the step {deed.step!r} out, or --{scope}")
    if scope in {"step", "from"} and deed.step is None:
        raise UsageError("which step is done again? Name it, or write --failed or --all")
    changed = (values.inputs_of(file) if file else {}) | values.loose(values.pairs("-i", inputs or ()))
    return deed.do("rerun", {"as": scope, "with": changed})


@acts(app, on="step or run")
def cancel(
    deed: Deed,
    *,
    no_undo: Annotated[bool, typer.Option("--no-undo", help="Leave what was done as it is.")] = False,
) -> int:
    """End a run and undo what it did, or cancel one step."""
    if deed.step is None:
        return deed.do("cancel", {"no_undo": no_undo})
    if no_undo:
        raise UsageError("--no-undo is for whole runs: cancelling one step undoes nothing; leave one of them out")
    return deed.do("cancel_step")


@acts(app, "set", on="run")
def set_value(
    deed: Deed,
    variables: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Variables, as JSON or text.")
    ] = None,
) -> int:
    """Change variables of a run; steps that start later see them."""
    texts = (*deed.extra, *(variables or ()))
    if not texts:
        raise UsageError("which variable? Write NAME=VALUE")
    return deed.do("set_value", {"with": values.loose(values.pairs("set", texts))})


@acts(app, on="run")
def tell(
    deed: Deed,
    kind: Annotated[
        str | None, typer.Argument(metavar="TYPE", help="The event's type, as its `wait` names it.")
    ] = None,
    *,
    content: Annotated[
        list[str] | None,
        typer.Option("-d", metavar="NAME=VALUE", help="Of its data, as JSON or text; as often as needed."),
    ] = None,
    subject: Annotated[str | None, typer.Option("--subject", metavar="TEXT", help="What it is about.")] = None,
    source: Annotated[
        str, typer.Option("--source", metavar="URI", help="Where it comes from; default: urn:hitl:cli.")
    ] = "urn:hitl:cli",
    event_id: Annotated[
        str | None,
        typer.Option("--event-id", metavar="ID", help="The same source and id is the same event; default: a new one."),
    ] = None,
) -> int:
    """Tell a run that something has happened outside: the step that waits longest for it goes on."""
    from uuid import uuid4

    kind = next(iter(deed.extra), kind)
    if kind is None:
        raise UsageError("which event? Write its TYPE, as the `wait` names it")
    said: dict[str, Json] = {"type": kind, "source": source, "id": event_id or deed.key or uuid4().hex}
    given: dict[str, Json] = {"subject": subject, "data": values.loose(values.pairs("-d", content or ())) or None}
    return deed.do("event", {"event": said | {name: value for name, value in given.items() if value is not None}})


@acts(app, on="granted")
def revoke(deed: Deed) -> int:
    """Give back now what a step has granted: its undo runs, and the run goes on."""
    return deed.do("revoke")


@acts(app, "extend-grant", on="granted")
def extend_grant(
    deed: Deed,
    *,
    duration: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How much more time, such as 2d; 4bh and 1bd count too.")
    ],
) -> int:
    """Let what a step has granted end later, or ask people whether it may."""
    return deed.do("extend_grant", {"with": {"for": duration}})


@acts(app, on="run")
def migrate(
    deed: Deed,
    *,
    digest: Annotated[
        str | None,
        typer.Option("--digest", metavar="DIGEST", help="Only to the definition with this digest, or its beginning."),
    ] = None,
) -> int:
    """Let what has not begun of a run follow its flow as it is now; --dry-run shows the difference."""
    return deed.do("migrate", {"with": {"digest": digest or ""}})
