"""What an activity takes is read from its first parameter."""

from typing import TYPE_CHECKING, Any, Optional

import pytest
from pydantic import BaseModel
from temporalio import activity

from hitl_temporal.app.signatures import input_model, input_models

if TYPE_CHECKING:
    from decimal import Decimal


class Given(BaseModel, frozen=True):
    """What some take."""

    text: str


class Holder:
    """Has activities as methods."""

    @activity.defn(name="held.do")
    async def do(self, given: Given) -> None:
        """Do nothing."""

    @activity.defn
    async def none(self) -> None:
        """Do nothing."""


@activity.defn(name="plain.do")
async def plain(given: Given, more: int = 1) -> None:
    """Do nothing."""


async def optional(given: Given | None) -> None: ...
async def optional_in_old_words(given: Optional[Given]) -> None: ...  # noqa: UP045
async def untyped(given) -> None: ...
async def of_plain_objects(given: dict[str, Any]) -> None: ...
async def of_one_or_another(given: Given | BaseModel) -> None: ...
async def of_a_text(given: str) -> None: ...
async def of_what_is_not_imported(given: "Decimal") -> None: ...
async def of_anything(*given: Given) -> None: ...


@pytest.mark.parametrize("function", [plain, Holder().do, optional, optional_in_old_words])
def test_the_model_is_the_first_parameters(function: Any) -> None:
    """Of a method too; it may be optional."""
    assert input_model(function) is Given


@pytest.mark.parametrize(
    "function",
    [Holder().none, untyped, of_plain_objects, of_one_or_another, of_a_text, of_what_is_not_imported, of_anything, int],
)
def test_what_declares_no_model_is_not_checked(function: Any) -> None:
    """Nor what could be one of several."""
    assert input_model(function) is None


def test_models_are_known_by_the_names_that_flows_call() -> None:
    """Those without a model are left out."""
    holder = Holder()
    assert input_models([plain, holder.do, holder.none, untyped]) == {"plain.do": Given, "held.do": Given}
