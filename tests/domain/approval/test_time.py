"""Deadlines and reminders: what happens when nobody says anything."""

from datetime import UTC, datetime, timedelta

import pytest

from hitl_temporal.domain.approval.clock import next_moment
from hitl_temporal.domain.approval.state import MAX_PASSING
from hitl_temporal.domain.calendar import DEFAULT, week_of
from tests.domain.approval.playing import MONDAY, Play, people_with, people_without

HOUR = timedelta(hours=1)


# --- Due --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at_due", "outcome"), [("expire", "expired"), ("reject", "rejected"), ("later", "later")])
def test_silence_ends_a_stage_as_its_author_wrote(at_due: str, outcome: str) -> None:
    """`expire` is the default, `reject` and any negative outcome may be written."""
    play = Play({"who": "user:cai", "due": "1h", "at_due": at_due}, outcomes={"later": {"label": "Later"}})
    play.wait("59m")
    assert play.state.outcome is None
    play.wait("1m")
    assert (play.state.outcome, play.stage.state, play.state.decisions) == (outcome, outcome, ())
    assert play.facts("due_passed") == [{"stage": "s1", "at_due": at_due}]


def test_an_answer_before_the_due_moment_counts() -> None:
    """One microsecond is enough."""
    play = Play({"who": "user:cai", "due": "1h"})
    assert play.decide("cai", at=MONDAY + HOUR - timedelta(microseconds=1)).status == "counted"


def test_an_answer_at_the_due_moment_is_too_late() -> None:
    """The deadline is first, also when nobody has told the machine the time before."""
    play = Play({"who": "user:cai", "due": "1h"})
    receipt = play.decide("cai", at=MONDAY + HOUR)
    assert (receipt.status, receipt.reason) == ("closed", "already expired")


def test_an_answer_that_the_server_had_in_time_counts_whatever_was_worked_on_before_it() -> None:
    """A message confirmed after the due moment does not make an earlier answer late; time does not go back either."""
    play = Play({"who": "user:cai", "due": "1h", "remind": "45m"})
    play.now = MONDAY + 2 * HOUR
    play.deliver("asked:s1:cai")
    answered = MONDAY + HOUR / 2
    assert play.decide("cai", at=answered).status == "counted"
    assert play.sent("reminded") == []
    assert (play.state.decisions[0].at, play.state.now) == (answered, MONDAY + 2 * HOUR)


def test_a_withdrawal_at_the_due_moment_is_too_late() -> None:
    """What has expired cannot be taken back."""
    play = Play({"who": "user:cai", "due": "1h"})
    play.now += HOUR
    assert play.withdraw("ann").status == "closed"


def test_silence_approves_only_where_it_is_written_twice() -> None:
    """`at_due: approved` with `at_due_positive: true` ends the stage, and the trail tells that nobody decided."""
    play = Play({"who": "user:cai", "due": "1h", "at_due": "approved", "at_due_positive": True})
    play.wait("1h")
    assert (play.state.outcome, play.state.decisions) == ("approved", ())


def test_positive_silence_opens_the_next_stage() -> None:
    """Its own time begins then."""
    first = {"who": "user:cai", "due": "1h", "at_due": "approved", "at_due_positive": True}
    play = Play(first, {"who": "user:dee", "due": "1h"})
    play.wait("3h")
    assert play.stage_states == ["approved", "open"]
    assert play.state.stages[1].due_at == MONDAY + 4 * HOUR


def test_a_stage_opened_by_silence_asks_the_people_of_that_day() -> None:
    """The directory is read again with the event, or with the answer that comes after the due moment."""
    first = {"who": "user:cai", "due": "1h", "at_due": "approved", "at_due_positive": True}
    for happens in ("time", "answer"):
        play = Play(first, {"who": "group:leads"})
        play.people = people_with("leads", "gus")
        play.now += HOUR
        if happens == "time":
            play.wait("0s", reads_people=True)
        else:
            play.decide("gus")
        assert play.sent("asked") == ["cai", "gus"]


