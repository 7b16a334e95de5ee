"""The examples in errors: every mapping and every list has one, and each is right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from fcgipm.config.examples import EXAMPLES, ITEMS, example
from fcgipm.config.model import ConfigFile
from tests.unit.config.given import outcome

ROOT_KEYS = frozenset(ConfigFile.model_fields)
SHOP = 'pools: {shop: {app: "shop.wsgi:application", listen: "unix:/run/fcgipm/other.sock"}}\n'


def kinds(annotation: Any) -> Iterator[Any]:
    """What an annotation is made of."""
    yield getattr(annotation, "__origin__", annotation)
    for inner in getattr(annotation, "__args__", ()):
        yield from kinds(inner)


def containers(model: type[BaseModel] = ConfigFile) -> Iterator[str]:
    """Every key whose value is or may be a mapping or a list."""
    for name, field in model.model_fields.items():
        models = [kind for kind in kinds(field.annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if models or {list, dict} & set(kinds(field.annotation)):
            yield name
        for inner in models:
            yield from containers(inner)


def test_every_mapping_and_list_has_one() -> None:
    assert set(containers()) == set(EXAMPLES)


def section(key: str, text: str) -> str:
    """A file with this example in it."""
    if key == "pools":
        return text
    if key in ROOT_KEYS:
        return f"{SHOP}{text}\n"
    inside = {"static": 'http: [{listen: "127.0.0.1:8000", pool: shop, %s}]', "allow": 'status: {listen: {address: "127.0.0.1:1", %s}}'}
    if key in inside:
        return SHOP + inside[key] % text
    served = "" if key == "command" else 'app: "shop:application", '
    where = "" if key == "listen" else 'listen: "unix:/run/fcgipm/shop.sock", '
    return f"pools: {{shop: {{{served}{where}{text}}}}}"


@pytest.mark.parametrize("key", sorted(EXAMPLES))
def test_it_is_right(key: str) -> None:
    assert outcome(section(key, example((key,))))[1] == []


@pytest.mark.parametrize("key", sorted(ITEMS))
def test_an_item_is_right(key: str) -> None:
    item = example((key, 0)).removeprefix("- ")
    assert outcome(section(key, f"{key}: [{item}]"))[1] == []


def test_where_there_is_none() -> None:
    assert example(()) == example(("pools", "web", "umask")) == example(("include", 0)) == ""


def test_a_pool_has_its_own_name() -> None:
    assert example(("pools", "blog")).startswith("blog: {app: ")
