"""The list of absences: who may change it, what a command becomes, how the list stays small."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hitl_temporal.domain import absences as module
from hitl_temporal.domain.absence import Absence, with_substitutes
from hitl_temporal.domain.absences import (
    KEPT_AFTER_END,
    MAX_CONCERNED,
    MAX_ENDED,
    MAX_KEYS,
    MAX_OF_PERSON,
    MAX_PACKED_BYTES,
    MAX_PACKED_BYTES_OF_PERSON,
    PACKED_AFTER_END,
    Absences,
    AddAbsence,
    Receipt,
    RemoveAbsence,
    carry_out,
    pack,
    parse,
    people_of,
    unpack,
)
from hitl_temporal.domain.people import People
from tests.fakes import PEOPLE

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
ROSTER = PEOPLE.roster([], PEOPLE.people)


def add(actor: str = "bob", **changes: Any) -> AddAbsence:
    """Return the wish for five days from tomorrow."""
    return AddAbsence.model_validate({"actor": actor, "since": NOW + DAY, "until": NOW + 6 * DAY, **changes})


def remove(actor: str = "bob", id: str = "1", **changes: Any) -> RemoveAbsence:  # noqa: A002
    """Return the wish that it were not so."""
    return RemoveAbsence.model_validate({"actor": actor, "id": id, **changes})


def after(*commands: AddAbsence | RemoveAbsence, state: Absences | None = None, at: datetime = NOW) -> Absences:
    """Return the list after commands all of which must be done."""
    state = state or Absences()
    for command in commands:
        state, receipt = carry_out(state, command, roster=ROSTER, at=at)
        assert receipt.status == "done", receipt
    return state


def told(state: Absences, command: AddAbsence | RemoveAbsence, at: datetime = NOW) -> Receipt:
    """Return the receipt of one command; a refused one must leave the list as it is."""
    changed, receipt = carry_out(state, command, roster=ROSTER, at=at)
    assert receipt.status == "done" or changed == state
    return receipt


# --- adding -----------------------------------------------------------------------------------------------------------


def test_a_person_adds_their_own_absence() -> None:
    """The receipt has it, numbered, and the list too."""
    wish = add(substitute="dee", flow="finance.*", reason="skiing", **{"if": "amount > 5"})
    state, receipt = carry_out(Absences(), wish, roster=ROSTER, at=NOW)
    terms = {"since": NOW + DAY, "until": NOW + 6 * DAY, "flow": "finance.*", "condition": "amount > 5"}
    expected = Absence(id="1", person="bob", substitute="dee", reason="skiing", **terms)
    assert (receipt.status, receipt.absence, state.absences) == ("done", expected, (expected,))


@pytest.mark.parametrize("actor", ["gus", "eli"])
def test_operators_and_admins_add_those_of_others(actor: str) -> None:
    """Who has entered it stays with it."""
    receipt = told(Absences(), add(actor, person="bob"))
    assert receipt.absence is not None
    assert (receipt.absence.person, receipt.absence.by) == ("bob", actor)


def test_an_operator_who_is_away_is_a_person_like_any_other() -> None:
    """Their own absence names nobody else."""
    receipt = told(Absences(), add("gus", person="gus"))
    assert receipt.absence is not None
    assert receipt.absence.by is None


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (add("ann", person="bob"), "need the role operator or admin"),
        (add("zoe"), "'zoe' is not an active person"),
        (add("nobody"), "'nobody' is not an active person"),
        (add("system:client", person="bob"), "not an active person"),
        (remove("ann"), "need the role operator or admin"),
        (remove("zoe"), "'zoe' is not an active person"),
    ],
)
def test_nobody_else_may(command: AddAbsence | RemoveAbsence, says: str) -> None:
    """Inactive people and strangers least of all."""
    receipt = told(after(add()), command)
    assert receipt.status == "not_eligible"
    assert says in receipt.reason


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (add(substitute="zoe"), "substitute: 'zoe' is not an active person"),
        (add(substitute="nobody"), "substitute: 'nobody' is not an active person"),
        (add(substitute="bob"), "can't stand in for themself"),
        (add("gus", person="bob", substitute="bob"), "can't stand in for themself"),
        (add("gus", person="nobody"), "person: 'nobody' is not an active person"),
        (add("gus", person="zoe"), "person: 'zoe' is not an active person"),
        (add(since=NOW - DAY, until=NOW), "over already"),
    ],
)
def test_what_does_not_fit_is_invalid(command: AddAbsence | RemoveAbsence, says: str) -> None:
    """It names the field."""
    receipt = told(Absences(), command)
    assert receipt.status == "invalid"
    assert says in receipt.reason


def test_an_absence_may_have_begun() -> None:
    """Who is ill enters it later."""
    assert told(Absences(), add(since=NOW - 9 * DAY)).status == "done"


# --- removing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", ["bob", "gus", "eli"])
def test_the_person_and_operators_remove(actor: str) -> None:
    """The receipt has what was removed; its number is never given again."""
    state = after(add(), add("cai"))
    removed, receipt = carry_out(state, remove(actor, "2" if actor == "cai" else "1"), roster=ROSTER, at=NOW)
    assert receipt.absence == state.absences[0]
    assert removed.absences == state.absences[1:]
    assert [a.id for a in after(add("dee"), state=removed).absences] == ["2", "3"]


def test_what_was_removed_is_gone() -> None:
    """Once more it is unknown, as is what never was."""
    receipts = [told(after(add(), remove()), remove(id=i)) for i in ("1", "7")]
    assert [r.status for r in receipts] == ["unknown", "unknown"]
    assert receipts[1].reason == "there is no absence '7'"


# --- repetition -------------------------------------------------------------------------------------------------------


def test_the_same_key_does_the_same_once() -> None:
    """Of an addition and of a removal, also after more has happened."""
    state = after(add(key="a"), add("cai"), remove(key="r"))
    receipts = [told(state, command) for command in (add(key="a"), remove(key="r"))]
    assert [(r.status, r.absence.id if r.absence else None, r.key) for r in receipts] == [
        ("done", "1", "a"),
        ("done", "1", "r"),
    ]
    assert [a.id for a in state.absences] == ["2"]


def test_a_key_with_another_wish_is_refused() -> None:
    """Also when the verb is another."""
    state = after(add(key="k"))
    wishes = (add(key="k", substitute="dee"), remove(key="k"))
    assert {told(state, wish).reason for wish in wishes} == {
        "key 'k' was used for something else; choose a new one",
    }


def test_a_key_belongs_to_one_person() -> None:
    """Two people may use the same word."""
    assert len(after(add(key="k"), add("cai", key="k")).absences) == 2


def test_only_what_was_done_spends_a_key() -> None:
    """After a refusal the same key is judged afresh."""
    refused = add(key="k", substitute="zoe")
    assert told(Absences(), refused).key == "k"
    assert told(after(add(key="k")), add(key="k")).status == "done"


def test_a_wish_without_a_key_is_done_each_time() -> None:
    """Nothing tells a repetition from a second wish."""
    assert len(after(add(), add()).absences) == 2


def test_so_many_keys_are_remembered() -> None:
    """The oldest go first."""
    wishes = [add(key=f"k{n}") if n % 2 == 0 else remove(id=str(n // 2 + 1), key=f"k{n}") for n in range(MAX_KEYS + 2)]
    state = after(*wishes)
    assert [s.receipt.key for s in state.spent] == [f"k{n}" for n in range(2, MAX_KEYS + 2)]


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_a_person_has_so_many_absences_at_most() -> None:
    """The next is refused until one goes; others are not kept from theirs."""
    state = after(*(add() for _ in range(MAX_OF_PERSON)))
    assert "'bob' has 100 absences already" in told(state, add()).reason
    assert told(state, add("cai")).status == "done"
    assert told(after(remove(), state=state), add()).status == "done"


def test_nobody_fills_the_list_with_long_conditions() -> None:
    """One person's absences take so much room at most."""
    noise = random.Random(1)
    state, receipt = Absences(), None
    for _ in range(20):
        text = "".join(noise.choices("abcdefghijklmnopqrstuvwxyz", k=900))
        state, receipt = carry_out(state, add(**{"if": f"x == '{text}'"}), roster=ROSTER, at=NOW)
    assert receipt is not None
    assert "take too much room" in receipt.reason
    assert 0 < len(pack(state.absences, NOW)) <= MAX_PACKED_BYTES_OF_PERSON


