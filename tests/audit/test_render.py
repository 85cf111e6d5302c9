"""How a trail looks to people and programs."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from hitl_temporal.audit.render import as_json, html, table
from hitl_temporal.audit.verify import verify
from hitl_temporal.domain.audit import Fact, Trail, record

if TYPE_CHECKING:
    from conftest import Trace


def one_fact(**attributes: str) -> tuple[Fact, ...]:
    told = {f"hitl.{name}": text for name, text in attributes.items()}
    at = datetime(2026, 3, 1, 9, tzinfo=UTC)
    return (record(Trail.begin("<run>", "r1"), name="run.started", key="k", at=at, attributes=told, run_id="r1")[1],)


def test_the_table_is_a_timeline_of_all_workflows(trace: "Trace") -> None:
    """Lines are in the order of time and aligned: when, where, what happened, who, and the rest."""
    lines = table(trace.facts).splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["time", "(UTC)"], ["2026-03-01", "09:00:00"]]
    assert [line[:29].split()[2:] for line in lines[1:5]] == [["run-1"], ["run-1"], [".ask.1"], [".ask.1"]]
    decided = next(line for line in lines if "approval.decided" in line)
    assert decided == (
        '2026-03-01 09:04:00  .ask.1    approval.decided  bob       outcome=approved limits={"port":[443,1.5]}'
    )
    assert next(line for line in lines if "approval.asked" in line).endswith("bob, eve  due=null")


def test_wide_letters_take_two_cells() -> None:
    """A column after a name in wide letters stays aligned in a terminal."""
    assert "  山田  title=x" in table(one_fact(actor="山田", title="x"))


def test_no_fact_reaches_into_the_terminal() -> None:
    """Control characters, newlines and direction marks in what people wrote are shown, not obeyed."""
    text = table(one_fact(actor="eve\x1b[2J", reason="a\nb\u202ec\x9b"))
    assert len(text.splitlines()) == 2
    assert "eve\\x1b[2J" in text
    assert "reason=a\\nb\\u202ec\\x9b" in text


def test_long_texts_are_cut() -> None:
    """A line stays readable whatever somebody wrote."""
    line = table(one_fact(actor="e" * 500, reason="x" * 5000)).splitlines()[1]
    assert len(line) < 220
    assert line.endswith("…")


def test_no_facts_are_a_table_of_headings() -> None:
    """An empty trail is shown as such."""
    assert table(()) == "time (UTC)  workflow  event  who  what"


def test_json_is_what_was_hashed(trace: "Trace") -> None:
    """Each object reads back as its fact."""
    assert [Fact.model_validate(fact) for fact in as_json(trace.facts)] == list(trace.facts)


class Page(HTMLParser):
    """Collects elements and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect an element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Collect text."""
        self.text += data


def test_the_page_says_what_was_found_in_words(trace: "Trace") -> None:
    """Verdict and counts are text, not only colour; every fact is a row."""
    page = Page(html(trace.facts, verify(trace.facts)))
    assert "Verified: complete and unchanged." in page.text
    assert "9 facts of 2 workflows" in page.text
    assert sum(tag == "tr" for tag, _ in page.elements) == 1 + len(trace.facts)
    broken = Page(html(trace.run, verify(trace.run)))
    assert "removed at run-1.ask.1, fact 1" in broken.text


def test_the_page_needs_nothing_and_runs_nothing(trace: "Trace") -> None:
    """No scripts, no requests: it opens in ten years, and its policy forbids both."""
    page = Page(html(trace.facts, verify(trace.facts)))
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "img", "iframe", "object"}
    assert not any({"src", "href"} & set(attributes) for _, attributes in page.elements)
    policies = [a["content"] for tag, a in page.elements if tag == "meta" and "http-equiv" in a]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_the_page_can_be_read_without_seeing_it(trace: "Trace") -> None:
    """Language, title, headings, a caption and header cells with their scope are there."""
    page = Page(html(trace.facts, verify(trace.facts)))
    assert ("html", {"lang": "en"}) in page.elements
    assert {"title", "main", "h1", "h2", "caption", "time"} <= {tag for tag, _ in page.elements}
    assert {a.get("scope") for tag, a in page.elements if tag == "th"} == {"col", "row"}


def test_the_page_escapes_what_people_wrote() -> None:
    """Markup in any text is shown as text, in ids and findings too."""
    facts = one_fact(actor="<script>alert(1)</script>", reason="\"'><img src=x onerror=alert(1)>")
    page = Page(html(facts, verify(facts)))
    assert not {"script", "img", "run"} & {tag for tag, _ in page.elements}
    assert "<script>alert(1)</script>" in page.text
    assert "Audit trail of <run>" in page.text


def test_the_abandoned_branch_is_marked(trace: "Trace") -> None:
    """What a reset left behind is still told, and told as such."""
    first = Trail.begin("run-1", "r1")
    retried = record(
        first,
        name="run.started",
        key="started",
        at=datetime(2026, 3, 2, tzinfo=UTC),
        attributes={},
        run_id="r2",
    )[1]
    lines = table((*trace.run, retried)).splitlines()
    assert sum("(abandoned)" in line for line in lines) == len(trace.run)
