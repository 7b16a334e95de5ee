"""Which statements of some modules have ever run.

Their source is compiled with a store in front of each statement of each function: a tenth of what sys.settrace costs.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

_NAME = "_fuzzing_reached"


class Statements(MetaPathFinder):
    """`parts`: of the paths of the files that are wanted. They must not have been imported before `install`."""

    def __init__(self, parts: Sequence[str]) -> None:
        self._parts = parts
        self.reached = bytearray()
        """1 for each statement that has run."""

    def install(self) -> None:
        """What is imported from now on counts."""
        sys.meta_path.insert(0, self)

    def count(self) -> int:
        """How many have run."""
        return self.reached.count(1)

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The import system's question: ours are loaded by a loader of ours."""
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or not any(part in spec.origin for part in self._parts):
            return None
        spec.loader = _Loader(fullname, spec.origin, self.reached)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, reached: bytearray) -> None:
        super().__init__(fullname, path)
        self._reached = reached

    def get_code(self, fullname: str) -> CodeType:
        """Never from the cache, whose files have no stores, and never into it."""
        tree = ast.parse(self.get_data(self.path), self.path)
        code: CodeType = compile(ast.fix_missing_locations(_Marked(self._reached).visit(tree)), self.path, "exec")
        return code

    def exec_module(self, module: ModuleType) -> None:
        setattr(module, _NAME, self._reached)
        super().exec_module(module)


class _Marked(ast.NodeTransformer):
    """Puts ``reached[number] = 1`` in front of each statement inside of functions."""

    def __init__(self, reached: bytearray) -> None:
        self._reached = reached
        self._inside = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self._inside += 1
        self.generic_visit(node)
        self._inside -= 1
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for name, value in ast.iter_fields(node) if self._inside else ():
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                setattr(node, name, [statement for one in value for statement in (self._mark(one), one)])
        return node

    def _mark(self, statement: ast.stmt) -> ast.stmt:
        number = len(self._reached)
        self._reached.append(0)
        mark: Any = ast.parse(f"{_NAME}[{number}] = 1").body[0]
        return ast.copy_location(mark, statement)
