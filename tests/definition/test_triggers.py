"""What starts a flow is read from its document as it is written, by the loader and in editors alike."""

import pytest
from jsonschema import Draft202012Validator

from hitl_temporal.definition.documents import parse
from hitl_temporal.definition.lint import Surroundings
from hitl_temporal.definition.project import load_text
from hitl_temporal.definition.schema import flow_schema
from hitl_temporal.definition.site import Calendars, Site
from hitl_temporal.domain.calendar import CalendarDocument
from hitl_temporal.domain.people import People, Person

HEAD = """flow: x
inputs:
  day: {type: string, optional: true}
  n: {type: integer, optional: true}
  list: {type: array, optional: true}
steps: [{id: a, call: b}]
triggers:
  - """


def schema_takes(text: str) -> bool:
    document, _ = parse(text, "flow.yaml")
    return document is not None and Draft202012Validator(flow_schema()).is_valid(document.data)


@pytest.mark.parametrize(
    "trigger",
    [
        "{schedule: {cron: 0 18 * * MON-FRI, tz: Europe/Amsterdam, catchup: 4h, requester: ann}}",
        "{schedule: {name: month-end, day: last-business-day, at: '18:00', shift: next, overlap: queue, paused: true}}",
        "{schedule: {day: [{workday: 3}, {weekday: FRI, nth: 2}, -1], at: ['09:00', '18:00'], calendar: office-nl}}",
        "{schedule: {cron: 0 0 29 2 *, inputs: {day: '{{event.time}}', n: 7, list: ['{{event.time}}']}}}",
        "{schedule: {cron: 0 9 * * MON, inputs: {n: null}}}",
        "{event: {type: t}}",
        "{event: {type: t, source: /a, subject: s, if: event.data.n > 1, inputs: {n: '{{event.data.n}}'}}}",
        "{webhook: {source: shop, if: event.data.paid, inputs: {day: 'no {{event.id}}'}}}",
        "{webhook: {source: shop, secret: shop.signing}}",
        "{file: {path: 'in/*.csv', stable: 1m, inputs: {day: '{{event.data.path}}'}}}",
        "{run: {flow: y}}",
        "{run: {flow: y, status: failed, requester: system:event}}",
        "{run: {flow: y, status: [failed, cancelled], inputs: {list: '{{event.data.outputs.items}}'}}}",
    ],
)
def test_schema_and_models_accept_the_written_forms(trigger: str) -> None:
    """Every way to write a trigger is accepted by both."""
    around = Surroundings(
        people=People(people={"ann": Person(name="Ann")}),
        site=Site(calendars=Calendars.model_validate({"office-nl": CalendarDocument()})),
        flows={"x": None, "y": None},
    )
    flow, problems = load_text(HEAD + trigger, "flow.yaml", around)
    assert flow is not None, problems
    assert problems == ()
    assert schema_takes(HEAD + trigger)


@pytest.mark.parametrize(
    "trigger",
    [
        "{}",
        "{cron: 0 18 * * *}",
        "{schedule: {}}",
        "{schedule: {cron: 0 18 * * *}, event: {type: t}}",
        "{schedule: {cron: 0 18 * * *, day: MON, at: '09:00'}}",
        "{schedule: {cron: 0 18 * * *, at: '09:00'}}",
        "{schedule: {day: MON}}",
        "{schedule: {day: MON, at: '9:00'}}",
        "{schedule: {day: MON, at: []}}",
        "{schedule: {day: someday, at: '09:00'}}",
        "{schedule: {cron: 0 18 * * *, catchup: 2bd}}",
        "{schedule: {cron: 0 18 * * *, overlap: wait}}",
        "{schedule: {cron: 0 18 * * *, name: Night}}",
        "{event: {source: s}}",
        "{event: {type: ''}}",
        "{webhook: {source: My Shop}}",
        "{webhook: {source: shop, secret: '../x'}}",
        "{file: {path: x, stable: 2bh}}",
        "{file: {stable: 1m}}",
        "{run: {flow: Y}}",
        "{run: {flow: y, status: done}}",
        "{run: {flow: y, status: []}}",
    ],
)
def test_schema_and_models_refuse_the_same(trigger: str) -> None:
    """What validation refuses has a red line in an editor already."""
    flow, _ = load_text(HEAD + trigger, "flow.yaml")
    assert flow is None
    assert not schema_takes(HEAD + trigger)


def test_somebody_who_has_left_is_pointed_out() -> None:
    """A flow whose requester is not active is used, with a warning: the directory may be mended meanwhile."""
    around = Surroundings(people=People(people={"ann": Person(name="Ann", active=False)}))
    flow, problems = load_text(HEAD + "{event: {type: t, requester: ann}}", "flow.yaml", around)
    assert flow is not None
    assert [p.message for p in problems] == ["'ann' is not active"]


def test_a_day_on_which_people_work_once_is_enough() -> None:
    """A schedule for Saturdays runs where the calendar opens one of them."""
    trigger = "{schedule: {cron: 0 9 * * SAT, calendar: office-nl, shift: skip}}"

    def problems(calendar: CalendarDocument) -> list[str]:
        around = Surroundings(site=Site(calendars=Calendars.model_validate({"office-nl": calendar})))
        return [p.message for p in load_text(HEAD + trigger, "flow.yaml", around)[1]]

    assert problems(CalendarDocument()) == ["this schedule never runs"]
    assert problems(CalendarDocument.model_validate({"open": ["2026-12-26"]})) == []
