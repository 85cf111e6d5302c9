"""Who would be asked, told to whoever may start the flow; nothing is started."""

from datetime import UTC, datetime, timedelta

import pytest

from hitl_temporal.domain.absence import Absence
from hitl_temporal.domain.approval.routes import Table
from hitl_temporal.ports import TemporaryError
from hitl_temporal.service.errors import ForbiddenError, InvalidError, NotFoundError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.previews import Previewed, Previews
from tests.fakes import PEOPLE, FakeAbsences, FakeCatalogue, FakeDirectory

SPEND = """
start: [group:leads, group:secops]
inputs: {amount: {type: integer}, days: {type: integer, default: 30}}
steps:
  - {id: risk, call: job.do}
  - id: approve
    ask:
      title: "Spend {{inputs.amount}}"
      body: "Risk {{steps.risk.outputs.score}}"
      stages:
        - {name: manager, who: [manager:requester], when: "inputs.days > 7"}
        - {name: security, who: [group:secops], when: "steps.risk.outputs.score > 0.5"}
"""


class Desk:
    """The use case over fakes."""

    def __init__(self, flow: str = SPEND) -> None:
        self.catalogue, self.directory, self.absences = FakeCatalogue(), FakeDirectory(), FakeAbsences()
        self.catalogue.add(flow)

    async def preview(self, person: str, inputs: object = None, on_behalf_of: str | None = None) -> Previewed:
        """Ask as somebody."""
        me = Identity(person, frozenset(), frozenset(PEOPLE.groups_of(person)), "medium", "api")
        use = Previews(self.catalogue, self.directory, self.absences)
        return await use.preview(
            me, "test_flow", {"amount": 5} if inputs is None else inputs, on_behalf_of=on_behalf_of
        )


def asked(previewed: Previewed, step: int = 0) -> list[tuple[str, str, list[str]]]:
    """Return name, whether it applies, and people of each stage."""
    stages = previewed.asks[step].preview.stages
    return [(s.name, s.applies, [p.person for p in s.people]) for s in stages]


async def test_everybody_who_would_be_asked_is_told() -> None:
    """With the defaults of inputs; what a step will find is `perhaps`."""
    found = await Desk().preview("bob")
    assert (found.flow, found.requester, found.on_behalf_of) == ("test_flow", "bob", None)
    assert (found.asks[0].step, found.asks[0].preview.title) == ("approve", "Spend 5")
    assert asked(found) == [("manager", "yes", ["eli"]), ("security", "perhaps", ["cai", "dee"])]
    assert asked(await Desk().preview("bob", {"amount": 5, "days": 3}))[0] == ("manager", "no", [])


async def test_whom_it_is_for_decides_no_more_than_the_requester() -> None:
    """Their own request is not theirs to decide."""
    found = await Desk().preview("cai", on_behalf_of="dee")
    assert (found.on_behalf_of, asked(found)[1]) == ("dee", ("security", "perhaps", []))


@pytest.mark.parametrize(
    ("person", "inputs", "for_whom", "error"),
    [
        ("ann", {"amount": 5}, None, ForbiddenError),
        ("bob", {"amount": "x"}, None, InvalidError),
        ("bob", {"amount": 5, "colour": "red"}, None, InvalidError),
        ("bob", {"amount": 5}, "zoe", InvalidError),
        ("bob", {"amount": 5}, "nobody", InvalidError),
    ],
)
async def test_what_could_not_be_started_is_not_shown(
    person: str, inputs: object, for_whom: str | None, error: type[Exception]
) -> None:
    """With the same refusals."""
    with pytest.raises(error):
        await Desk().preview(person, inputs, for_whom)


async def test_there_is_no_preview_of_what_is_no_flow() -> None:
    """It says so."""
    desk = Desk()
    desk.catalogue.flows.clear()
    with pytest.raises(NotFoundError, match="test_flow"):
        await desk.preview("bob")


async def test_who_stands_in_is_told() -> None:
    """As a running approval would find them; what can't be read is no absence."""
    desk, now = Desk(), datetime.now(UTC)
    away = {"id": "1", "person": "cai", "since": now, "until": now + timedelta(days=1), "substitute": "gus"}
    desk.absences.absences = {"cai": (Absence.model_validate(away),)}
    found = await desk.preview("bob")
    assert asked(found)[1] == ("security", "perhaps", ["cai", "dee", "gus"])
    assert found.asks[0].preview.stages[1].people[2].on_behalf_of == "cai"
    desk.absences.is_down = True
    with pytest.raises(TemporaryError):
        await desk.preview("bob")


ROUTED = "inputs: {amount: {type: integer}}\nsteps: [{id: a, ask: {title: Go, stages: {route: spend}}}]"


async def test_a_named_table_is_looked_up() -> None:
    """One that the site has not is said to be missing; one that does not fit the question is refused."""
    desk = Desk(ROUTED)
    rows = [{"if": "inputs.amount > 100", "stages": [{"who": "group:leads"}]}, {"stages": [{"who": "group:secops"}]}]
    missing = (await desk.preview("ann")).asks[0].preview
    assert (missing.stages, missing.depends) == ((), ("stages: there is no route 'spend' in site.yaml",))
    desk.catalogue.routes["spend"] = Table.model_validate({"rows": rows})
    assert asked(await desk.preview("ann")) == [("decision", "yes", ["cai", "dee"])]
    late = {"rows": [{"stages": [{"who": "group:leads", "at_due": "later"}]}]}
    desk.catalogue.routes["spend"] = Table.model_validate(late)
    with pytest.raises(InvalidError, match="spend"):
        await desk.preview("ann")


async def test_variables_that_can_not_be_evaluated_refuse_a_run_and_so_a_preview() -> None:
    """It says which."""
    desk = Desk(
        "inputs: {amount: {type: integer}}\nvars: {v: '{{1 / (inputs.amount - 5)}}'}\nsteps: [{id: a, call: x}]"
    )
    with pytest.raises(InvalidError, match="vars: "):
        await desk.preview("ann")


async def test_deadlines_count_in_the_calendar_of_the_flow() -> None:
    """Unless the question names one."""
    text = "calendar: mars\nsteps: [{id: a, ask: {title: Go, who: 'group:secops', due: 1bd}}]"
    assert (await Desk(text).preview("ann", {})).asks[0].preview.stages[0].due is None
    assert (await Desk(text.replace("calendar: mars\n", "")).preview("ann", {})).asks[0].preview.stages[0].due
