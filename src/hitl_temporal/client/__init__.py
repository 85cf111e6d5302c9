"""The typed HTTP client, for programs and the command. Must not know Temporal, terminals or any settings."""

from hitl_temporal.client.answers import (
    Absence,
    AbsenceChange,
    ApprovalItem,
    AuditTrail,
    BatchReceipt,
    Digest,
    FlowCard,
    Page,
    Reason,
    Receipt,
    Run,
    RunItem,
    Started,
    StepResult,
)
from hitl_temporal.client.approval import Approval
from hitl_temporal.client.client import Client
from hitl_temporal.client.errors import (
    ApiError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    StrangeAnswerError,
    UnauthenticatedError,
    UnavailableError,
    UnreachableError,
)

__all__ = [
    "Absence",
    "AbsenceChange",
    "ApiError",
    "Approval",
    "ApprovalItem",
    "AuditTrail",
    "BatchReceipt",
    "Client",
    "ConflictError",
    "Digest",
    "FlowCard",
    "ForbiddenError",
    "InvalidError",
    "NotFoundError",
    "Page",
    "Reason",
    "Receipt",
    "Run",
    "RunItem",
    "Started",
    "StepResult",
    "StrangeAnswerError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnreachableError",
]
