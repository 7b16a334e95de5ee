"""Reading a configuration file from disk. Costs PyYAML alone."""

from __future__ import annotations

import os
from collections.abc import Mapping

from fcgipm.config.errors import Place, Problem, Source
from fcgipm.config.reader import SIZE_LIMIT, Document, read


def read_document(file: str, environ: Mapping[str, str]) -> Document:
    """The tree of `file`; also a file that cannot be read is a document, with that as its problem."""
    source = Source(file, os.path.dirname(os.path.abspath(file)))
    try:
        with open(file, "rb") as content:
            return read(source, content.read(SIZE_LIMIT + 1), environ)
    except OSError as error:
        return Document(source, problems=[Problem(Place(source, 0), (), f"the file cannot be read: {error.strerror}")])
    except ValueError:
        return Document(source, problems=[Problem(Place(source, 0), (), "no file can have such a name")])
