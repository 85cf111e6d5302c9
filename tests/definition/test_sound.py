"""What looks wrong and isn't: the checks of asks say nothing where they can't know."""

import json

import pytest

from hitl_temporal.definition.lint import Surroundings
from hitl_temporal.definition.project import load_text
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.people import Group, People, Person
from tests.docs.pages import yaml

AROUND = Surroundings(
    people=People(
        people={
            "ann": Person(name="Ann", roles=("admin",)),
            "bob": Person(name="Bob"),
            "zoe": Person(name="Zoe", active=False),
        },
        groups={"leads": Group(members=("bob",)), "both": Group(members=("ann", "bob", "zoe"))},
    ),
    site=Site.model_validate(
        {
            "calendars": {"nl": {}},
            "routes": {"spend": {"rows": [{"stages": [{"who": "{{inputs.owner}}", "due": "1d"}]}]}},
        }
    ),
)


@pytest.mark.parametrize(
    "ask",
    [
        "{who: [manager:requester, group:leads], approve: 5}",
        "{who: ['{{inputs.owner}}'], approve: 2, reject: 2}",
        "{who: group:both, approve: 2}",
        "{who: group:leads, quiet: [user:ann], approve: 2}",
        "{who: group:leads, weights: {'group:leads': 3}, approve: 3}",
        "{who: group:leads, weights: {'{{inputs.owner}}': 3}, approve: 2}",
        "{who: [group:leads, user:ann], approve: each, quiet: [group:leads, group:both]}",
        "{who: [group:leads, manager:requester], approve: each, quiet: user:ann}",
        "{who: [group:leads, user:bob], approve: each, quiet: '{{inputs.owner}}', fallback: user:ann}",
        "{who: group:leads, approve: each, fallback: user:ann, quiet: user:ann}",
        "{any_of: [{who: group:leads, approve: 2}], quiet: user:ann}",
        "{any_of: [{who: group:leads}, {who: user:bob}], escalate: [{after: 1h, to: user:ann, how: replace}]}",
        "{who: group:both, pick: random, weights: {'user:ann': 2}, approve: 2}",
        "{who: group:both, pick: random, quiet: [user:ann], approve: 2}",
        "{who: manager:requester, weights: {'user:ann': 2}}",
        "{who: group:leads, fallback: user:ann, weights: {'user:ann': 2}}",
        "{who: group:leads, escalate: [{after: 1h, to: user:ann}], weights: {'user:ann': 2}}",
        "{pick: random, who: [group:both, user:ann], approve: each}",
        "{weights: {'user:ann': 2}, stages: {route: spend}}",
        "{who: group:leads, due: 1bd, calendar: nl, escalate: [{after: 4bh, to: user:ann}]}",
        "{who: group:leads, subject: '{{inputs.owner}}', beneficiary: '{{inputs.owner}}', author: ann}",
        "{who: group:leads, via: [email, slack], assurance: high}",
        "{who: group:leads, via: email}",
        "{who: group:leads, outcomes: {later: {label: Later}, never: {label: Never}}, rework: 1}",
        "{who: group:leads, form: {if: {type: string, description: 'such as {{x}}', default: '{{y}}'}}}",
        "{who: group:leads, outcomes: {later: {label: 'Not {{now}}'}}}",
        "{who: group:leads, show: {weights: {'{{x}}': 1}}}",
        "{who: group:leads, break_glass: {who: user:ann, review: {who: [user:ann, user:bob], due: 5bd}}}",
        "{who: group:leads, break_glass: {who: user:ann, review: {who: [user:ann, user:zoe, user:bob], due: 40bh}}}",
        "{who: group:leads, break_glass: {who: '{{inputs.owner}}', review: {who: user:bob, due: 7d}}}",
        "{who: group:leads, break_glass: {who: group:both, review: {who: manager:requester}}}",
        "{who: group:leads, edit: [inputs.owner, vars.limit.days], material: [vars.limit.days]}",
    ],
)
def test_what_may_be_meant_is_not_told(ask: str) -> None:
    """None of these gives a problem, not even a warning."""
    written = yaml(ask)
    assert isinstance(written, dict)
    due = {} if "due" in written or "stages" in written else {"due": "2d"}
    flow = {
        "flow": "x",
        "calendar": "nl",
        "inputs": {"owner": {"type": "string"}},
        "vars": {"limit": {"days": 3}},
        "steps": [{"id": "a", "ask": {"title": "May I?", **due, **written}}],
    }
    loaded, problems = load_text(json.dumps(flow), "flow.yaml", AROUND)
    assert [str(p) for p in problems] == []
    assert loaded is not None


def test_who_reviews_an_emergency_is_looked_at_without_a_directory_too() -> None:
    """The same selectors name the same people, whoever they are."""
    ask = "{title: May I?, who: group:leads, due: 1d, break_glass: {who: %s, review: {who: group:leads}}}"
    text = "flow: x\nsteps:\n  - id: a\n    ask: " + ask
    for who, warnings in (("group:leads", 1), ("group:both", 0), ("[group:both, group:leads]", 1)):
        _, problems = load_text(text % who, "flow.yaml")
        assert [p.severity for p in problems] == ["warning"] * warnings
