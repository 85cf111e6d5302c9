"""Who may do what to a run: whom the site's policy names; without one operators and admins.

Without one the requester, and whom they act for, may cancel, give back what was granted, and ask people for more of it;
whoever is told of an alert may acknowledge it. No policy lifts the bars on passing an ask.

Must not know: what the actions change, doors.
"""

from hitl_temporal.domain.approval.opening import AskError, begin
from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.flow.alarms import told_to
from hitl_temporal.domain.flow.commands import Cancel, Operate
from hitl_temporal.domain.flow.events import Operated
from hitl_temporal.domain.flow.extensions import asks_people
from hitl_temporal.domain.flow.passing import passed
from hitl_temporal.domain.flow.policies import Policy, governing
from hitl_temporal.domain.flow.scope import scope
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.people import CLIENT, OPERATORS, RUN, SYSTEM, Roster


def refusal(run: Run, event: Operated) -> str | None:
    """Return why this actor may not do this, None when nothing keeps them from it."""
    actor, action = event.command.actor, event.action
    if (action == "cancel" and actor in {CLIENT, RUN}) or (action == "event" and actor.startswith(SYSTEM)):
        return None
    policy = policy_of(run, event)
    if policy is None or not policy.who:
        is_own = actor in {run.requester, run.on_behalf_of}
        return None if is_own and _may_with_own(run, event) else _refusal(run, event, _needs_role(run, event))
    named = actor in event.roster.named_by(policy.who_may(run.requester))
    only = None if named else f"{action} of {run.definition.flow!r} is for {', '.join(policy.who)}, as a policy says"
    return _refusal(run, event, only)


def policy_of(run: Run, event: Operated) -> Policy | None:
    """Return what the site says about this action, None when it says nothing; machines are governed by none."""
    is_machine = event.command.actor.startswith(SYSTEM)
    return None if is_machine else governing(event.policies, run.definition.flow, event.action)


def _may_with_own(run: Run, event: Operated) -> bool:
    """Tell whether an action is one that people may do to a run of their own, whoever they are."""
    match event.action:
        case "cancel":
            return not _keeps_a_grant(run, event.command)
        case "revoke":
            return True
        case "extend_grant":
            return event.roster.is_active(event.command.actor) and _asks_people(run, event.command)
        case _:
            return False


def _needs_role(run: Run, event: Operated) -> str | None:
    if event.action == "acknowledge" and event.command.actor in event.roster.named_by(told_to(run)):
        return None
    card = event.roster.cards.get(event.command.actor)
    if card is None or OPERATORS.intersection(card.roles):
        return None
    return f"{event.action} needs the role operator or admin, which {event.command.actor!r} does not have"


def _refusal(run: Run, event: Operated, only: str | None) -> str | None:
    """Return why somebody may not do this.

    Args:
        run: As it stands.
        event: The action.
        only: What is said of somebody who is not among those who may; None: they are.
    """
    actor, roster, command = event.command.actor, event.roster, event.command
    if (stranger := roster.stranger(actor)) is not None:
        return stranger
    roles = roster.cards[actor].roles
    is_own = actor in {run.requester, run.on_behalf_of}
    if event.action == "cancel" and is_own and _keeps_a_grant(run, command) and not OPERATORS.intersection(roles):
        return "no_undo: what was granted for a time would stay for good; cancel without it, or ask an operator"
    if only is not None:
        return only
    passes = passed(run, event.action, command)
    if passes and "admin" not in roles:
        return f"passing the ask {passes[0]!r} is an override and needs the role admin, which {actor!r} does not have"
    return next(filter(None, (_bar(run, address, actor, roster) for address in passes)), None)


def _keeps_a_grant(run: Run, command: Operate) -> bool:
    """Tell whether a cancelled run would leave behind what it gives for a time."""
    return isinstance(command, Cancel) and command.no_undo and bool(run.definition.plan.granting)


def selectors(run: Run, action: str, command: Operate) -> tuple[str, ...]:
    """Return the selectors whose people the roster must name to judge this command: the `not` of an ask passed by."""
    if action == "acknowledge":  # whoever is told may say that they look at it
        return told_to(run)
    asked = (_as_asked(run, address) for address in passed(run, action, command))
    stages = (stage for approval in asked if approval is not None for stage in approval.stages)
    return tuple(dict.fromkeys(s for stage in stages for s in stage.cast.barred))


def _asks_people(run: Run, command: Operate) -> bool:
    return command.step in run.steps and asks_people(run, command.step)


def _bar(run: Run, address: str, actor: str, roster: Roster) -> str | None:
    """Return what bars a person from an ask, whoever answers it and however."""
    approval = _as_asked(run, address)
    own = (run.requester, run.on_behalf_of) if approval is None else approval.barred
    stages = () if approval is None else tuple(s for s in approval.stages if s.state != "skipped")
    is_lifted = bool(stages) and all(s.document.allow_requester for s in stages)
    if actor in own and not is_lifted:
        return f"{actor!r} may not pass the ask {address!r}: nobody decides their own request"
    excluding = next(
        (s for s in stages if f"user:{actor}" in s.cast.barred or actor in roster.named_by(s.cast.barred)), None
    )
    if excluding is not None:
        name = excluding.document.name
        return f"{actor!r} may not pass the ask {address!r}: the `not` of stage {name!r} excludes them"
    return None


def _as_asked(run: Run, address: str) -> Approval | None:
    """Return the question as it would be put now, None when it can't be put: it has parked, and nobody was asked."""
    step = run.definition.step(address)
    if step.ask is None:  # a run within: whom it asks is not known here
        return None
    try:
        return begin(
            address,
            step.ask,
            requester=run.requester,
            on_behalf_of=run.on_behalf_of,
            context=scope(run, address, everything=True),
            at=run.now,
        )
    except AskError:
        return None
