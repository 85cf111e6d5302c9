"""What a site says about actions on runs: who may, whether a reason is needed, whether people are asked first.

Policies are the site's and may change while runs go on, so they are read with the people whenever an action is judged.
The first one that matches governs. None can weaken the bars on passing an ask: they are judged beside it (policy.py).

Must not know: runs, where policies are kept.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.notation import Selectors
from hitl_temporal.domain.fault import fault
from hitl_temporal.domain.flow.commands import ACTIONS
from hitl_temporal.domain.flow.step import about
from hitl_temporal.domain.people import bind
from hitl_temporal.domain.value import Document, Json

_PROPOSAL: Mapping[str, Json] = {
    "title": "{{operation.what}} of {{run.id}}",
    "body": "{{operation.reason}}",
    "show": {"by": "{{operation.actor}}", "changes": "{{operation.changes}}"},
}

_NAME: dict[str, Json] = {"enum": [*ACTIONS]}

_CHANGES_NOTHING = frozenset({"acknowledge"})
"""Who says that they look at an alert changes no run: a policy about every action is not about that."""


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _known(actions: tuple[str, ...]) -> tuple[str, ...]:
    strange = next((name for name in actions if name not in ACTIONS), None)
    if strange is not None:
        raise ValueError(f"{strange!r} is no action; write one of {', '.join(ACTIONS)}")
    return actions


def _plain(selectors: tuple[str, ...]) -> tuple[str, ...]:
    strange = next((text for text in selectors if "{{" in text), None)
    if strange is not None:
        raise ValueError(f"{strange!r}: who may act is no expression; write a selector such as role:operator")
    return selectors


class Match(Document):
    """Which runs a policy is about."""

    flow: Annotated[str, Field(min_length=1, max_length=200)] = "*"
    """A glob over names of flows."""


class Policy(Document):
    """What holds for an action on a run."""

    match: Match = Match()
    action: Annotated[
        tuple[str, ...],
        BeforeValidator(_as_tuple),
        AfterValidator(_known),
        WithJsonSchema({"anyOf": [_NAME, {"type": "array", "items": _NAME}]}),
    ] = ()
    """Empty: every action that changes a run, so not `acknowledge`."""
    who: Annotated[Selectors, AfterValidator(_plain)] = ()
    """Who may; empty: as without a policy."""
    reason: Literal["optional", "required"] = "optional"
    ask: Annotated[Ask, about(_PROPOSAL)] | None = None
    """Who must agree before it is done; None: nobody."""

    @model_validator(mode="after")
    def _is_agreed_by_others(self) -> "Policy":
        if self.ask is not None and any(stage.allow_requester for stage in self.ask.every_stage):
            raise fault("whoever wants an action does not agree to it; leave `allow_requester` out", "ask")
        return self

    def governs(self, flow: str, action: str) -> bool:
        """Tell whether this is about an action on runs of a flow."""
        is_meant = action in self.action if self.action else action not in _CHANGES_NOTHING
        return is_meant and fnmatchcase(flow, self.match.flow)

    def who_may(self, requester: str) -> tuple[str, ...]:
        """Return the selectors of who may, for a run that this person has asked for."""
        return tuple(bind(selector, requester) for selector in self.who)


def governing(policies: Iterable[Policy], flow: str, action: str) -> Policy | None:
    """Return the first policy about an action on runs of a flow, None when there is none."""
    return next((policy for policy in policies if policy.governs(flow, action)), None)
