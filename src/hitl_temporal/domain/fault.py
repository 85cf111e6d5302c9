"""An error of a document that says where in the document it lies.

A validator of a whole model sees what its parts can't (a name that is no step, a step named twice) but pydantic would
put the error at the model. `fault` points below it, so that a reader of files can name the line.

Must not know: files, lines.
"""

from pydantic_core import PydanticCustomError

FAULT = "fault"
"""The `type` of these errors; their `ctx` holds `at`."""


def fault(message: str, *at: str | int) -> PydanticCustomError:
    """Return the error to raise in a model's validator.

    Args:
        message: What is wrong; how to mend it.
        at: The way from the model to the place, in the keys of the document.
    """
    return PydanticCustomError(FAULT, "{message}", {"message": message, "at": at})