def test_silence_in_the_second_stage_expires_the_approval() -> None:
    """What the first stage has said does not help."""
    play = Play({"who": "user:cai"}, {"who": "user:dee", "due": "1h"})
    play.decide("cai")
    play.wait("1h")
    assert (play.state.outcome, play.stage_states) == ("expired", ["approved", "expired"])


def test_a_parked_stage_still_expires() -> None:
    """The deadline goes on while an operator is looked for."""
    play = Play({"who": "group:empty", "due": "1h"})
    play.wait("1h")
    assert play.state.outcome == "expired"


def test_silence_of_nobody_never_approves() -> None:
    """Where nobody could answer, a positive `at_due` does not hold: the stage stays parked, without a deadline."""
    play = Play({"who": "group:empty", "due": "1h", "at_due": "approved", "at_due_positive": True})
    play.wait("2h")
    assert (play.state.state, play.state.outcome, play.stage.due_at) == ("parked", None, None)
    assert play.stage.reason.endswith("names no eligible person; so it can't be approved by silence either")
    assert len(play.facts("parked")) == 1


def test_silence_of_people_who_have_left_never_approves() -> None:
    """Likewise where those who were asked are gone at the due moment."""
    play = Play({"who": "user:cai", "due": "1h", "at_due": "approved", "at_due_positive": True})
    play.people = people_without("cai")
    play.wait("1h", reads_people=True)
    assert (play.state.state, play.state.outcome) == ("parked", None)


def test_no_due_waits_for_ever() -> None:
    """There is no moment at which anything would happen by itself."""
    play = Play()
    assert next_moment(play.state) is None
    play.wait("500w")
    assert play.state.outcome is None


def test_nothing_is_due_any_more_after_the_end() -> None:
    """Time may pass; nobody is reminded and nothing expires."""
    play = Play({"who": "user:cai", "due": "2h", "remind": "1h"})
    play.decide("cai")
    play.wait("5h")
    assert (next_moment(play.state), play.state.outcome, play.sent("reminded")) == (None, "approved", [])


def test_time_never_goes_back() -> None:
    """An event that comes late leaves the clock where it is."""
    play = Play({"who": "user:cai", "remind": "1h"})
    play.wait("3h")
    play.now = MONDAY
    play.wait("0s")
    assert play.state.now == MONDAY + 3 * HOUR


# --- Reminders --------------------------------------------------------------------------------------------------------


def test_one_duration_repeats() -> None:
    """Everybody who may still act is reminded, again and again, counted from the opening."""
    play = Play({"who": "group:secops", "approve": 2, "remind": "1h"})
    play.wait("1h")
    assert play.sent("reminded") == ["cai", "dee"]
    play.decide("cai")
    play.wait("1h")
    assert play.sent("reminded") == ["cai", "dee", "dee"]
    assert next_moment(play.state) == MONDAY + 3 * HOUR


def test_a_list_is_once_each() -> None:
    """In the order of their moments, whatever the order written; equal ones are one."""
    play = Play({"who": "user:cai", "remind": ["3h", "1h", "60m"]})
    for reminders in (1, 1, 2, 2):
        play.wait("1h")
        assert len(play.sent("reminded")) == reminders
    assert next_moment(play.state) is None


@pytest.mark.parametrize("remind", ["1h", "1bh", ["1h", "2h", "4h"]])
def test_missed_reminders_are_one(remind: str | list[str]) -> None:
    """After an outage nobody gets five messages, and the rhythm stays."""
    play = Play({"who": "user:cai", "remind": remind})
    play.wait("3h")
    assert play.sent("reminded") == ["cai"]
    assert next_moment(play.state) == MONDAY + 4 * HOUR
    play.wait("1h")
    assert play.sent("reminded") == ["cai"] * 2


def test_a_long_outage_of_short_reminders_costs_nothing() -> None:
    """Years of missed seconds are not counted one by one."""
    play = Play({"who": "user:cai", "remind": "1s"})
    play.wait("500w")
    assert play.sent("reminded") == ["cai"]
    assert next_moment(play.state) == play.now + timedelta(seconds=1)


