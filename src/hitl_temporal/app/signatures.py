"""What an activity takes, as it declares it.

Must not know: which activities there are, documents.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

__all__ = ["input_model", "input_models"]


def input_model(activity: Callable[..., Any]) -> type[BaseModel] | None:
    """Return the model of an activity's first parameter; None: it declares none, or something else."""
    try:
        first = next((p for p in inspect.signature(activity).parameters.values() if p.kind in _BY_PLACE), None)
        hint = None if first is None else get_type_hints(activity).get(first.name)
    except (NameError, TypeError, ValueError):  # a type that is imported for checkers alone, or no Python function
        return None
    models = [part for part in _alternatives(hint) if isinstance(part, type) and issubclass(part, BaseModel)]
    return models[0] if len(models) == 1 else None


def input_models(activities: Iterable[Callable[..., Any]]) -> Mapping[str, type[BaseModel]]:
    """Return the models of those activities that declare one, by the names that flows `call`."""
    found: dict[str, type[BaseModel]] = {}
    for activity in activities:
        name = getattr(getattr(activity, "__temporal_activity_definition", None), "name", None)
        model = input_model(activity)
        if name is not None and model is not None:
            found[name] = model
    return found


_BY_PLACE = frozenset({inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD})


def _alternatives(hint: object) -> tuple[object, ...]:
    """Return what a parameter may be: `Model | None` is a model that need not be given."""
    return (
        tuple(a for a in get_args(hint) if a is not type(None)) if get_origin(hint) in {Union, UnionType} else (hint,)
    )
