"""The pages in a real browser: what only a browser can tell, and whole errands as people run them."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.e2e.house import House

pytestmark = [pytest.mark.process]


def start_safe(house: House, why: str) -> str:
    """Ask for the safe as ann, and return what bob is asked."""
    answer = house.call("ann", "POST", "/v1/flows/safe_opening/runs", {"inputs": {"why": why}})
    return house.asked("bob", answer.json()["id"])


def page_of(approval: str) -> str:
    return f"/approvals/{approval}"


def demand_narrow(page: Page, what: str) -> None:
    """Fail where a page scrolls sideways, or a button is lower than a finger is wide."""
    width, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width <= room, f"{what} is {width} px wide where there are {room}"
    low = page.evaluate(
        "[...document.querySelectorAll('button, a.button')].map(b => b.offsetHeight).filter(h => h < 44)"
    )
    assert low == [], f"{what} has buttons of {low} px"


def test_the_login_leads_back_to_what_was_wanted(house: House, visit: Visit) -> None:
    """Also to the page of one request, and the header says who is there."""
    approval = start_safe(house, "a look")
    page = visit("bob", page_of(approval))
    expect(page).to_have_url(f"{house.url}{page_of(approval)}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Open the safe for a look")
    expect(page.get_by_role("banner")).to_contain_text("Logged in as bob")


def test_a_request_is_found_in_the_inbox_and_decided(house: House, visit: Visit) -> None:
    """The browser itself asks for the comment and the field that are needed, and a no needs no field."""
    start_safe(house, "the books")
    page = visit("bob")
    page.get_by_role("link", name="Open the safe for the books").click()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Open the safe for the books")
    assert page.evaluate("document.querySelectorAll(':user-invalid').length") > 0
    page.get_by_label("Comment").fill("not today")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your answer counts")
    page.get_by_role("link", name="See the request").click()
    expect(page.get_by_text("not today")).to_be_visible()


def test_an_answer_of_a_program_is_confirmed_by_its_person(house: House, visit: Visit) -> None:
    """A token is not enough for the safe: the receipt leads to the page, and there one button does it."""
    approval = start_safe(house, "the key")
    receipt = house.decide("bob", approval, comment="fine with me", form={"door": "left"})
    assert (receipt.status_code, receipt.json()["status"]) == (401, "needs_step_up")
    page = visit("bob", receipt.json()["confirm"].removeprefix(house.url))
    expect(page.get_by_text("is kept and does not count yet")).to_be_visible()
    expect(page.get_by_text("fine with me")).to_be_visible()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your answer counts")
    (decision,) = house.get("bob", f"/v1/approvals/{approval}")["decisions"]
    assert (decision["assurance"], decision["comment"], decision["form"]) == ("high", "fine with me", {"door": "left"})


def test_whom_a_request_would_ask_is_shown_before_it_is_sent(house: House, visit: Visit) -> None:
    """What was typed stays, and nothing is started by looking."""
    page = visit("ann", "/catalog/firewall_change")
    page.get_by_label("Source network").fill("198.51.100.0/24")
    page.get_by_label("Port").fill("2222")
    page.get_by_role("button", name="Who will be asked?").click()
    expect(page.get_by_role("heading", name="Who will be asked")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Bob de Vries").first).to_be_visible()
    expect(page.get_by_label("Port")).to_have_value("2222")
    assert house.get("ann", "/v1/runs?flow=firewall_change")["items"] == []


def test_everything_works_without_javascript(house: House, visit: Visit) -> None:
    """From the catalogue to the answer, with folded parts that open by themselves."""
    page = visit("ann", "/catalog/safe_opening", scripts=False)
    page.get_by_label("What for").fill("no scripts")
    page.get_by_role("button", name="Start").click()
    run = page.url.rpartition("/")[2]
    approval = house.asked("bob", run)
    page = visit("bob", page_of(approval), scripts=False)
    page.get_by_text("Ask for more first").click()
    page.get_by_label("Your question").fill("whose idea was it?")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_text("whose idea was it?", exact=True)).to_be_visible()
    page = visit("ann", page_of(approval), scripts=False)
    page.get_by_label("Your answer").fill("mine")
    page.get_by_role("button", name="Answer", exact=True).click()
    page = visit("bob", page_of(approval), scripts=False)
    page.get_by_label("Which door").select_option("right")
    page.get_by_label("Comment").fill("go on")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your answer counts")
    assert house.ended(run)["status"] == "completed"


def test_no_page_is_wider_than_a_phone(house: House, visit: Visit) -> None:
    """Nor has anything that is pressed a smaller side than a finger needs."""
    approval = start_safe(house, "x" * 120 + " with-a-name-that-has-no-place-to-break-anywhere-at-all-in-it")
    run = approval.removesuffix(".approve.1")
    page = visit("bob", phone=True)
    for path in ("/", page_of(approval), f"/runs/{run}", "/catalog", "/catalog/firewall_change", "/login", "/nope"):
        page.goto(path)
        for folded in page.locator("summary").all():
            folded.click()
        demand_narrow(page, path)


def test_a_receipt_fits_a_phone(house: House, visit: Visit) -> None:
    """With what it says and its buttons."""
    page = visit("bob", page_of(start_safe(house, "a phone")), phone=True)
    page.get_by_label("Comment").fill("w" * 300)
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your answer counts")
    demand_narrow(page, "receipt")
