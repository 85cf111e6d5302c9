"""People, groups and owners; how a selector names people; what an approval knows of them.

A `Directory` (a port) answers with a `Roster`: the few people one approval is about, at one moment. The embedded
directory (people.yaml) is a `People` value and makes rosters itself.

Must not know: where a directory is kept, how people are reached.
"""

import re
from collections.abc import Iterable, Iterator

from pydantic import Field

from .absence import Absence
from .ids import PersonIdText
from .value import Json, Value

SYSTEM = "system:"
"""The prefix of actors that are machines: `system:client`, `system:auto`. They are never people."""

CLIENT = f"{SYSTEM}client"
"""Who starts or cancels an execution in Temporal without saying who they are."""
EVENT = f"{SYSTEM}event"
"""What starts a run because something has happened, and nobody is named who asks."""
RUN = f"{SYSTEM}run"
"""The run, or the Python workflow, that has put a question."""
SUBJECT = f"{SYSTEM}subject"
"""A newer request about the same."""

OPERATORS = frozenset({"operator", "admin"})
"""The roles that may do more than what they are asked for."""

SELECTOR = re.compile(r"(?:user|group|role|owner):\S+|manager:requester|manager:user:\S+")


class Person(Value):
    """One person of the embedded directory."""

    name: str
    email: str | None = None
    manager: PersonIdText | None = None
    tz: str = "UTC"
    locale: str = "en"
    active: bool = True
    roles: tuple[str, ...] = ()
    via: tuple[str, ...] = ()
    """Channels in order of preference; empty: the stage's."""
    ids: dict[str, str] = Field(default_factory=dict)
    """The person's id in each other system, by the system's name."""


class Group(Value):
    """Members by id; `group:other` nests a group."""

    members: tuple[str, ...] = ()


class Card(Value):
    """What an approval keeps of one person: enough to judge and to address, nothing more."""

    name: str
    active: bool = True
    roles: tuple[str, ...] = ()
    via: tuple[str, ...] = ()


class Load(Value):
    """What one person has to do, and has done.

    Attributes:
        open: How many approvals wait for them.
        decided: How many of this flow's they have decided.
    """

    open: int = 0
    decided: int = 0


MAX_PEOPLE = 1_500
"""How many people an approval may name in all its stages: they travel with it at each step."""


class Roster(Value):
    """Who each selector named when the directory was read, and the cards of all of them.

    Attributes:
        loads: Of the people whom a stage may pick from; empty where none picks.
        turns: How often a stage's turn has come, by its name (`picking.turn_key`); for `round_robin`.
        members: One entry per selector that was asked for; people in the directory's order, inactive ones included.
        cards: One entry per person in `members` or asked for by id and known; whoever is missing is not a person.
        absences: Out of office: one entry per person who has absences and is in `cards`, or stands in for somebody who
            is, however far; the substitutes are in `cards` too.
        oversized: How many people the selectors name where that is more than can be carried (`MAX_PEOPLE`); then they
            name nobody here, so that nobody acts whom a `not` might bar. 0: they are all here.
    """

    members: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    cards: dict[str, Card] = Field(default_factory=dict)
    loads: dict[str, Load] = Field(default_factory=dict)
    turns: dict[str, int] = Field(default_factory=dict)
    absences: dict[str, tuple[Absence, ...]] = Field(default_factory=dict)
    oversized: int = 0

    def bounded(self, people: Iterable[str]) -> "Roster":
        """Return it as it is, or if it is too large, only with the cards of these people, who were asked for by id."""
        if len(self.cards) <= MAX_PEOPLE:
            return self
        cards = {p: self.cards[p] for p in dict.fromkeys(people) if p in self.cards}
        return Roster(members=dict.fromkeys(self.members, ()), cards=cards, oversized=len(self.cards))

    @property
    def why_nobody(self) -> str | None:
        """Why it names nobody although there are people, None where it is as the directory says."""
        if not self.oversized:
            return None
        return f"{self.oversized} people are named in all, and {MAX_PEOPLE} is the most: name smaller groups"

    def named_by(self, selectors: Iterable[str]) -> tuple[str, ...]:
        """Return the people that any of the selectors names, each once, in order.

        A `user:` selector that was not asked for names the person all the same, if there is a card: somebody who was
        picked, or came in later.
        """
        found: list[str] = []
        for selector in selectors:
            members = self.members.get(selector)
            if members is not None:
                found.extend(members)
            elif selector.startswith("user:") and selector[5:] in self.cards:
                found.append(selector[5:])
        return tuple(dict.fromkeys(found))

    def knows(self, selector: str) -> bool:
        """Tell whether the directory was asked whom a selector names, which may be nobody."""
        return selector in self.members or (selector.startswith("user:") and selector[5:] in self.cards)

    def is_active(self, person: str) -> bool:
        """Tell whether the directory knows this person as active."""
        card = self.cards.get(person)
        return card is not None and card.active

    def stranger(self, person: str) -> str | None:
        """Return what is said of somebody whom the directory does not know as active, None of all others."""
        return None if self.is_active(person) else f"{person!r} is not an active person of the directory"


