"""The same answer to many requests of the inbox, and what became of each.

Must not know: how one answer is judged.
"""

from collections.abc import Mapping

from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse

from hitl_temporal.api.identity import UseCases
from hitl_temporal.api.pages.forms import OwnForm
from hitl_temporal.api.pages.rendering import render
from hitl_temporal.api.pages.route import page_router
from hitl_temporal.api.pages.visitor import Me
from hitl_temporal.domain.value import Json
from hitl_temporal.service.batch import MOST, Answer, decide_many

router = page_router()


@router.post("/decisions")
async def decide_chosen(request: Request, visitor: Me, use: UseCases, form: OwnForm) -> HTMLResponse:
    """Decide every request that was chosen, each bound to what its row showed."""
    if not form.get("outcome"):
        raise HTTPException(400, "there is no answer in this form; open the inbox again and send it from there")
    answers = _answers(form)
    if len(answers) > MOST:
        raise HTTPException(422, f"these are {len(answers)} requests; at most {MOST} can be answered at once")
    receipts = await decide_many(use.approvals, visitor.me, answers)
    titles = {answer.id: form.get(f"title.{number}", "") for number, answer in _chosen(form).items()}
    return render(request, "receipts.html", receipts=receipts, titles=titles, comment=form.get("comment", ""))


def _answers(form: Mapping[str, str]) -> tuple[Answer, ...]:
    return tuple(_chosen(form).values())


def _chosen(form: Mapping[str, str]) -> dict[str, Answer]:
    """Return the answers by the number of their row; a row that was not chosen has no `id`."""
    numbers = [name.removeprefix("id.") for name in form if name.startswith("id.")]
    return {number: Answer(form[f"id.{number}"], _body(form, number)) for number in numbers}


def _body(form: Mapping[str, str], number: str) -> dict[str, Json]:
    """Return one answer. Its key is the page's and the outcome's: another click on the same page is another answer."""
    outcome, key = form["outcome"], form.get("key", "")
    said = {
        "outcome": outcome,
        "comment": form.get("comment", ""),
        "digest": form.get(f"digest.{number}", ""),
        "key": f"{key}.decide.{outcome}" if key else "",
    }
    return {name: text for name, text in said.items() if text}
