"""The people of a simulation: those of the project with what a scenario says of them, and what becomes of them.

Must not know: runs, approvals.
"""

from collections.abc import Iterable, Mapping, Sequence

from hitl_temporal.domain.absence import Absence, with_substitutes
from hitl_temporal.domain.people import Group, People, Person, Roster

__all__ = ["joined", "left", "left_groups", "merged", "roster"]


def merged(base: People, given: People) -> People:
    """Return a directory with what is given beside it; of a person, only what is written takes another's place."""
    people = {**base.people, **{p: _changed(base.people.get(p), p, person) for p, person in given.people.items()}}
    return People(people=people, groups={**base.groups, **given.groups}, owners={**base.owners, **given.owners})


def _changed(base: Person | None, name: str, given: Person) -> Person:
    if base is None:
        return given
    written = {f: getattr(given, f) for f in given.model_fields_set}
    return base.but(**{f: v for f, v in written.items() if (f, v) != ("name", name)})


def left(directory: People, persons: Iterable[str]) -> People:
    """Return a directory in which these people are inactive."""
    gone = {p: directory.people[p].but(active=False) for p in persons if p in directory.people}
    return directory.but(people={**directory.people, **gone})


def left_groups(directory: People, groups: Mapping[str, Sequence[str]]) -> People:
    """Return a directory in which these people are no members of these groups."""
    found = dict(directory.groups)
    for name, persons in groups.items():
        if name in found:
            found[name] = Group(members=tuple(m for m in found[name].members if m not in persons))
    return directory.but(groups=found)


def joined(directory: People, groups: Mapping[str, Sequence[str]]) -> People:
    """Return a directory in which these people are members of these groups; who was not known is now."""
    people, found = dict(directory.people), dict(directory.groups)
    for name, persons in groups.items():
        members = found[name].members if name in found else ()
        found[name] = Group(members=tuple(dict.fromkeys((*members, *persons))))
        people |= {p: Person(name=p) for p in persons if p not in people and not p.startswith("group:")}
    return directory.but(people=people, groups=found)


def roster(
    directory: People, absences: Mapping[str, tuple[Absence, ...]], selectors: Iterable[str], people: Iterable[str]
) -> Roster:
    """Return who each selector names, with the cards and absences of them all, and of their substitutes."""
    asked = tuple(people)
    found = directory.roster(selectors, asked).bounded(asked)
    away = with_substitutes(absences, found.cards)
    substitutes = (a.substitute for several in away.values() for a in several if a.substitute is not None)
    strangers = [s for s in dict.fromkeys(substitutes) if s not in found.cards]
    return found.but(cards={**found.cards, **directory.roster((), strangers).cards}, absences=away)
