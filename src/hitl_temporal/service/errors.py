"""What a use case may refuse with; each door turns them into its own words.

ServiceError
├── NotFoundError      there is no such thing, or the caller may not see it
├── ForbiddenError     the caller may not do this
├── InvalidError       the request does not fit: names the field
├── ConflictError      the id is in use
└── UnavailableError   Temporal or a worker does not answer; nothing was recorded
    └── UnansweredError    something was sent, and its answer was lost: whether it was recorded is not known
"""


class ServiceError(Exception):
    """A use case did not happen; the message says what, to which id, and what to do."""


class NotFoundError(ServiceError):
    """There is no such flow, run or approval, or the caller may not see it."""


class ForbiddenError(ServiceError):
    """The caller is known and may not do this."""


class InvalidError(ServiceError):
    """The request does not fit what it is for."""


class ConflictError(ServiceError):
    """An id is in use, open or closed."""


class UnavailableError(ServiceError):
    """Temporal, or a worker, did not answer in time. Nothing was recorded, unless it is an `UnansweredError`."""


class UnansweredError(UnavailableError):
    """Something was sent and its answer was lost: it is recorded or not, and with the same key it counts once.

    Attributes:
        key: Of what was sent; empty: it had none.
    """

    def __init__(self, said: str, key: str) -> None:
        super().__init__(said)
        self.key = key
