"""What every action on a run has on the command line: of which run and step, why, once, and only to see.

Must not know: which actions there are (`operating`), how they are judged.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from inspect import Parameter
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hitl_temporal.cli import output
from hitl_temporal.cli.command import people
from hitl_temporal.cli.errors import DONE, FAILED, UsageError
from hitl_temporal.cli.session import Session
from hitl_temporal.cli.words import tell, tell_many

if TYPE_CHECKING:
    from hitl_temporal.client import Receipt
    from hitl_temporal.domain.value import Json

RunId = Annotated[str | None, typer.Argument(metavar="ID", help="The run's id; not with --query.")]
_STEP = "The step's id or address: apply, post[3].journal, block#2.step"
Step = Annotated[str | None, typer.Argument(metavar="STEP", help=f"{_STEP}.")]
StepOrRun = Annotated[str | None, typer.Argument(metavar="STEP", help=f"{_STEP}; without it, the whole run.")]
Granted = Annotated[str | None, typer.Argument(metavar="STEP", help=f"{_STEP}; without it, the one that can be meant.")]
Reason = Annotated[str, typer.Option("--reason", "-m", metavar="TEXT", help="Why; kept in the audit trail.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]
Key = Annotated[str | None, typer.Option("--key", metavar="KEY", help="Sent again with the same key, it is done once.")]

Query = Annotated[
    str | None,
    typer.Option(
        "--query",
        metavar="TERMS",
        help="Every open run for which all terms hold, instead of ID: flow=finance.* state=parked requester=ann "
        "waiting=hold id=r* older=2d newer=1h; a comma gives alternatives.",
    ),
]
Visibility = Annotated[
    str | None, typer.Option("--visibility", metavar="SQL", help="As --query, in the words of Temporal's own lists.")
]

Place = Literal["step", "step or run", "granted", "run"]
"""What an action is about: one step, one if it is named, the step that grants, the run as a whole."""

_STEPS: Mapping[Place, tuple[Any, object]] = {
    "step": (Step, None),
    "step or run": (StepOrRun, None),
    "granted": (Granted, None),
}
_HOW: tuple[tuple[str, Any, object], ...] = (
    ("reason", Reason, ""),
    ("dry_run", DryRun, False),
    ("key", Key, None),
    ("query", Query, None),
    ("visibility", Visibility, None),
)


@dataclass(frozen=True, slots=True)
class Deed:
    """One action as the command line gives it, but for what only this action takes.

    Attributes:
        run_id: None: many runs, those that `query` or `visibility` chooses.
        extra: What stood in place of the id although a query chooses the runs: it belongs to the action.
    """

    session: Session
    run_id: str | None
    step: str | None = None
    reason: str = ""
    dry_run: bool = False
    key: str | None = None
    query: str | None = None
    visibility: str | None = None
    extra: tuple[str, ...] = ()

    def do(self, action: str, arguments: "Mapping[str, Json] | None" = None) -> int:
        """Do it, print the receipt, or one for each run, and return the exit code."""
        if self.run_id is None:
            return self._do_many(action, arguments)
        receipt = self.session.client.operate(
            self.run_id,
            action,
            step=self.step,
            reason=self.reason,
            dry_run=self.dry_run,
            key=self.key,
            arguments=arguments,
        )
        return tell(self.session, f"{self.run_id} {self.step}" if self.step else self.run_id, receipt)

    def _do_many(self, action: str, arguments: "Mapping[str, Json] | None") -> int:
        """Do it to every run that is chosen: a line for each as it comes, how many there were at the end."""
        receipts: list[tuple[str, Receipt]] = []
        found = self.session.client.operate_many(
            action,
            query=self.query,
            visibility=self.visibility,
            step=self.step,
            reason=self.reason,
            dry_run=self.dry_run,
            key=self.key,
            arguments=arguments,
        )
        for receipt in found:
            receipts.append((receipt.id, receipt))
            if not self.session.as_json:
                tell(self.session, receipt.id, receipt)
        refused = sum(not receipt.is_accepted for _, receipt in receipts)
        if self.session.as_json:
            return tell_many(self.session, receipts)
        output.note(f"{len(receipts)} runs, {refused} refused" if receipts else "no open run is like that")
        return FAILED if refused else DONE


Action = Callable[..., int]
"""Takes a deed first, then what only this action has on the command line; returns the exit code."""


def acts(app: typer.Typer, name: str | None = None, *, on: Place) -> Callable[[Action], Action]:
    """Add a command that acts on a run: it takes ID, STEP, `--reason`, `--dry-run` and `--key`, too.

    Args:
        app: Where it is added.
        name: How it is called; None: as the function.
        on: What it is about.
    """

    def register(action: Action) -> Action:
        _, *own = inspect.signature(action, eval_str=True).parameters.values()
        within = [p.replace(kind=Parameter.KEYWORD_ONLY) for p in own]
        place = [("step", *_STEPS[on])] if on in _STEPS else []
        first = [_keyword(*each) for each in (("run_id", RunId, None), *place)]
        last = [_keyword(*each) for each in _HOW]
        session = Parameter("session", Parameter.POSITIONAL_OR_KEYWORD, annotation=Session)

        @functools.wraps(action)
        def command(session: Session, **given: Any) -> int:
            common = {p.name: given.pop(p.name) for p in (*first, *last)}
            return action(_aimed(Deed(session, **common), on), **given)

        # `people` reads both: which parameters there are, and what they are.
        command.__signature__ = inspect.Signature([session, *first, *within, *last])  # pyright: ignore[reportAttributeAccessIssue]
        people(app, name)(command)
        return action

    return register


def _aimed(deed: Deed, on: Place) -> Deed:
    """Return a deed whose words mean what they stand for: where a query chooses the runs, the first is the step.

    Raises:
        UsageError: It is about nothing, or about a run and many at once.
    """
    if deed.query is None and deed.visibility is None:
        if deed.run_id is None:
            raise UsageError("which run? Name it, or choose many with --query")
        if on == "step" and deed.step is None:
            raise UsageError("which step? Name it after the run; `hitl show ID` lists them")
        return deed
    if deed.query is not None and deed.visibility is not None:
        raise UsageError("--query and --visibility exclude each other; write one of them")
    if on == "run":
        return replace(deed, run_id=None, extra=() if deed.run_id is None else (deed.run_id,))
    if deed.step is not None:
        raise UsageError(f"--query chooses the runs; leave the id {deed.run_id!r} out, or --query")
    if on == "step" and deed.run_id is None:
        raise UsageError("which step? Name it before or after --query")
    return replace(deed, run_id=None, step=deed.run_id)


def _keyword(name: str, kind: Any, default: object) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
