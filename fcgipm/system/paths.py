"""Where things are: the configuration file and the control socket, found without loading the whole configuration.

Commands that talk to a running daemon import this; it costs PyYAML at most, and only when a file must be read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

SEARCH = ("fcgipm.yaml", "/etc/fcgipm/fcgipm.yaml")
"""Where a configuration file is looked for when none is named; the first is relative to the working directory."""

ROOT_CONTROL = "/run/fcgipm/control.sock"


class ConfigurationMissing(Exception):
    """No configuration file was named and none is in the usual places, or the named one cannot be read. The text is for people."""


def find_configuration(given: str | None = None) -> str:
    """The absolute path of the configuration file: `given`, or the first of SEARCH that exists.

    Raises ConfigurationMissing when there is none; a file that was named is returned unseen.
    """
    if given is not None:
        return os.path.abspath(given)
    for candidate in SEARCH:
        if os.path.exists(candidate):
            return os.path.abspath(candidate)
    places = " nor ".join(os.path.abspath(candidate) for candidate in SEARCH)
    raise ConfigurationMissing(f"no configuration file: neither {places} exists; name one with -c FILE")


def default_control(uid: int | None = None, environ: Mapping[str, str] | None = None) -> str:
    """The control socket of a daemon whose file names none: one place for root, a private folder for everybody else."""
    uid = os.geteuid() if uid is None else uid
    if uid == 0:
        return ROOT_CONTROL
    runtime = (os.environ if environ is None else environ).get("XDG_RUNTIME_DIR", "")
    folder = f"{runtime.rstrip('/')}/fcgipm" if runtime.startswith("/") else f"/tmp/fcgipm-{uid}"
    return f"{folder}/control.sock"


def control_path_of(file: str) -> str:
    """The control socket that `file` names, or the default one. Looks at the key `control` alone and judges nothing else.

    Raises ConfigurationMissing when the file cannot be read or has no usable `control`.
    """
    from fcgipm.system.documents import read_document

    document = read_document(file, os.environ)
    if document.root is None:
        raise ConfigurationMissing(str(document.problems[0]))
    control = document.root.child("control")
    named = control and (control.child("path") or control)
    if named is None and "control" not in document.root.lost:
        return default_control()
    if named is None or not isinstance(named.value, str):
        raise ConfigurationMissing(f"{file}: no usable path in `control`; `fcgipm check -c {file}` tells more")
    return os.path.normpath(os.path.join(document.source.folder, named.value))


def control_path(control: str | None, file: str | None) -> str:
    """The control socket for a command given `--control PATH` or `-c FILE` or neither.

    With neither: the one of the configuration file in the usual places, or the default one when there is no file.
    """
    if control is not None:
        return os.path.abspath(control)
    try:
        found = find_configuration(file)
    except ConfigurationMissing:
        return default_control()
    return control_path_of(found)
