"""`hitl policy replay`, `shadow`: what another policy would have made of the past, and how rules have done."""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from hitl_temporal.cli import output
from hitl_temporal.cli.command import As, AsJson, people
from hitl_temporal.cli.errors import DONE, FAILED
from hitl_temporal.cli.inputs import FlowName
from hitl_temporal.cli.session import Session

if TYPE_CHECKING:
    from hitl_temporal.client import PolicyReplay, Replayed, RuleReport, ShadowReport

app = typer.Typer(no_args_is_help=True)

_Part = TypeVar("_Part", "PolicyReplay", "ShadowReport")

Since = Annotated[
    str, typer.Option("--since", metavar="DURATION", help="Only what was asked since then, such as 90d; the default.")
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Look at no more than this, the last first.")]


@app.callback()
def before(ctx: typer.Context, *, as_user: As = None, as_json: AsJson = False) -> None:
    """Try a policy out on past requests; for operators, admins and auditors."""
    ctx.ensure_object(Session).hear(as_user, is_json=as_json)


@people(app)
def replay(
    session: Session,
    flow: FlowName,
    step: Annotated[str, typer.Argument(metavar="STEP", help="The step that asks.")],
    *,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--with",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="What to try: a flow.yaml or an ask, and a site.yaml for its routes; default: what is there now.",
        ),
    ] = None,
    since: Since = "90d",
    limit: Limit = 200,
    changed_only: Annotated[bool, typer.Option("--changed-only", help="List only what would have changed.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 if something would have changed, or nothing could be replayed.")
    ] = False,
) -> int:
    """Put what people did in past requests to another version of the question, and say what would have changed."""
    from hitl_temporal.cli.candidates import candidate

    document = candidate(files, step) if files else None
    parts = list(_watched(session.client.replay_policy(flow, step, ask=document, since=since, limit=limit)))
    items = [item for part in parts for item in part.items if item.changed or not changed_only]
    skipped = [s for part in parts for s in part.skipped]
    counts = {name: sum(getattr(p, name) for p in parts) for name in ("looked_at", "replayed", "changed")}
    following = parts[-1].next
    if session.as_json:
        listed = {"items": [i.document() for i in items], "skipped": [s.document() for s in skipped]}
        output.as_json({**counts, **listed, "next": following})
    else:
        output.table(("APPROVAL", "ASKED", "WAS", "WOULD BE", "WHAT"), map(_row, items))
        for one in skipped:
            output.note(f"{one.id} can't be replayed: {one.why}")
        output.note(f"{flow} {step}: {_in_words(counts)}{_more(following, limit)}")
    could_tell = counts["replayed"] or not counts["looked_at"]
    return FAILED if check and (counts["changed"] or not could_tell) else DONE


@people(app)
def shadow(session: Session, flow: FlowName, *, since: Since = "90d", limit: Limit = 200) -> None:
    """Say how often each rule of `auto` has decided, or would have, and whether people came to the same."""
    parts = list(_watched(session.client.shadow(flow, since=since, limit=limit)))
    rules = _together(rule for part in parts for rule in part.items)
    skipped = [s for part in parts for s in part.skipped]
    looked_at, following = sum(p.looked_at for p in parts), parts[-1].next
    if session.as_json:
        listed = {"items": [r.document() for r in rules], "skipped": [s.document() for s in skipped]}
        output.as_json({"looked_at": looked_at, **listed, "next": following})
        return
    headings = ("STEP", "RULE", "OUTCOME", "DECIDED", "WATCHED", "SAMPLED", "AGREED", "DISAGREED", "UNANSWERED")
    output.table(headings, ((r.step, r.rule, r.outcome, *map(str, _counts(r).values())) for r in rules))
    for rule in rules:
        if rule.disagreements:
            output.note(f"{rule.step}: {rule.rule}: people disagreed in {', '.join(rule.disagreements)}")
    for one in skipped:
        output.note(f"{one.id} can't be read: {one.why}")
    output.note(f"{flow}: {looked_at} looked at{_more(following, limit)}")


def _watched(parts: Iterator[_Part]) -> Iterator[_Part]:
    """Hand on what comes in, and tell whoever watches how far it is."""
    looked_at = 0
    for part in parts:
        looked_at += part.looked_at
        if part.next is not None and output.is_watched():
            output.note(f"{looked_at} looked at so far")
        yield part


def _row(item: "Replayed") -> tuple[str, ...]:
    lost = [f"unheard: {who}" for who in item.unheard]
    unsure = [] if item.again in {"", item.before} else [f"as it was it would be {item.again} in a replay"]
    what = "; ".join([*item.differences, *lost, *item.remarks, *unsure])
    return (item.approval, output.moment(item.started), item.before, item.after, what)


def _in_words(counts: dict[str, int]) -> str:
    return f"{counts['looked_at']} looked at, {counts['replayed']} replayed, {counts['changed']} would have changed"


def _more(following: str | None, limit: int) -> str:
    return f"; there are more than {limit}, --limit shows them" if following is not None else ""


_COUNTED = ("decided", "watched", "sampled", "agreed", "disagreed", "unanswered")


def _counts(rule: "RuleReport") -> dict[str, int]:
    return {name: getattr(rule, name) for name in _COUNTED}


def _together(rules: Iterable["RuleReport"]) -> list["RuleReport"]:
    """Return one report per rule, the counts of all parts added up."""
    found: dict[tuple[str, str, str], RuleReport] = {}
    for rule in rules:
        name = (rule.step, rule.rule, rule.outcome)
        found[name] = _added(found[name], rule) if name in found else rule
    return list(found.values())


def _added(known: "RuleReport", more: "RuleReport") -> "RuleReport":
    counts = {name: number + _counts(known)[name] for name, number in _counts(more).items()}
    return known.model_copy(update={**counts, "disagreements": (*known.disagreements, *more.disagreements)})
