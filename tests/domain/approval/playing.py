"""A question to people, played by hand: each method is one event, the clock moves only when a test says so."""

from datetime import UTC, datetime, timedelta

from hitl_temporal.domain.absence import Absence, with_substitutes
from hitl_temporal.domain.approval import events
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.commands import VERBS, Decide, Receipt
from hitl_temporal.domain.approval.effects import Deliver, Effect, Reply
from hitl_temporal.domain.approval.eligibility import may_act
from hitl_temporal.domain.approval.judge import flooded
from hitl_temporal.domain.approval.machine import advance
from hitl_temporal.domain.approval.opening import begin
from hitl_temporal.domain.approval.state import StageRun
from hitl_temporal.domain.approval.surroundings import people as known_people
from hitl_temporal.domain.approval.surroundings import selectors
from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.duration import fixed
from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.people import People, Roster
from hitl_temporal.domain.value import Json

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)

PEOPLE = People.model_validate(
    {
        "people": {
            "ann": {"name": "Ann Lee", "manager": "bob"},
            "bob": {"name": "Bob Roy", "manager": "eli", "via": ["chat"]},
            "cai": {"name": "Cai Wu"},
            "dee": {"name": "Dee Fox"},
            "eli": {"name": "Eli Ode", "roles": ["admin"]},
            "gus": {"name": "Gus Kay"},
            "zoe": {"name": "Zoe Old", "active": False},
        },
        "groups": {
            "leads": {"members": ["bob"]},
            "secops": {"members": ["cai", "dee"]},
            "trio": {"members": ["cai", "dee", "eli"]},
            "all": {"members": ["ann", "bob", "cai", "dee", "eli", "gus", "zoe"]},
            "gone": {"members": ["zoe"]},
            "empty": {},
        },
        "owners": {"erp": "group:secops"},
    }
)


def people_without(*leavers: str) -> People:
    """Return the directory after these people have become inactive."""
    left = {p: person.but(active=False) for p, person in PEOPLE.people.items() if p in leavers}
    return PEOPLE.but(people={**PEOPLE.people, **left})


def people_with(group: str, *members: str) -> People:
    """Return the directory after a group has got other members."""
    return PEOPLE.but(groups={**PEOPLE.groups, group: PEOPLE.groups[group].but(members=members)})


def people_in_role(person: str, role: str) -> People:
    """Return the directory after somebody has been given a role."""
    return PEOPLE.but(people={**PEOPLE.people, person: PEOPLE.people[person].but(roles=(role,))})


def with_absences(people: People, absences: list[Absence], roster: Roster) -> Roster:
    """Return a roster with the absences of everybody in it and of their substitutes, and the cards of these."""
    of = {p: tuple(a for a in absences if a.person == p) for p in dict.fromkeys(a.person for a in absences)}
    found = with_substitutes(of, roster.cards)
    substitutes = [a.substitute for entries in found.values() for a in entries if a.substitute is not None]
    return roster.but(cards={**roster.cards, **people.roster((), substitutes).cards}, absences=found)