@pytest.mark.parametrize("bound", ["MAX_PACKED_BYTES", "MAX_BYTES"])
def test_a_full_list_takes_no_more(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    """An operator has to make room."""
    state = after(add())
    monkeypatch.setattr(module, bound, 300)
    wish = add("cai", reason="x" * 500, **{"if": " && ".join(f"a{n} > {n * n}" for n in range(60))})
    assert "list of absences is full" in told(state, wish).reason


def test_there_is_room_for_two_thousand_people() -> None:
    """Each away once, with a substitute and a day of their own: the list of all is far from its bound."""
    names = [f"{letter}.{number}@example.com" for number in range(80) for letter in "abcdefghijklmnopqrstuvwxyz"]
    many = [
        Absence(
            id=str(n),
            person=name,
            substitute=names[(n * 7 + 1) % len(names)],
            since=NOW + n % 300 * DAY,
            until=NOW + (n % 300 + n % 19 + 1) * DAY,
        )
        for n, name in enumerate(names)
    ]
    assert len(many) > 2_000
    assert len(pack(many, NOW)) < MAX_PACKED_BYTES / 1.5


def test_what_is_long_over_is_dropped() -> None:
    """At the next change; what has ended lately stays."""
    state = after(add(until=NOW + 2 * DAY), add(until=NOW + 3 * DAY))
    later = after(add("cai", until=NOW + 200 * DAY), state=state, at=NOW + 2 * DAY + KEPT_AFTER_END)
    assert [a.id for a in later.absences] == ["2", "3"]


def test_of_what_is_over_the_oldest_go_first() -> None:
    """However many people have been away; what is not over stays."""
    ended = tuple(
        Absence(id=str(n), person="bob", since=NOW - 9 * DAY, until=NOW - timedelta(minutes=n))
        for n in range(1, MAX_ENDED + 3)
    )
    kept = after(add("cai"), state=Absences(absences=ended, entered=5_000))
    assert {a.id for a in ended} - {a.id for a in kept.absences} == {str(MAX_ENDED + 1), str(MAX_ENDED + 2)}


# --- views ------------------------------------------------------------------------------------------------------------


def test_the_list_is_shown_by_time() -> None:
    """Of one person, or of all."""
    state = after(add(since=NOW + 2 * DAY), add(), add("cai"), add(until=NOW + 2 * DAY))
    assert [[a.id for a in state.of(person)] for person in ("bob", "cai", "ann", None)] == [
        ["4", "2", "1"],
        ["3"],
        [],
        ["4", "2", "3", "1"],
    ]


def test_packed_the_list_has_what_judging_needs() -> None:
    """By person, in the order of entry, without reasons and who entered them, and without what is long over."""
    state = after(add(reason="ill", substitute="dee"), add("gus", person="cai"), add(flow="f.*", **{"if": "a > 1"}))
    bare = tuple(a.but(reason="", by=None) for a in state.absences)
    assert unpack(pack(state.absences, NOW)) == {"bob": (bare[0], bare[2]), "cai": (bare[1],)}
    assert unpack(pack(state.absences, NOW + 6 * DAY + PACKED_AFTER_END)) == {}
    assert unpack(pack((), NOW)) == {}


def test_a_receipt_names_whom_it_concerns() -> None:
    """The absent person, all for whom they may stand in, however far, and all who may stand in for them."""
    state = after(
        add("ann", substitute="bob"),
        add("gus", substitute="ann"),
        add("gus", substitute="ann"),
        add("cai", substitute="dee"),
        add("dee", substitute="eli"),
        add("eli", substitute="cai"),
    )
    assert told(state, add("bob", substitute="cai")).concerns == ("bob", "ann", "gus", "cai", "dee", "eli")
    assert told(state, add("bob")).concerns == ("bob", "ann", "gus")
    assert told(state, remove("cai", "4")).concerns == ("cai", "eli", "dee")


def test_a_receipt_names_a_bounded_number_of_people() -> None:
    """The absent person first."""
    crowd = [f"p{n}" for n in range(MAX_CONCERNED + 9)]
    roster = People.model_validate({"people": {p: {"name": p} for p in ["bob", *crowd]}}).roster([], ["bob", *crowd])
    state = Absences()
    for person in crowd:
        state, _ = carry_out(state, add(person, substitute="bob"), roster=roster, at=NOW)
    _, receipt = carry_out(state, add(), roster=roster, at=NOW)
    assert (len(receipt.concerns), receipt.concerns[0]) == (MAX_CONCERNED, "bob")


# --- what comes from outside ------------------------------------------------------------------------------------------


def test_a_payload_becomes_a_command() -> None:
    """Nulls are absent, unknown fields are of later versions, `if` is the condition."""
    raw = {"actor": "bob", "since": "2026-12-24T00:00:00+01:00", "until": "2027-01-02T00:00:00Z", "if": "a > 1"}
    nulls = dict.fromkeys(["key", "person", "substitute", "flow", "reason"])
    wish = parse("add", {**raw, **nulls, "colour": "red"})
    assert wish == parse("add", raw)
    assert isinstance(wish, AddAbsence)
    assert (wish.condition, wish.since.isoformat()) == ("a > 1", "2026-12-23T23:00:00+00:00")
    assert parse("remove", {"actor": "bob", "id": "1"}) == remove()
    assert people_of(add("gus", person="bob", substitute="dee")) == ("gus", "bob", "dee")
    assert people_of(remove()) == ("bob",)


@pytest.mark.parametrize(
    ("verb", "raw", "says", "key"),
    [
        ("add", {"key": "k"}, "since: missing", "k"),
        ("add", {"key": "k" * 300}, "since: missing", "k" * 200),
        ("add", {"key": 7}, "since: missing", ""),
        ("add", {"actor": "bob", "since": NOW, "until": NOW}, "until: it must lie after `since`", ""),
        ("add", {"actor": "bob", "since": NOW, "until": NOW + DAY, "if": "a >"}, "if: expression 'a >'", ""),
        ("remove", {"actor": "bob"}, "id: missing", ""),
        ("remove", "1", "must be an object", ""),
        ("remove", None, "must be an object", ""),
    ],
)
def test_a_malformed_payload_is_an_invalid_receipt(verb: str, raw: object, says: str, key: str) -> None:
    """It names the field, is bounded, and has the key."""
    receipt = parse(verb, raw)
    assert isinstance(receipt, Receipt)
    assert (receipt.status, receipt.key) == ("invalid", key)
    assert receipt.reason.startswith(says)
    assert len(receipt.reason) <= 500


# --- whatever happens -------------------------------------------------------------------------------------------------

ACTORS = st.sampled_from(["ann", "bob", "cai", "dee", "gus", "eli", "zoe", "nobody"])
KEYS = st.sampled_from([None, "k1", "k2"])


class AnyList(RuleBasedStateMachine):
    """A list under every command, at every time; what is right is said by the contract's sentences, not by the code."""

    def __init__(self) -> None:
        super().__init__()
        self.state = Absences()
        self.now = NOW
        self.before: list[tuple[AddAbsence | RemoveAbsence, Receipt]] = []
        self.changes = Counter[str]()

    @rule(
        actor=ACTORS,
        person=st.none() | ACTORS,
        substitute=st.none() | ACTORS,
        starts=st.integers(-100, 100),
        lasts=st.integers(1, 100),
        key=KEYS,
    )
    def somebody_adds(
        self, actor: str, person: str | None, substitute: str | None, starts: int, lasts: int, key: str | None
    ) -> None:
        """Anybody, for anybody, with anybody in their place."""
        since = self.now + starts * DAY
        self._does(add(actor, person=person, substitute=substitute, since=since, until=since + lasts * DAY, key=key))

    @rule(actor=ACTORS, number=st.integers(1, 12), key=KEYS)
    def somebody_removes(self, actor: str, number: int, key: str | None) -> None:
        """Any number, there or not."""
        self._does(remove(actor, str(number), key=key))

    @precondition(lambda self: self.before)
    @rule(which=st.integers(0, 99))
    def something_arrives_again(self, which: int) -> None:
        """What was done under a key is not done again."""
        command, receipt = self.before[which % len(self.before)]
        state = self.state
        self._does(command)
        if receipt.status == "done" and command.key is not None:
            assert (self.state, self.before.pop()[1]) == (state, receipt)

    @rule(days=st.integers(1, 60))
    def time_passes(self, days: int) -> None:
        """Absences end by themselves."""
        self.now += days * DAY

    @invariant()
    def numbers_are_unique(self) -> None:
        """Each absence keeps the number that it got."""
        numbers = [int(a.id) for a in self.state.absences]
        assert numbers == sorted(set(numbers))
        assert self.state.entered == self.changes["AddAbsence"] >= max(numbers, default=0)

    @invariant()
    def the_list_survives_its_journey(self) -> None:
        """Over continue-as-new, and packed."""
        assert Absences.model_validate_json(self.state.model_dump_json()) == self.state
        live = [a.but(reason="", by=None) for a in self.state.absences if a.until + PACKED_AFTER_END > self.now]
        found = unpack(pack(self.state.absences, self.now))
        assert sorted((a for s in found.values() for a in s), key=lambda a: int(a.id)) == live
        assert with_substitutes(found, found) == found

    def _does(self, command: AddAbsence | RemoveAbsence) -> None:
        state = self.state
        self.state, receipt = carry_out(state, command, roster=ROSTER, at=self.now)
        was = {a.id: a for a in state.absences}
        now = {a.id: a for a in self.state.absences}
        new, gone = now.keys() - was.keys(), was.keys() - now.keys()
        if self.state != state:
            self.changes[type(command).__name__] += 1
            changed = receipt.absence
            assert receipt.status == "done"
            assert changed is not None
            assert command.actor == changed.person or set(ROSTER.cards[command.actor].roles) & {"operator", "admin"}
            assert ROSTER.is_active(command.actor)
            assert new == ({changed.id} if isinstance(command, AddAbsence) else set())
            assert all(i == changed.id or was[i].until + KEPT_AFTER_END <= self.now for i in gone)
            assert changed.person in receipt.concerns
        if isinstance(command, AddAbsence) and new:
            absence = now[new.pop()]
            assert absence.person == (command.person or command.actor) != absence.substitute
            assert absence.until > self.now
            assert all(ROSTER.is_active(p) for p in (absence.person, absence.substitute) if p is not None)
        self.before.append((command, receipt))


TestAnyList = pytest.mark.lives(AnyList.TestCase)
