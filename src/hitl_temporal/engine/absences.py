"""The workflow `hitl.absences`: the site's list of who is out of office, and the one judge of every change of it.

A shell around `domain.absences`. There is one, it never ends, and it is started by the first absence. Those who judge
approvals read its memo, which needs no worker (docs/decisions/0008-absences.md).
"""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.absence import Absence
    from hitl_temporal.domain.absence_facts import fact
    from hitl_temporal.domain.absences import COMMANDS, Command, Receipt, carry_out, pack, parse, people_of
    from hitl_temporal.domain.absences import Absences as State
    from hitl_temporal.domain.audit import Trail
    from hitl_temporal.messages import ABSENCES, ABSENCES_MEMO, READ_PEOPLE, AbsencesCarried, PeopleRead, ReadPeople

from hitl_temporal.engine.mailbox import Letter, Mailbox
from hitl_temporal.engine.reading import read
from hitl_temporal.engine.recorder import Recorder
from hitl_temporal.engine.renewal import Renewal


@workflow.defn(name=ABSENCES)
class Absences:
    """Keeps the list; `add` and `remove` are Updates with receipts, and Signals of the same names."""

    @workflow.init
    def __init__(self, carried: Any = None, *_more: Any) -> None:
        """Build the whole state: commands may arrive before `run` has begun."""
        begun = _carried(carried) if workflow.info().continued_run_id else _new()
        self._state = begun.state
        self._packed = pack(self._state.absences, workflow.now())
        self._renewal = Renewal()
        self._recorder = Recorder(begun.trail, self._renewal, begun.facts)
        self._mailbox: Mailbox[Command, Receipt] = Mailbox(
            COMMANDS, parse, Receipt, lambda _verb, _command: None, self._renewal
        )

    @workflow.run
    async def run(self, carried: Any = None, *_more: Any) -> None:  # noqa: ARG002 - read in __init__
        """Judge commands in the order of their arrival; continue as new when the server suggests it."""
        while True:
            self._recorder.has_news = False
            self._recorder.flush()
            await workflow.wait_condition(
                lambda: bool(self._mailbox) or self._recorder.has_news or self._may_continue_as_new
            )
            while self._mailbox:
                await self._judge(self._mailbox.take())
            if self._may_continue_as_new:
                await workflow.wait_condition(workflow.all_handlers_finished)
                if not self._mailbox:
                    self._renewal.continue_as_new(self._carry())

    @workflow.query(name="absences", description="The absences of one person, or of everybody, with reasons")
    def absences(self, person: Any = None, *_more: Any) -> Sequence[Absence]:
        """Answer with what is on the list, those that begin first in front."""
        return self._state.of(person if isinstance(person, str) else None)

    async def _judge(self, letter: Letter[Command, Receipt]) -> None:
        asked = ReadPeople(people=people_of(letter.command), at=letter.at)
        people = await read(READ_PEOPLE, asked, PeopleRead)
        before, at = self._state, people.at or letter.at
        self._state, receipt = carry_out(before, letter.command, roster=people.roster, at=at)
        if self._state != before:  # in the task that also answers: who has the receipt finds the list as it says
            self._packed = pack(self._state.absences, at)
            workflow.upsert_memo({ABSENCES_MEMO: self._packed})
            workflow.set_current_details(_details(self._state))
            if (done := fact(letter.command, receipt, at)) is not None:
                self._recorder.write(done)
        letter.receipt = receipt

    @property
    def _may_continue_as_new(self) -> bool:
        return self._renewal.is_due(is_busy=self._recorder.is_exporting)

    def _carry(self) -> AbsencesCarried:
        return AbsencesCarried(state=self._state, trail=self._recorder.trail, facts=self._recorder.unexported)


def _new() -> AbsencesCarried:
    """Return the list before the first absence."""
    info = workflow.info()
    return AbsencesCarried(state=State(), trail=Trail.begin(info.workflow_id, info.first_execution_run_id))


def _carried(carried: Any) -> AbsencesCarried:
    """Return the list that the run before has handed over, with what of its trail has not been exported.

    Raises:
        RuntimeError: It is none. That fails the task, which is tried again when somebody has mended the code;
            ValidationError would end the workflow and lose the list.
    """
    try:
        return AbsencesCarried.model_validate(carried)
    except ValidationError as error:
        raise RuntimeError(f"the absences of the run before can't be read: {error}") from error


def _details(state: State) -> str:
    people = len({a.person for a in state.absences})
    return f"{len(state.absences)} absences of {people} people; the query `absences` shows them"
