"""What pages are made of, without a page: sessions, places to go, markup, questions, words."""

import re
from datetime import timedelta
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_temporal.api.pages.local import local
from hitl_temporal.api.pages.markup import paragraphs
from hitl_temporal.api.pages.questions import answers, questions
from hitl_temporal.api.pages.session import LIFETIME, Sessions
from hitl_temporal.api.pages.timeline import timeline
from hitl_temporal.api.pages.words import RECEIPTS, moment, relative, sentence, wrong
from hitl_temporal.definition.inputs import input_schema
from hitl_temporal.domain.approval.commands import STATUSES
from tests.api.house import BASE, FLOW, NOW, a_trail


@given(person=st.text(min_size=1, max_size=50), place=st.integers(0, 400), mark=st.characters(codec="ascii"))
def test_a_cookie_is_only_ours_as_we_made_it(person: str, place: int, mark: str) -> None:
    """A cookie names its person until its time is over; another key's, or one changed anywhere, names nobody."""
    ours = Sessions(b"ours")
    cookie = ours.begin(person, NOW)
    assert ours.login(cookie, NOW) == (person, NOW.replace(microsecond=0))
    assert ours.login(cookie, NOW + LIFETIME) is None
    assert Sessions(b"theirs").login(cookie, NOW) is None
    at = place % len(cookie)
    changed = cookie[:at] + mark + cookie[at + 1 :]
    assert changed == cookie or ours.login(changed, NOW) is None


@given(st.text(max_size=200))
def test_any_text_is_a_refused_cookie(cookie: str) -> None:
    """Whatever a client sends as a cookie is nobody's session, and no error."""
    assert Sessions(b"ours").login(cookie, NOW) is None


@given(st.one_of(st.text(max_size=50), st.text(alphabet="/\\\t\n:@.a%?#", max_size=12)))
def test_after_the_login_people_stay_here(path: str) -> None:
    """No `next` leads to another host, also not as browsers read it: without tabs, with a backslash as a slash."""
    as_read = re.sub(r"[\t\r\n]", "", local(path)).replace("\\", "/")
    assert urlsplit(urljoin(f"{BASE}/login", as_read)).netloc == "127.0.0.1:8080"


def test_each_receipt_has_its_own_headline() -> None:
    """No two receipts are told apart by their colour alone."""
    assert len(set(RECEIPTS.values())) == len(STATUSES)


@given(st.text(alphabet="*`<>&\"'ab \n", max_size=60))
def test_a_body_has_only_our_tags(text: str) -> None:
    """Whatever is written, only our three tags come out, and each is closed."""
    found = re.findall(r"<[^>]*>", str(paragraphs(text)))
    assert set(found) <= {"<p dir=auto>", "</p>", "<strong>", "</strong>", "<code>", "</code>"}
    assert all(
        found.count(f"</{tag}>") == sum(f.startswith(f"<{tag}") for f in found) for tag in ("p", "strong", "code")
    )


def test_a_body_keeps_paragraphs_bold_and_code() -> None:
    """A blank line is a new paragraph; stars and backticks mark, and nothing inside code does."""
    assert str(paragraphs("a\nb\r\n\r\n**c** `**d**`")) == (
        "<p dir=auto>a\nb</p>\n<p dir=auto><strong>c</strong> <code>**d**</code></p>"
    )


@given(st.text(max_size=30))
def test_what_is_typed_is_json_or_text(text: str) -> None:
    """Any text becomes a value that has a JSON text; an empty one is no input at all."""
    found = answers(input_schema(FLOW), {"input.port": text, "input.source": text})
    assert found.get("source", "") == text
    assert ("port" in found) == bool(text)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999", '"\\ud800"', "9" * 5000, "[" * 5000, "ten"])
def test_what_json_lacks_stays_text(text: str) -> None:
    """Not-numbers, infinities and the like reach the judge as they were typed."""
    assert answers(input_schema(FLOW), {"input.port": text}) == {"port": text}


def test_questions_follow_the_schema() -> None:
    """Each type has its field, with the bounds that a browser can check and the default filled in."""
    asked = {q.name: q for q in questions(input_schema(FLOW), {})}
    assert {name: q.kind for name, q in asked.items()} == {
        "source": "text",
        "port": "number",
        "days": "number",
        "why": "text",
        "secret": "password",
        "urgent": "choice",
        "hosts": "lines",
    }
    assert ("min", "1") in asked["port"].bounds
    assert (asked["port"].is_required, asked["days"].is_required, asked["days"].text) == (True, False, "30")
    assert (asked["urgent"].choices, asked["urgent"].text) == (("true", "false"), "false")


@pytest.mark.parametrize(
    ("distance", "said"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=59), "in a moment"),
        (-timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "in 1 minute"),
        (timedelta(minutes=119), "in 1 hour"),
        (timedelta(days=2, hours=23), "in 2 days"),
        (timedelta(hours=-3), "3 hours ago"),
    ],
)
def test_times_are_said_in_words(distance: timedelta, said: str) -> None:
    """A moment is told in its largest unit, rounded down."""
    assert relative(NOW + distance, NOW) == said


@pytest.mark.parametrize(
    ("reason", "said"),
    [("look again", "Look again."), ("'ann' asked", "'ann' asked."), ("Is one running?", "Is one running?"), ("", "")],
)
def test_reasons_are_said_as_sentences(reason: str, said: str) -> None:
    """A reason gets a capital and a full stop; an id in quotes stays as it is, and no reason stays none."""
    assert sentence(reason) == said


def test_a_timeline_tells_moments_as_people_read_them() -> None:
    """What a fact writes for machines; anything else, also what only begins like one, stays as it was written."""
    (fact,) = a_trail("step.granted", **{"hitl.until": "2026-12-15T01:58:17.207291+00:00", "hitl.reason": "2026-12-15"})
    (moment,) = timeline([fact])
    assert moment.about == (("reason", "2026-12-15"), ("until", "Tue 15 Dec 2026, 01:58 UTC"))


def test_moments_in_a_reason_are_said_as_people_say_them() -> None:
    """Without microseconds and offsets."""
    assert sentence(f"'cai' has claimed it until {NOW.isoformat()}") == f"'cai' has claimed it until {moment(NOW)}."


def test_what_is_wrong_is_said_by_the_label_of_its_field() -> None:
    """Nobody has seen the name of a field of ours."""
    assert wrong("with.for: 'xx' is not a duration") == "By how much: 'xx' is not a duration"
    assert wrong("to: 'xx' is nobody") == "to: 'xx' is nobody"
    assert wrong("nobody") == "nobody"
