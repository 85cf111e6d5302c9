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

from hitl_temporal.cli.command import people
from hitl_temporal.cli.session import Session
from hitl_temporal.cli.words import tell

if TYPE_CHECKING:
    from hitl_temporal.domain.value import Json

RunId = Annotated[str, typer.Argument(metavar="ID", help="The run's id.")]
_STEP = "The step's id or address: apply, post[3].journal, block#2.step"
Step = Annotated[str, typer.Argument(metavar="STEP", help=f"{_STEP}.")]
StepOrRun = Annotated[str | None, typer.Argument(metavar="STEP", help=f"{_STEP}; without it, the whole run.")]
Granted = Annotated[str | None, typer.Argument(metavar="STEP", help=f"{_STEP}; without it, the one that can be meant.")]
Reason = Annotated[str, typer.Option("--reason", "-m", metavar="TEXT", help="Why; kept in the audit trail.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]
Key = Annotated[str | None, typer.Option("--key", metavar="KEY", help="Sent again with the same key, it is done once.")]

Place = Literal["step", "step or run", "granted", "run"]
"""What an action is about: one step, one if it is named, the step that grants, the run as a whole."""

_STEPS: Mapping[Place, tuple[Any, object]] = {
    "step": (Step, Parameter.empty),
    "step or run": (StepOrRun, None),
    "granted": (Granted, None),
}
_HOW: tuple[tuple[str, Any, object], ...] = (("reason", Reason, ""), ("dry_run", DryRun, False), ("key", Key, None))


@dataclass(frozen=True, slots=True)
class Deed:
    """One action as the command line gives it, but for what only this action takes."""

    session: Session
    run_id: str
    step: str | None = None
    reason: str = ""
    dry_run: bool = False
    key: str | None = None

    @property
    def subject(self) -> str:
        """What it is about, for people."""
        return f"{self.run_id} {self.step}" if self.step else self.run_id

    def on_run(self) -> "Deed":
        """Return the same about the whole run."""
        return replace(self, step=None)

    def do(self, action: str, arguments: "Mapping[str, Json] | None" = None) -> int:
        """Do it, print the receipt, and return the exit code."""
        receipt = self.session.client.operate(
            self.run_id,
            action,
            step=self.step,
            reason=self.reason,
            dry_run=self.dry_run,
            key=self.key,
            arguments=arguments,
        )
        return tell(self.session, self.subject, receipt)


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
        first = [_keyword(*each) for each in (("run_id", RunId, Parameter.empty), *place)]
        last = [_keyword(*each) for each in _HOW]
        session = Parameter("session", Parameter.POSITIONAL_OR_KEYWORD, annotation=Session)

        @functools.wraps(action)
        def command(session: Session, **given: Any) -> int:
            common = {p.name: given.pop(p.name) for p in (*first, *last)}
            return action(Deed(session, **common), **given)

        # `people` reads both: which parameters there are, and what they are.
        command.__signature__ = inspect.Signature([session, *first, *within, *last])  # pyright: ignore[reportAttributeAccessIssue]
        people(app, name)(command)
        return action

    return register


def _keyword(name: str, kind: Any, default: object) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
