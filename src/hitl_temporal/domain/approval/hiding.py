"""What nobody is shown of an approval: the values of its sensitive form fields, and of the run's sensitive inputs.

They stay in the state, in the record and in the result: whoever asked gets them, whoever looks does not.

Must not know: who looks, and that what is asked itself (title, body, show) may be rendered from such values.
"""

from collections.abc import Mapping

from hitl_temporal.domain.approval.records import Amendment, Change, Decision, Intent
from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.inputs import HIDDEN, hidden
from hitl_temporal.domain.value import Json


def decision(state: Approval, found: Decision) -> Decision:
    """Return a decision as people may see it."""
    form, edited = hidden(state.ask.form, found.form), changes(state, found.edited)
    return found if (form, edited) == (found.form, found.edited) else found.but(form=form, edited=edited)


def intent(state: Approval, found: Intent) -> Intent:
    """Return an answer that waits, as its author may see it: also they have it on a screen."""
    form, edit = hidden(state.ask.form, found.form), by_path(state, found.edit)
    return found if (form, edit) == (found.form, found.edit) else found.but(form=form, edit=edit)


def amendment(state: Approval, found: Amendment) -> Amendment:
    """Return a change as people may see it: that there was one."""
    seen = changes(state, found.changes)
    return found if seen == found.changes else found.but(changes=seen)


def by_path(state: Approval, values: Mapping[str, Json]) -> dict[str, Json]:
    """Return values by path or expression, without those that are made of a sensitive input."""
    return {path: HIDDEN if state.hides(path) else value for path, value in values.items()}


def changes(state: Approval, found: Mapping[str, Change]) -> dict[str, Change]:
    """Return changes by path, without the values of sensitive inputs."""
    unseen = Change(before=HIDDEN, after=HIDDEN)
    return {path: unseen if state.hides(path) else change for path, change in found.items()}
