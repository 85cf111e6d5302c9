"""Why the HTTP service gave no answer to work with.

A refused decision or action is none of these: it comes back as a receipt.

ApiError
├── UnreachableError       nobody answers at the address
├── UnavailableError       503: the service answers, Temporal or a worker does not
├── UnauthenticatedError   401: the service does not know who calls
├── ForbiddenError         403: it knows, and the caller may not
├── NotFoundError          404: there is no such thing, or the caller may not see it
├── ConflictError          409: an id is in use
├── InvalidError           any other 4xx: the request does not fit; names the field
└── StrangeAnswerError     the answer is none of this API: a proxy's page, a crash, a newer server's facts

Source: https://www.rfc-editor.org/rfc/rfc9457 (problem details, read 2026-11-22).
"""

from collections.abc import Mapping


class ApiError(Exception):
    """The service did not do it; the message says what happened and what to do."""


class UnreachableError(ApiError):
    """Nobody answers at the address. Whether the request arrived is unknown; repeating it is safe."""


class UnavailableError(ApiError):
    """The service can't do anything now; the same request, with the same key, may succeed in a moment.

    The message says whether nothing was recorded, or that it is not known: then it names the key.
    """


class UnauthenticatedError(ApiError):
    """The service does not know who calls."""


class ForbiddenError(ApiError):
    """The caller is known and may not do this."""


class NotFoundError(ApiError):
    """There is no such flow, run or approval, or the caller may not see it."""


class ConflictError(ApiError):
    """An id is in use."""


class InvalidError(ApiError):
    """The request does not fit what it is for."""


class StrangeAnswerError(ApiError):
    """What came back is no answer of this API."""


_BY_STATUS: Mapping[int, type[ApiError]] = {
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    503: UnavailableError,
}


def of_status(status: int) -> type[ApiError]:
    """Return the error that an HTTP status of 300 or more stands for."""
    return _BY_STATUS.get(status, InvalidError if 400 <= status < 500 else StrangeAnswerError)
