"""The thin HTTP door: authenticate, parse, call a use case, render.

Must not know: Temporal, how anything is judged.
"""

from hitl_temporal.api.application import create_app

__all__ = ["create_app"]
