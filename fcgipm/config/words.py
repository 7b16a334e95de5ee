"""pydantic's findings, in our words and at their places."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from fcgipm.config.elsewhere import as_here
from fcgipm.config.errors import Problem, quoted
from fcgipm.config.examples import example
from fcgipm.config.fields import EXPECTED, MEANT, SAID
from fcgipm.config.model import IncludedFile
from fcgipm.config.node import Node, reach

_MUST = {
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "too_short": "must have one entry at least",
}
_SHOWN = frozenset({"list_type", "dict_type", "model_type", "too_short"})
"""What is clearer with an example."""
_KEY = "[key]"
"""pydantic's last step in the location of a mapping's key."""


def problem_of(root: Node, model: type[BaseModel], error: ErrorDetails) -> tuple[Problem | None, Node]:
    """The problem that `error` means (None if it is only the echo of one reported before), and the value to take away so that the rest can be
    looked at."""
    steps = [step for step in error["loc"] if step != _KEY]
    node, rest = reach(root, steps)
    if rest and rest[0] in node.lost:
        return None, node
    if rest:
        return Problem(node.key, (*node.path, *rest), "is missing"), node
    if error["type"] == "extra_forbidden":
        return Problem(node.key, node.path, _unknown(str(steps[-1]), _known(model, steps[:-1]))), node
    if _KEY in error["loc"]:
        return Problem(node.key, node.path, f"{error['ctx']['message']}, not {quoted(str(steps[-1]))}"), node
    return node.problem(_text(error, node)), node


def _text(error: ErrorDetails, node: Node) -> str:
    context: dict[str, Any] = error.get("ctx", {})
    kind = error["type"]
    if kind == SAID:
        return str(context["message"])
    if kind == MEANT:
        return f"a path has {context['message']} before it: did you mean {context['message']}{node.written}?"
    if kind == "literal_error":
        return _choice(str(context["expected"]).replace("'", ""), node)
    if kind in ("greater_than_equal", "less_than_equal"):
        least = kind.startswith("greater")
        return f"must be at {'least' if least else 'most'} {context['ge' if least else 'le']}, not {node.describe()}"
    message = context["message"] if kind == EXPECTED else _MUST.get(kind, "is not right here")
    shown = example(node.path) if kind in _SHOWN else ""
    return f"{message}{f' such as `{shown}`' if shown else ''}, not {node.describe()}"


def _choice(choices: str, node: Node) -> str:
    return f"must be {choices}, not {node.describe()}"


def _unknown(key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, n=1)
    if known == list(IncludedFile.model_fields):
        return "an included file holds `pools` alone: this key belongs into the main file"
    if known_here := as_here(key, known):
        return f"unknown key: {known_here}"
    if close:
        return f"unknown key: did you mean `{close[0]}`?"
    return f"unknown key: known here are {', '.join(known)}"


def _known(model: type[BaseModel], steps: list[str | int]) -> list[str]:
    """The keys of the mapping at `steps`, found by way of the models' annotations."""
    for step in steps:
        model = _below(model, step)
    return list(model.model_fields)


def _below(model: type[BaseModel], step: str | int) -> type[BaseModel]:
    field = model.model_fields.get(str(step))
    return model if field is None else _model_in(field.annotation) or model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model somewhere inside `Model`, `list[Model] | None` or `dict[str, Model]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(argument) for argument in getattr(annotation, "__args__", ()))
    return next((model for model in inner if model is not None), None)
