"""The kinds of identifiers, each with a type of its own so that one is never passed for another."""

import re
from typing import Annotated, NewType

from pydantic import StringConstraints

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