class People(Value):
    """The embedded directory, as people.yaml writes it."""

    people: dict[PersonIdText, Person] = Field(default_factory=dict)
    groups: dict[str, Group] = Field(default_factory=dict)
    owners: dict[str, str] = Field(default_factory=dict)
    """Name of a thing to the selector of those who own it."""

    def resolve(self, selector: str) -> tuple[str, ...]:
        """Return the ids that a selector names, in order, inactive people included; unknown names give nobody."""
        kind, _, name = selector.partition(":")
        match kind:
            case "user":
                return (name,) if name in self.people else ()
            case "group":
                return tuple(dict.fromkeys(self._expand(name, set())))
            case "role":
                return tuple(p for p, person in self.people.items() if name in person.roles)
            case "owner":
                owner = self.owners.get(name, "")
                # An owner of an owner is refused by the lint; here it must only not go round in circles.
                return () if owner.startswith("owner:") else self.resolve(owner)
            case "manager" if name.startswith("user:"):
                person = self.people.get(name.removeprefix("user:"))
                return (person.manager,) if person and person.manager in self.people else ()
            case _:
                return ()

    def _expand(self, group: str, seen: set[str]) -> Iterator[str]:
        if group in seen or group not in self.groups:
            return
        seen.add(group)
        for member in self.groups[group].members:
            if member.startswith("group:"):
                yield from self._expand(member.removeprefix("group:"), seen)
            elif member in self.people:
                yield member

    def groups_of(self, person: str) -> tuple[str, ...]:
        """Return the groups that hold this person, directly or through a nested group, sorted."""
        return tuple(sorted(g for g in self.groups if person in self.resolve(f"group:{g}")))

    def zone_of(self, person: str) -> str:
        """Return the IANA time zone in which this person lives; UTC for the unknown."""
        return self.people[person].tz if person in self.people else "UTC"

    def roster(self, selectors: Iterable[str], people: Iterable[str] = ()) -> Roster:
        """Return the roster for these selectors and, beside them, these people."""
        members = {s: self.resolve(s) for s in selectors}
        wanted = dict.fromkeys([*(p for ids in members.values() for p in ids), *people])
        return Roster(members=members, cards={p: self._card(p) for p in wanted if p in self.people})

    def _card(self, person: str) -> Card:
        p = self.people[person]
        return Card(name=p.name, active=p.active, roles=p.roles, via=p.via)


def is_selector(text: str) -> bool:
    """Tell whether the text has the form of a selector; it may still name nobody."""
    return SELECTOR.fullmatch(text) is not None


def bind(selector: str, requester: str) -> str:
    """Return the selector with `manager:requester` made concrete, so that a directory need not know the request."""
    return f"manager:user:{requester}" if selector == "manager:requester" else selector


def selector_list(value: Json) -> tuple[str, ...] | None:
    """Return the selectors that a rendered `who` entry gives (one string or a list of them), None if it is neither."""
    found = value if isinstance(value, list) else [value]
    texts = tuple(t for t in found if isinstance(t, str) and is_selector(t))
    return texts if len(texts) == len(found) else None
