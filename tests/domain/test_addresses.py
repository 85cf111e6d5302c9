"""Where a document may be, and which addresses nobody is led to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_temporal.domain.addresses import address, unsafe


@pytest.mark.parametrize(
    "text",
    ["https://x.example/a b", "HTTP://x", "offers/17.pdf", "DMS 4711", "contract 12: annex", "//x/y", "u"],
)
def test_web_addresses_and_names_are_where_documents_are(text: str) -> None:
    """A name is shown as text, so it needs no form."""
    assert address(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        " JavaScript:x",
        "data:text/html,x",
        "vbscript:x",
        "file:///x",
        "mailto:a@b",
        "https:x",
    ],
)
def test_no_other_scheme_leads_to_a_document(text: str) -> None:
    """What a browser would run, read or send; it says what to write instead."""
    with pytest.raises(ValueError, match="is no way to a document: write an address with http:// or https://"):
        address(text)


@given(st.text(), st.sampled_from(["\t", "\n", "\r", "\x00", "\x7f"]), st.text())
def test_an_address_is_one_line(before: str, mark: str, after: str) -> None:
    """Browsers pass over tabs and line ends, so nothing may hide behind them."""
    assert unsafe(f"{before}{mark}{after}") == "an address is one line, without control characters"
