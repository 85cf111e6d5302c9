"""The input of the workflow type `Approval`: an ask, and beside it who asks, about what.

Must not know: who started the workflow.
"""

from pydantic import Field

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.state import Origin
from hitl_temporal.domain.audit import TraceParent
from hitl_temporal.domain.ids import PersonName
from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.people import CLIENT
from hitl_temporal.domain.value import FromOutside, Json


class Request(FromOutside, Ask):
    """One flat object: the keys of `ask` with these beside them."""

    requester: PersonName = CLIENT
    on_behalf_of: PersonName | None = None
    context: dict[str, Json] = Field(default_factory=dict)
    """What expressions see; its keys are the top-level names."""
    origin: Origin | None = None
    fields: dict[str, Input] = Field(default_factory=dict)
    """What the values of the context that may be amended must be like, by path."""
    parent: TraceParent | None = None
    """The span this approval's trail hangs under; None: a trace of its own."""

    @property
    def ask(self) -> Ask:
        """The question alone, as it was written."""
        written = [name for name in Ask.model_fields if name in self.model_fields_set]
        return Ask.model_validate({name: getattr(self, name) for name in written})
