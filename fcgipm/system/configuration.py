"""A configuration file, the files it includes, the users and the environment → one JSON document.

`python -m fcgipm.system.configuration FILE` prints `{"config": {…}}` and ends with 0, or `{"errors": ["FILE:LINE:COLUMN: key.path: …", …]}` and 78. The
master runs it in a child of its own and reads the JSON: a hostile file, and the memory of a parser, end with that child.
"""

from __future__ import annotations

import glob
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from fcgipm.config.checks import cross_checks
from fcgipm.config.effective import JSON, Machine, effective
from fcgipm.config.errors import Problem, in_order
from fcgipm.config.layers import Layers, lay, patterns
from fcgipm.config.node import Node
from fcgipm.config.reader import Document
from fcgipm.system import exit_codes
from fcgipm.system.documents import read_document
from fcgipm.system.machine import complete
from fcgipm.system.paths import default_control


@dataclass(slots=True)
class Loaded:
    """The outcome: `config` is whole when there are no problems, and None otherwise."""

    config: JSON | None = None
    layers: Layers | None = None
    problems: list[Problem] = field(default_factory=list)


def load(file: str, environ: Mapping[str, str]) -> Loaded:
    """Read `file` and all that it names. Never raises for what a file, a user or a folder may be: that is in the problems, in the order of the files."""
    main = read_document(file, environ)
    if main.root is None:
        return Loaded(problems=main.problems)
    included = _included(main, environ)
    layers = lay(main, included)
    machine = Machine(sys.executable, default_control())
    config = effective(layers, machine)
    problems = [*layers.problems, *cross_checks(layers, machine), *complete(config, layers, environ)]
    problems = in_order(problems, [main.source, *(document.source for document in included)])
    return Loaded(None if problems else config, layers, problems)


def _included(main: Document, environ: Mapping[str, str]) -> list[Document]:
    """The files that `include` names, sorted within each pattern, each once, and never the main file itself."""
    seen = {os.path.realpath(main.source.name)}
    documents = []
    for pattern in patterns(main):
        for file in _matches(main, pattern):
            if os.path.realpath(file) not in seen:
                seen.add(os.path.realpath(file))
                documents.append(read_document(file, environ))
    return documents


def _matches(main: Document, pattern: Node) -> list[str]:
    """The files of one pattern; a plain name must exist, a pattern may match nothing."""
    name = os.path.join(os.path.dirname(main.source.name), str(pattern.value))
    files = sorted(glob.glob(name))
    if not files and not glob.has_magic(name):
        main.problems.append(
            pattern.problem(f"{name} does not exist: name a file, or a pattern such as pools.d/*.yaml")
        )
    return files


def main(arguments: list[str]) -> int:
    """The entry of the child; `arguments` is the file alone."""
    (file,) = arguments
    loaded = load(file, os.environ)
    if loaded.config is None:
        json.dump({"errors": [str(problem) for problem in loaded.problems]}, sys.stdout)
        return exit_codes.CONFIGURATION
    json.dump({"config": loaded.config}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
