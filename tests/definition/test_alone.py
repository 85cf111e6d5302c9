"""An ask by itself, out of no file: what keeps a project from asking it, each fault by its key."""

import pytest

from hitl_temporal.definition.lint import lint_ask
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.people import People
from hitl_temporal.domain.value import Json

PEOPLE = People.model_validate(
    {"people": {"cai": {"name": "Cai"}, "dee": {"name": "Dee"}}, "groups": {"secops": {"members": ["cai", "dee"]}}}
)
SITE = Site.model_validate({"calendars": {"office": {"tz": "UTC", "hours": {"MON-FRI": "09:00-17:00"}}}})


def faults(**written: Json) -> tuple[str, ...]:
    """Return what is wrong with an ask of these keys."""
    document: dict[str, Json] = {"title": "Go?", **written}
    ask = Ask.model_validate(document, by_alias=True, by_name=False)
    return lint_ask(ask, document, PEOPLE, SITE)


def test_what_can_be_asked_has_no_faults() -> None:
    """Whatever it says of inputs and steps: it may be for another version of its flow. A warning is none."""
    assert faults(who="group:secops", calendar="office", due="1bd", approve=2) == ()
    assert faults(who="{{inputs.team}}", edit=["inputs.unknown"], beneficiary="dee") == ()


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ({"who": "group:secop"}, "ask.who: unknown group 'secop'; did you mean 'secops'?"),
        ({"who": ["user:cai", "user:gus"]}, "ask.who.1: unknown user 'gus'; add the user to people.yaml"),
        (
            {"who": "user:cai", "calendar": "mars"},
            "ask.calendar: unknown calendar 'mars'; add it to site.yaml, which has office",
        ),
        (
            {"stages": [{"name": "a", "who": "user:cai"}, {"name": "b", "who": "user:dee", "calendar": "offic"}]},
            "ask.stages.1.calendar: unknown calendar 'offic'; did you mean 'office'?",
        ),
        (
            {"stages": {"route": {"rows": [{"stages": [{"who": "group:x"}]}]}}},
            "ask.stages.route.rows.0.stages.0.who: unknown group 'x'; add the group to people.yaml",
        ),
        ({"who": "group:secops", "pick": "random", "approve": 2}, "ask.approve: `approve: 2` can't be reached"),
    ],
)
def test_a_fault_is_told_by_its_key(written: dict[str, Json], fault: str) -> None:
    """As `hitl validate` tells it by its line, the mend behind it."""
    (found,) = faults(**written)
    assert found.startswith(fault)


def test_all_faults_are_told_in_the_order_of_the_document() -> None:
    """However they are found."""
    late: Json = {"after": "2d", "to": "user:cai"}
    found = faults(due="1d", escalate=[late], who=["group:x", "user:cai"], calendar="mars")
    assert [f.partition(":")[0] for f in found] == ["ask.escalate.0.after", "ask.who.0", "ask.calendar"]
