"""WSGI applications in the source of a module, found in its syntax tree: nothing is imported, nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

MADE_BY = {
    "get_wsgi_application": "Django",
    "Flask": "Flask",
    "Bottle": "Bottle",
    "default_app": "Bottle",
    "make_wsgi_app": "Pyramid",
    "create_app": "application factory",
    "make_app": "application factory",
}
"""What is called to make an application → what it is then called for people. The functions are known by their last name."""

ASGI = {"FastAPI", "Starlette", "Quart", "Sanic", "get_asgi_application"}
FACTORIES = ("create_app", "make_app")
USUAL = ("application", "app")
"""Names by which an application is usually known, the surest first."""


@dataclass(frozen=True)
class Found:
    """One application: ``attribute`` as it stands behind the colon in ``app:``, ``kind`` for people, ``asgi`` for one that cannot be served here."""

    attribute: str
    kind: str
    asgi: bool = False


def applications(source: str) -> list[Found]:
    """What a module's source holds, the likeliest first; an object comes before the factory that made it. Raises SyntaxError."""
    found: dict[str, Found] = {}
    for statement in _statements(ast.parse(source).body):
        for one in _in_statement(statement):
            found[one.attribute] = one
    return sorted(found.values(), key=_likelihood)


def settings_module(source: str) -> str | None:
    """The value that Django's manage.py or wsgi.py gives to DJANGO_SETTINGS_MODULE, where it is a plain text. Raises SyntaxError."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(args=[ast.Constant("DJANGO_SETTINGS_MODULE"), ast.Constant(str(value))]):
                return value
            case ast.Assign(
                targets=[ast.Subscript(slice=ast.Constant("DJANGO_SETTINGS_MODULE"))], value=ast.Constant(str(value))
            ):
                return value
    return None


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Those that run when the module is imported, inside of `if`, `try` and `with` too, but not under `if __name__ == "__main__"`."""
    for statement in body:
        yield statement
        match statement:
            case ast.If(test=ast.Compare(left=ast.Name("__name__"))):
                continue
            case ast.If() | ast.Try():
                yield from _statements(statement.body + statement.orelse)
            case ast.With():
                yield from _statements(statement.body)


def _in_statement(statement: ast.stmt) -> Iterator[Found]:
    match statement:
        case ast.Assign(targets=targets, value=ast.Call(func=function)):
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            yield from (found for name in names for found in _made(name, function))
        case ast.AnnAssign(target=ast.Name(name), value=ast.Call(func=function)):
            yield from _made(name, function)
        case ast.ImportFrom(names=aliases):
            names = [alias.asname or alias.name for alias in aliases]
            yield from (Found(name, "application imported") for name in names if name == "application")
        case ast.FunctionDef(name=name):
            yield from _function(statement, name)


def _made(name: str, function: ast.expr) -> Iterator[Found]:
    maker = function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    if maker in ASGI:
        yield Found(name, f"{maker}, ASGI", asgi=True)
    elif maker in MADE_BY:
        yield Found(name, MADE_BY[maker])


def _function(function: ast.FunctionDef, name: str) -> Iterator[Found]:
    needed = [argument.arg for argument in function.args.posonlyargs + function.args.args]
    needed = needed[: len(needed) - len(function.args.defaults)]
    keywords = any(default is None for default in function.args.kw_defaults)
    if name in FACTORIES and not needed and not keywords:
        yield Found(f"{name}()", _factory_kind(function))
    elif len(needed) == 2 and not keywords and (needed[1].startswith("start") or name in USUAL):
        yield Found(name, "WSGI function")


def _factory_kind(function: ast.FunctionDef) -> str:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            for made in _made("", node.func):
                return f"{made.kind} factory"
    return "application factory"


def _likelihood(found: Found) -> tuple[bool, bool, int, str]:
    name = found.attribute
    return found.asgi, name.endswith("()"), USUAL.index(name) if name in USUAL else len(USUAL), name