class Play:
    """One approval, and everything that it has wanted done so far."""

    def __init__(
        self,
        *stages: dict[str, Json],
        requester: str = "ann",
        on_behalf_of: str | None = None,
        context: dict[str, Json] | None = None,
        calendars: dict[str, Calendar] | None = None,
        is_resolved: bool = True,
        **ask: Json,
    ) -> None:
        """Put a question with these stages (by default one of secops) and further keys of an ask."""
        named: list[Json] = [
            stage if "parallel" in stage else {"name": f"s{n}", **stage}
            for n, stage in enumerate(stages or [{"who": "group:secops"}], 1)
        ]
        document = Ask.model_validate({"title": "Go?", "stages": named, **ask})
        self.now = MONDAY
        self.people = PEOPLE
        self.absences: list[Absence] = []
        self.effects: list[Effect] = []
        self.state = begin(
            "a-1", document, requester=requester, on_behalf_of=on_behalf_of, context=context, at=self.now
        )
        if is_resolved:
            self.resolve(calendars)

    def feed(self, event: events.Event) -> tuple[Effect, ...]:
        """Let something happen."""
        self.state, effects = advance(self.state, event)
        self.effects.extend(effects)
        return effects

    def resolve(self, calendars: dict[str, Calendar] | None = None) -> None:
        """Read the directory for the first time."""
        self.feed(events.PeopleResolved(at=self.now, roster=self.roster(), calendars=calendars or {}))

    def roster(self, *people: str) -> Roster:
        """Read the directory and the absences as the shell does."""
        named = (*people, *known_people(self.state))
        return with_absences(
            self.people, self.absences, self.people.roster(selectors(self.state), named).bounded(named)
        )

    def away(self, person: str, substitute: str | None = None, **rest: object) -> None:
        """Let somebody be out of office, by default from the start of the week on and for long."""
        terms = {"since": MONDAY, "until": MONDAY + timedelta(weeks=50), **rest}
        number = str(len(self.absences) + 1)
        document = {"id": number, "person": person, "substitute": substitute, **terms}
        self.absences.append(Absence.model_validate(document))

    def decide(self, actor: str, outcome: str = "approved", *, at: datetime | None = None, **rest: object) -> Receipt:
        """Answer as somebody."""
        return self.do("decide", actor, at=at, outcome=outcome, **rest)

    def withdraw(self, actor: str, **rest: object) -> Receipt:
        """Take the request back as somebody."""
        return self.do("withdraw", actor, **rest)

    def do(self, verb: str, actor: str, *, at: datetime | None = None, **rest: object) -> Receipt:
        """Send any verb as somebody."""
        command = VERBS[verb].command.model_validate({"actor": actor, **rest})
        named = [p for p in (actor, getattr(command, "to", None)) if p is not None]
        event = events.CommandSubmitted(at=at or self.now, verb=verb, command=command, roster=self.roster(*named))
        return _receipt(self.feed(event))

    def flooded(self, actor: str, outcome: str = "approved", **rest: object) -> Receipt | None:
        """Return with what an answer would be turned away before it is recorded."""
        command = Decide.model_validate({"actor": actor, "outcome": outcome, **rest})
        return flooded(self.state, "decide", command, self.now)

    def signal(self, actor: str, outcome: str = "approved", **rest: object) -> Receipt:
        """Answer as somebody who gets no receipt; what is returned is what it would say."""
        command = Decide.model_validate({"actor": actor, "outcome": outcome, **rest})
        roster = self.roster(actor)
        return _receipt(
            self.feed(
                events.CommandSubmitted(at=self.now, verb="decide", command=command, roster=roster, has_no_answer=True)
            )
        )

    def wait(self, duration: str, *, reads_people: bool = False) -> None:
        """Let time pass."""
        self.now += fixed(duration) or timedelta()
        self.feed(events.TimePassed(at=self.now, roster=self.roster() if reads_people else None))

    def deliver(self, delivery: str, state: str = "delivered", channel: str | None = "mail") -> None:
        """Let a channel answer."""
        ended = {"delivery": delivery, "state": state, "channel": channel}
        self.feed(events.DeliveriesEnded.model_validate({"at": self.now, "ended": [ended]}))

    def close(self) -> None:
        """Let the shell say that everything has been said and sent."""
        self.feed(events.Closed(at=self.now))

    def may_act(self, stage: str | None = None) -> list[str]:
        """Return who may act now in a stage, by default the first."""
        return list(may_act(self.state, self.state.stage(stage) if stage else self.stage))

    def reassign(self, actor: str, to: str, source: str | None = None) -> Receipt:
        """Give a place to somebody else, as an operator."""
        return self.do("reassign", actor, to=to, reason="needed", **({"from": source} if source else {}))

    @property
    def stage(self) -> StageRun:
        """The first stage."""
        return self.state.stages[0]

    @property
    def stage_states(self) -> list[str]:
        """The state of each stage, in order."""
        return [s.state for s in self.state.stages]

    def sent(self, occasion: str) -> list[str]:
        """Return who was told, in order."""
        return [e.delivery.person for e in self.effects if isinstance(e, Deliver) and e.delivery.occasion == occasion]

    def facts(self, name: str) -> list[dict[str, Json]]:
        """Return the attributes of the facts of this name, in order, without their prefix."""
        records = [e for e in self.effects if isinstance(e, Record) and e.name == f"approval.{name}"]
        return [{k.removeprefix("hitl."): v for k, v in r.attributes.items()} for r in records]


def _receipt(effects: tuple[Effect, ...]) -> Receipt:
    (receipt,) = [e.receipt for e in effects if isinstance(e, Reply)]
    return receipt
