"""The kinds of identifiers, each with a type of its own so that one is never passed for another."""

import re
from typing import Annotated, NewType

from pydantic import AfterValidator, StringConstraints

FlowName = NewType("FlowName", str)
RunId = NewType("RunId", str)
ApprovalId = NewType("ApprovalId", str)
StepId = NewType("StepId", str)
PersonId = NewType("PersonId", str)
GroupId = NewType("GroupId", str)

OUR_ID = re.compile(r"[A-Za-z0-9._:-]{1,200}")
"""What ids that we make match; ids that others gave may be anything and are percent-encoded in URLs."""

FLOW_NAME = r"^[a-z][a-z0-9_.]*$"
STEP_ID = r"^[a-z][a-z0-9_]*$"
PERSON_ID = r"^[A-Za-z0-9][A-Za-z0-9._@-]*$"

FlowNameText = Annotated[str, StringConstraints(pattern=FLOW_NAME, max_length=200)]
StepIdText = Annotated[str, StringConstraints(pattern=STEP_ID, max_length=100)]
PersonIdText = Annotated[str, StringConstraints(pattern=PERSON_ID, max_length=200)]


def person_id(name: str) -> str:
    """Return the id of somebody who may be written as a selector, `user:ada`, or with blanks around.

    One person must have one id wherever they are named: else a blank makes two of them, and one approves for the other.

    Raises:
        ValueError: It names nobody.
    """
    plain = name.strip().removeprefix("user:").strip()
    if not plain:
        raise ValueError(f"{name!r} names nobody")
    return plain


PersonName = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(person_id)]
"""A person's id as it comes from outside."""
