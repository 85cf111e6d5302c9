"""What a model can't see: names that nothing bears, people nobody knows, questions that wait for ever.

Must not know: files, YAML.
"""

from .alone import lint_ask
from .flow import Surroundings, lint
from .people import lint_people
from .routes import named_routes
from .site import lint_site

__all__ = ["Surroundings", "lint", "lint_ask", "lint_people", "lint_site", "named_routes"]
