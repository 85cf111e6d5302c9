"""Names in people.yaml that nobody bears, groups in circles, and people that can't be told apart.

Must not know: flows.
"""

from collections.abc import Iterator
from zoneinfo import available_timezones

from hitl_temporal.definition.documents import Document
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.domain.people import People

from .selectors import why_nobody

__all__ = ["lint_people"]

_GROUP = "group:"


def lint_people(people: People, document: Document) -> tuple[Problem, ...]:
    """Return what is wrong with a directory whose form is right, in the order of the lines."""
    problems = [
        *_check_people(people, document),
        *_check_members(people, document),
        *_check_circles(people, document),
        *_check_owners(people, document),
    ]
    return tuple(sorted(problems, key=lambda p: (p.line, p.column)))


def _check_people(people: People, document: Document) -> Iterator[Problem]:
    zones = available_timezones()
    emails: dict[str, str] = {}
    for person_id, person in people.people.items():
        at = ("people", person_id)
        if person.manager is not None and person.manager not in people.people:
            mend = resembling(person.manager, people.people, "add the manager to `people`")
            yield document.problem((*at, "manager"), f"unknown manager {person.manager!r}", mend)
        if person.manager == person_id:
            mend = "remove it; who has no manager falls to `fallback`"
            yield document.problem((*at, "manager"), f"{person_id!r} is their own manager", mend)
        if person.tz not in zones:
            mend = resembling(person.tz, zones, "write a name such as Europe/Amsterdam")
            yield document.problem((*at, "tz"), f"unknown time zone {person.tz!r}", mend)
        if person.email is not None:
            other = emails.setdefault(person.email.casefold(), person_id)
            if other != person_id:
                # Logins are matched by address: one address for two would let one act as the other.
                message = f"{person_id!r} and {other!r} have the same e-mail address"
                yield document.problem((*at, "email"), message, "give each their own")


def _check_members(people: People, document: Document) -> Iterator[Problem]:
    for name, group in people.groups.items():
        for index, member in enumerate(group.members):
            at = ("groups", name, "members", index)
            if member.startswith(_GROUP):
                nested = member.removeprefix(_GROUP)
                if nested not in people.groups:
                    mend = resembling(nested, people.groups, "add it to `groups`")
                    yield document.problem(at, f"unknown group {nested!r}", mend)
            elif member not in people.people:
                plain = member.removeprefix("user:")
                if plain in people.people:
                    mend = f"ids are bare here: {plain}"
                elif plain in people.groups:
                    mend = f"a group in a group is written {_GROUP}{plain}"
                else:
                    mend = resembling(member, people.people, "add them to `people`")
                yield document.problem(at, f"unknown member {member!r}", mend)


def _check_circles(people: People, document: Document) -> Iterator[Problem]:
    """Yield each circle of groups once, at the entry that closes it."""
    sound: set[str] = set()

    def walk(name: str, way: tuple[str, ...]) -> Iterator[Problem]:
        group = people.groups.get(name)
        if name in sound or group is None:
            return
        for index, member in enumerate(group.members):
            nested = member.removeprefix(_GROUP)
            if not member.startswith(_GROUP):
                continue
            if nested in (*way, name):
                circle = " > ".join([*(*way, name)[(*way, name).index(nested) :], nested])
                at = ("groups", name, "members", index)
                yield document.problem(at, f"groups hold each other in a circle: {circle}", "remove one of them")
            else:
                yield from walk(nested, (*way, name))
        sound.add(name)

    for name in people.groups:
        yield from walk(name, ())


def _check_owners(people: People, document: Document) -> Iterator[Problem]:
    for name, selector in people.owners.items():
        if selector.startswith(("owner:", "manager:")):
            mend = "write user:ID, group:ID or role:ID"
            yield document.problem(("owners", name), f"an owner can't be {selector!r}", mend)
        elif (wrong := why_nobody(selector, people)) is not None:
            yield document.problem(("owners", name), *wrong)
