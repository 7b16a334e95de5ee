"""The complete environment of a pool's processes: nothing comes from the daemon's own but what the file asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fcgipm.config.envfile import EnvFileError, parse
from fcgipm.system.accounts import Identity

SAFE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SIZE_LIMIT = 1 << 20


class EnvironmentFileError(Exception):
    """An environment file that cannot be used; the text never shows a value."""


def environment(
    who: Identity, from_file: Mapping[str, str], inherited: Mapping[str, str], own: Mapping[str, str]
) -> dict[str, str]:
    """PATH, LANG, HOME, USER and LOGNAME, then the environment file's variables, the inherited ones and the pool's own, each over the ones before."""
    base = {"PATH": SAFE_PATH, "LANG": "C.UTF-8", "HOME": who.home, "USER": who.name, "LOGNAME": who.name}
    return {**base, **from_file, **inherited, **own}


def inherited(names: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Those of `names` that are set; as systemd's PassEnvironment=, the others are passed over."""
    return {name: environ[name] for name in names if name in environ}


def read_environment_file(path: str) -> dict[str, str]:
    """The variables in a file of systemd's syntax. Raises EnvironmentFileError."""
    try:
        with open(path, "rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise EnvironmentFileError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > SIZE_LIMIT:
        raise EnvironmentFileError(f"{path} is larger than {SIZE_LIMIT >> 20} MiB")
    try:
        variables = parse(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise EnvironmentFileError(f"{path}:{line}: is not UTF-8") from None
    except EnvFileError as error:
        raise EnvironmentFileError(f"{path}:{error.line}: {error}") from None
    if "\0" in "".join(variables.values()):
        raise EnvironmentFileError(f"{path}: holds a NUL character, which no environment variable can")
    return variables
