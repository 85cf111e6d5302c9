"""What a model can't see: names that nothing bears, people nobody knows, questions that wait for ever.

Must not know: files, YAML.
"""

from .alone import lint_ask
from .flow import Signatures, Surroundings, lint
from .flows import check_sound
from .people import lint_people
from .policies import lint_matches
from .routes import named_routes
from .site import lint_site
from .stages import asks_of

__all__ = [
    "Signatures",
    "Surroundings",
    "asks_of",
    "check_sound",
    "lint",
    "lint_ask",
    "lint_matches",
    "lint_people",
    "lint_site",
    "named_routes",
]
