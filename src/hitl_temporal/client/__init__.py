"""The typed HTTP client, for programs and the command. Must not know Temporal, terminals or any settings."""

from hitl_temporal.client.answers import (
    Absence,
    AbsenceChange,
    Approval,
    ApprovalItem,
    AuditTrail,
    FlowCard,
    Page,
    Reason,
    Receipt,
    Run,
    RunItem,
    Started,
)
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
    "Client",
    "ConflictError",
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
    "StrangeAnswerError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnreachableError",
]
