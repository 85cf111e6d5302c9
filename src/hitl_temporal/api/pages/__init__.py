"""Web pages for people: inbox, one approval, one run, self-service; they need no JavaScript and fit a phone.

Must not know: Temporal, how anything is judged.
"""

from hitl_temporal.api.pages.site import install

__all__ = ["install"]
