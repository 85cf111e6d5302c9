"""Whatever happens to a run that is watched: what is told, kept and recorded stays in step with it."""

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hitl_temporal.domain.flow import events, lateness
from hitl_temporal.domain.flow.alarms import is_parked
from hitl_temporal.domain.flow.effects import KeepTicket, Notify
from hitl_temporal.domain.flow.forecast import forecast
from hitl_temporal.domain.flow.machine import advance
from hitl_temporal.domain.flow.turn import Turn
from tests.domain.flow.test_alarms import watched
from tests.domain.flow.test_lateness import hours
from tests.domain.flow.world import World, ask, call, each, undo

STEPS = ("a", "b", "post", "post[0].book", "post[1].book", "z")
ACTIONS = ("rerun", "skip", "finish", "cancel_step", "acknowledge", "hold", "release", "start_step")

HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("succeeds"), st.sampled_from(STEPS)),
        st.tuples(st.just("fails"), st.sampled_from(STEPS)),
        st.tuples(st.sampled_from(ACTIONS), st.sampled_from((*STEPS, None))),
        st.tuples(st.sampled_from(("undone", "undo_fails", "closed", "cancel")), st.sampled_from(STEPS)),
        st.tuples(st.just("passes"), st.sampled_from((1, 40, 600))),
    ),
    max_size=25,
)


def world() -> World:
    """Return a run with all kinds of watch."""
    found = watched(
        call("a", undo=undo("a"), incident={"on_close": "rerun", "open_on": ["parked", "failed"]}),
        call("b", needs=[], on_failure="continue", expect={"longest": "median", "start_by": "1h"}),
        each("post", [1, 2], call("book", expect={"longest": "30m"}), needs=[], tolerate=1),
        ask("z", needs=["a", "b"], expect={"finish_by": "3h"}),
        expect={"finish_by": "6h", "alert": "projected", "route": "duty"},
        incident={"resolve_on": "end"},
    )
    found.feed(events.StatisticsRead(at=found.now, statistics=hours(a=1, b=2, post=1, z=1)))
    return found


def play(of: World, what: str, about: Any, n: int) -> None:
    """Let one thing happen."""
    match what:
        case "passes":
            of.passes(minutes=about)
        case "succeeds" | "fails":
            if about in of.run.steps:
                getattr(of, what)(about)
        case "undone" | "undo_fails":
            getattr(of, what)(about)
        case "closed":
            event = {"specversion": "1.0", "id": str(n), "source": "s", "type": "hitl.ticket.closed"}
            of.operate("event", actor="system:ticket", **{"with": {**event, "subject": f"sample/{about[-4:]}"}})
        case "cancel":
            of.operate("cancel", key=str(n))
        case action:
            of.operate(action, about, key=str(n))


@given(HAPPENINGS)
def test_no_projection_is_missed(happenings: list[tuple[str, Any]]) -> None:
    """A projection is not made at every event, and yet nobody is ever told later than if it were."""
    of = world()
    for n, (what, about) in enumerate(happenings):
        play(of, what, about, n)
        found = forecast(of.run, of.run.now)
        is_open = ":finish_by" in of.run.watch.promised.get("", {})
        if found is not None and is_open and found.finish > of.run.started_at + timedelta(hours=6):
            assert of.run.watch.projected == (":finish_by",)


@given(HAPPENINGS)
def test_what_is_expected_is_known_whatever_has_changed(happenings: list[tuple[str, Any]]) -> None:
    """Worked out for what has changed alone, it is what it would be if it were worked out for everything."""
    of = world()
    for n, (what, about) in enumerate(happenings):
        play(of, what, about, n)
        if of.run.status is None:
            turn = Turn(of.run)
            turn.look_anew(of.run.steps)
            lateness.follow(turn)
            assert (turn.run.watch.promised, turn.run.watch.due) == (of.run.watch.promised, of.run.watch.due)


@given(HAPPENINGS)
def test_what_is_watched_stays_in_step(happenings: list[tuple[str, Any]]) -> None:
    """Alerts are about what is parked now, every key is used once, the end is the last fact, a replay is the same."""
    of = world()
    for n, (what, about) in enumerate(happenings):
        play(of, what, about, n)
        run = of.run
        parked = {a for a, s in run.steps.items() if is_parked(s)} if run.status is None else set[str]()
        assert {a.step for a in run.watch.alerts.values() if a.kind == "parked"} == parked
        assert run.status is None or run.watch.alerts == {}
        assert of.next_moment is None or of.next_moment > of.now
    keys = [f.key for f in of.facts]
    assert len(keys) == len({*keys})
    sent = [e.key for e in of.effects if isinstance(e, Notify | KeepTicket)]
    assert len(sent) == len({*sent})
    assert of.run.status is None or of.facts[-1].name == "run.ended"
    again = of.first.but(watch=of.first.watch.but(routes=of.run.watch.routes))
    for event in of.fed:
        again, _ = advance(again, event)
    assert again == of.run
