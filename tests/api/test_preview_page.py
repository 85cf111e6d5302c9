"""The button "who will be asked" of a flow's page: an answer above the form, and nothing started."""

import html
import re
from typing import Any

import httpx

from hitl_temporal.domain.approval.stage_preview import Asked, Away, LeftOut, StagePreview
from hitl_temporal.service.errors import ForbiddenError, InvalidError
from hitl_temporal.service.previews import Previewed
from tests.api.house import EVIL, NOW, House, a_preview, hidden

PATH = "/catalog/test_flow"
TYPED = {"input.source": "10.0.0.0/24", "input.port": "22", "input.secret": "hush"}


async def pressed(bob: httpx.AsyncClient) -> httpx.Response:
    """Return what the button answers."""
    page = await bob.get(PATH)
    (address,) = re.findall(r'formaction="([^"]+)"', page.text)
    return await bob.post(address, data={**hidden(page), **TYPED})


def words(page: httpx.Response) -> str:
    """Return what a page says, without its markup."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.text)))


async def test_it_says_who_will_be_asked_and_starts_nothing(bob: httpx.AsyncClient, house: House) -> None:
    """Above the form, in which everything stands as it was typed, but for what is secret."""
    answer = await pressed(bob)
    assert answer.status_code == 200
    sent = {"source": "10.0.0.0/24", "port": 22, "secret": "hush", "days": 30, "urgent": False}
    asked = house.sent[0]
    assert (asked["by"], asked["flow"], asked["inputs"].items() <= sent.items()) == ("bob", "test_flow", True)
    assert [s for s in house.sent if "key" in s] == []
    said = words(answer)
    for part in ("Open port 22", "manager", "Bob manager:user:ann", "1 of 1 must agree", "Due", "perhaps", "Cai"):
        assert part in said
    assert "Depends on steps.risk.outputs.score." in said
    assert answer.text.index("Who will be asked</h2>") < answer.text.index('name="input.source"')
    assert 'value="10.0.0.0/24"' in answer.text
    assert "hush" not in answer.text
    assert hidden(answer).keys() == {"form_token", "key"}


async def test_the_form_starts_as_before(bob: httpx.AsyncClient, house: House) -> None:
    """The first button is the one that Enter presses: it starts."""
    page = (await pressed(bob)).text
    buttons = re.findall(r"<button([^>]*)>([^<]+)</button>", page.partition("<main")[2])
    assert [(name, "formaction" in attributes) for attributes, name in buttons] == [
        ("Start", False),
        ("Who will be asked?", True),
    ]
    assert "Who will be asked</h2>" not in (await bob.get(PATH)).text


async def test_everything_that_may_be_said_of_a_stage_is_said(bob: httpx.AsyncClient, house: House) -> None:
    """Who stands in, who is left out and why, how many are meant, that nobody could decide."""
    cai = Asked(person="cai", name="Cai", because=("group:secops",), on_behalf_of="dee")
    quiet = Asked(person="bob", name="Bob", because=("user:bob",), is_quiet=True)
    whole: dict[str, Any] = {"name": "s", "block": 0, "number": 60, "people": (cai,), "approve": (2, 1), "reject": 1}
    away = (Away(person="dee", substitute="cai"), Away(person="bob", reason="nobody stands in"))
    left = (LeftOut(person="ann", reason="'ann' is the requester of this request"),)
    house.preview = a_preview(
        StagePreview(**whole, left_out=left, is_fallback=True, picked=2, picks="2 of these, by random", due=NOW),
        StagePreview(**whole | {"name": "later", "away": away, "due_in": "2bd4h"}),
        StagePreview(name="t", block=1, applies="no", reason="when: inputs.port > 1000"),
        StagePreview(name="u", block=2, parks="nobody can act: group:gone names no eligible person"),
        StagePreview(name="v", block=2, number=3, votes=4, people=(quiet,), approve=(3,)),
        automatic="approved",
        sample="10%",
        rule="standard change",
        depends=("sample: people decide 10% of what a rule would approve",),
    )
    said = words(await pressed(bob))
    for part in (
        *(
            "Cai for Dee",
            "2 or 1 of 60 must agree",
            "2 or 1 of 2 must agree",
            "asked: 2 of these, by random",
            "since nobody else could",
        ),
        *("and 59 more", "Not asked: Ann 'ann' is the requester", "not asked When: inputs.port > 1000."),
        "Due 2 working days and 4 hours after it is opened",
        *("Dee is away: Cai stands in", "Bob is away: nobody stands in"),
        "Nobody can act: group:gone names no eligible person. It would wait for an operator.",
        "A rule decides: approved (standard change); people decide 10% of such.",
        *("3 votes of 4 must agree", "Bob user:bob; not told"),
        "Sample: people decide 10% of what a rule would approve.",
    ):
        assert part in said, part


async def test_a_rule_that_decides_says_that_nobody_is_asked(bob: httpx.AsyncClient, house: House) -> None:
    """And one that is only watched, that people decide."""
    house.preview = a_preview(automatic="approved", rule="small")
    assert "A rule decides: approved (small); nobody is asked." in words(await pressed(bob))
    house.preview = a_preview(shadowed="approved", rule="small")
    assert "Only watched: a rule would decide approved (small); people decide." in words(await pressed(bob))


async def test_a_question_that_may_not_be_asked_says_so(bob: httpx.AsyncClient, house: House) -> None:
    """By its own `if`; and a flow that asks nobody says that."""
    (ask,) = a_preview().asks
    perhaps = ask.but(applies="perhaps", reason="if: depends on steps.risk.outcome")
    no = ask.but(applies="no", reason="if: inputs.port > 1000")
    whole = {"flow": "f", "requester": "bob", "on_behalf_of": None, "at": NOW}
    house.preview = Previewed(**whole, asks=(perhaps, no))
    said = words(await pressed(bob))
    assert "Perhaps not asked at all: If: depends on steps.risk.outcome." in said
    assert "Not asked: If: inputs.port > 1000." in said
    house.preview = Previewed(**whole, asks=())
    assert "It asks nobody." in words(await pressed(bob))


async def test_a_question_that_asks_nobody_says_that_it_would_park(bob: httpx.AsyncClient, house: House) -> None:
    """No list is empty: it says why nobody is in it."""
    (ask,) = a_preview().asks
    nobody = ask.but(preview=ask.preview.but(stages=(), parks="no stage applies: no row of its route holds"))
    house.preview = a_preview().but(asks=(nobody,))
    page = await pressed(bob)
    assert "No stage applies: no row of its route holds. It would wait for an operator." in words(page)
    assert '<ol class="list">' not in page.text.partition("<main")[2].partition("<form")[0]


async def test_inputs_that_do_not_fit_come_back_with_the_reason(bob: httpx.AsyncClient, house: House) -> None:
    """As at the start; who may not start it learns that."""
    house.error = InvalidError("input 'port': 'many' is not a whole number")
    answer = await pressed(bob)
    assert (answer.status_code, 'value="10.0.0.0/24"' in answer.text) == (422, True)
    assert "is not a whole number. Nothing was started." in answer.text
    house.error = ForbiddenError("not yours")
    assert (await pressed(bob)).status_code == 403


async def test_what_people_wrote_is_shown_as_text(bob: httpx.AsyncClient, house: House) -> None:
    """No script of a title, a rule or a reason runs."""
    stage = StagePreview(
        name=EVIL, block=0, applies="perhaps", reason=EVIL, left_out=(LeftOut(person=EVIL, reason=EVIL),)
    )
    house.preview = a_preview(stage, title=EVIL, automatic="approved", rule=EVIL, depends=(EVIL,))
    page = (await pressed(bob)).text
    assert "<script" not in page
    assert "<img" not in page


async def test_only_a_form_of_the_own_session_asks(bob: httpx.AsyncClient, house: House) -> None:
    """Who is asked is nobody else's business."""
    assert (await bob.post(f"{PATH}/preview", data=TYPED)).status_code == 403
    assert (await bob.get(f"{PATH}/preview")).status_code == 405
    assert house.sent == []
