"""Sizes as documents write them."""

import pytest

from hitl_temporal.domain.sizes import SizeError, parse


@pytest.mark.parametrize(
    ("size", "amount"),
    [(4096, 4096), ("12B", 12), ("64KB", 65_536), ("64 KiB", 65_536), ("1MB", 1_048_576), ("2MiB", 2_097_152)],
)
def test_k_is_1024(size: str | int, amount: int) -> None:
    """With or without an `i`; a bare number is bytes."""
    assert parse(size) == amount


@pytest.mark.parametrize("size", ["", "64", "64kb", "1GB", "1.5MB", "-1KB", "99999999999B", "1KB\n", "iB"])
def test_anything_else_is_no_size(size: str) -> None:
    """And it is said what to write."""
    with pytest.raises(SizeError, match="write 4096, 64KB or 1MB"):
        parse(size)