def test_at_one_moment_the_reminder_comes_before_the_deadline() -> None:
    """Both happen, in this order."""
    play = Play({"who": "user:cai", "remind": "1h", "due": "1h"})
    play.wait("1h")
    told = [e.name for e in play.effects if hasattr(e, "name")]
    assert told[-3:] == ["approval.reminded", "approval.due_passed", "approval.stage_ended"]


def test_reminders_after_the_deadline_are_not_sent() -> None:
    """What was missed of both happens as it would have happened in time."""
    play = Play({"who": "user:cai", "remind": ["2h"], "due": "1h"})
    play.wait("3h")
    assert (play.sent("reminded"), play.state.outcome) == ([], "expired")


def test_reminders_are_numbered_up_to_the_deadline() -> None:
    """What lies behind it was never due."""
    play = Play({"who": "user:cai", "remind": "1h", "due": "150m"})
    play.wait("9h")
    assert [d.id for d in play.state.deliveries if d.occasion == "reminded"] == ["reminded:s1:cai:2"]


def test_a_parked_stage_reminds_nobody() -> None:
    """There is nobody to remind."""
    play = Play({"who": "group:trio", "approve": "all", "remind": "1h"})
    play.people = people_without("eli")
    play.decide("cai")
    play.wait("5h")
    assert play.sent("reminded") == []


def test_reminders_do_not_make_the_state_grow_for_ever() -> None:
    """Of those that have arrived only the last ones are kept, and their numbers go on."""
    play = Play({"who": "user:cai", "remind": "1h"})
    for _ in range(MAX_PASSING + 3):
        play.wait("1h")
        play.deliver(play.state.deliveries[-1].id)
    kept = [d.id for d in play.state.deliveries if d.occasion == "reminded"]
    assert (len(kept), kept[-1]) == (MAX_PASSING + 1, f"reminded:s1:cai:{MAX_PASSING + 3}")


# --- Calendars --------------------------------------------------------------------------------------------------------


def test_business_time_counts_in_the_stages_calendar_else_in_the_asks() -> None:
    """Without either, in the site's default, which is MON-FRI 09:00-17:00 UTC when there is none."""
    early = DEFAULT.but(name="early", week=week_of({"MON-SUN": ("07:00-08:00",)}))
    calendars = {"early": early}
    stages = [{"who": "user:cai", "due": "1bh", "calendar": "early"}, {"who": "user:dee", "due": "1bh"}]
    play = Play(*stages, calendars=calendars)
    assert play.stage.due_at == datetime(2026, 3, 3, 8, tzinfo=UTC)
    play.decide("cai")
    assert play.state.stages[1].due_at == MONDAY + HOUR
    assert Play(stages[1], calendar="early", calendars=calendars).stage.due_at == datetime(2026, 3, 3, 8, tzinfo=UTC)


@pytest.mark.parametrize("times", [{"due": "1bd"}, {"remind": "1bd"}, {"remind": ["1bh"]}])
def test_an_unknown_calendar_parks(times: dict[str, object]) -> None:
    """A time that cannot be told is not made up: the reason names the calendar and those that are known."""
    play = Play({"who": "user:cai", "calendar": "mars", **times}, calendars={"default": DEFAULT})
    assert (play.state.state, play.sent("asked")) == ("parked", [])
    assert play.stage.reason == "its times can't be planned: calendar 'mars' is not in site.yaml; known: default"


def test_a_deadline_that_can_be_told_stands_when_its_reminders_cannot() -> None:
    """A parked stage keeps it."""
    play = Play({"who": "user:cai", "calendar": "mars", "due": "1h", "remind": "1bh"})
    play.wait("1h")
    assert play.state.outcome == "expired"


def test_a_calendar_that_ends_stops_the_reminders_alone() -> None:
    """Beyond the years it knows nobody is reminded; the question stays open."""
    short = DEFAULT.but(name="short", until=datetime(2026, 3, 3, tzinfo=UTC).date())
    play = Play({"who": "user:cai", "calendar": "short", "remind": "5bh"}, calendars={"short": short})
    play.wait("1w")
    assert (play.sent("reminded"), next_moment(play.state), play.state.state) == (["cai"], None, "open")
    assert play.decide("cai").status == "counted"
