"""The keys of a configuration file: their names, kinds, ranges and defaults. The descriptions appear in editors by way of the JSON Schema.

A key stands here when its function exists. Cross-field rules are in `checks`: pydantic skips its own once any field has failed.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from fcgipm.config.fields import (
    WHOLE,
    AccessFormat,
    Account,
    Address,
    Application,
    CoreSize,
    Duration,
    DurationOrNever,
    Function,
    Host,
    HostHeader,
    MemorySize,
    Mode,
    Mount,
    ParamsSize,
    Path,
    PoolName,
    Prefix,
    Share,
    Target,
    Text,
    VariableName,
)

STATIC_WORKERS = 2
"""Workers of a pool whose file says nothing."""
DYNAMIC_MIN, MOST, SPARE, IDLE_TIMEOUT = 2, 16, 1, 10.0
"""What a pool whose number of workers changes has unless its file says otherwise."""


class Keys(BaseModel):
    """A mapping with known keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Control(Keys):
    """The socket that commands talk to."""

    path: Path = Field(description="Path of the control socket.")
    mode: Mode | None = Field(
        default=None, description='Permissions of the socket; default "0600", or "0660" with a group.'
    )
    group: Account | None = Field(
        default=None, description="A group whose members may command the daemon, beside its own user and root."
    )


class Log(Keys):
    """The daemon's log, which is also where the standard output and error of applications go."""

    file: Path = Field(default="stderr", description="`stderr`, or the path of a file.")
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="The least important lines of the daemon that are written; what applications write always is.",
    )
    format: Literal["text", "json"] = Field(default="text", description="Lines for people, or one JSON object a line.")


class Listen(Keys):
    """One address of a pool."""

    address: Address = Field(description="unix:/path, 127.0.0.1:9000, [::1]:9000 or fd:3.")
    mode: Mode | None = Field(default=None, description='Permissions of a unix socket; default "0660".')
    owner: Account | None = Field(
        default=None, description="Owner of a unix socket; default: the user that runs fcgipm."
    )
    group: Account | None = Field(
        default=None, description="Group of a unix socket; default: the group that runs fcgipm."
    )
    backlog: Annotated[int, Field(ge=1, le=65535), WHOLE] = Field(
        default=1024, description="Connections that may wait to be accepted."
    )
    allow: list[Host] | None = Field(
        default=None, min_length=1, description="IP addresses that may connect over TCP; default: all."
    )


class Workers(Keys):
    """Processes of a pool."""

    mode: Literal["static", "dynamic", "ondemand"] | None = Field(
        default=None,
        description="How many there are at a time: always the same number (static), as many as the load asks for (dynamic), or none at rest"
        " (ondemand); default: static, or dynamic where other keys say that the number changes.",
    )
    min: Annotated[int, Field(ge=0, le=1000), WHOLE] | None = Field(
        default=None,
        description=f"Processes at rest; default {STATIC_WORKERS}, {DYNAMIC_MIN} in mode dynamic, 0 in mode ondemand.",
    )
    max: Annotated[int, Field(ge=1, le=1000), WHOLE] | None = Field(
        default=None,
        description=f"Processes under load; default {MOST}. The same number as min in mode static.",
    )
    spare: Annotated[int, Field(ge=0, le=1000), WHOLE] | None = Field(
        default=None,
        description=f"Processes that are ready beside the busy ones, in mode dynamic; default {SPARE}.",
    )
    idle_timeout: Duration | None = Field(
        default=None,
        description=f"How long processes stay that are not wanted any more, in modes dynamic and ondemand; default {IDLE_TIMEOUT:.0f}s.",
    )
    threads: Annotated[int, Field(ge=1, le=256), WHOLE] = Field(
        default=1, description="Requests that one process serves at a time, in threads."
    )


class Timeouts(Keys):
    """How long a worker waits for the web server, and for the application."""

    first_byte: Duration = Field(default=5.0, description="From a new connection to its first byte.")
    header: Duration = Field(default=10.0, description="From the first byte of a request to the end of its parameters.")
    body: Duration = Field(default=30.0, description="For the next part of a request body.")
    write: Duration = Field(default=60.0, description="For the web server to take the next part of a response.")
    keepalive: Duration = Field(default=75.0, description="For the next request on a kept connection.")
    request: Duration = Field(
        default=50.0, description="For the application to hand over the next block of a response; then 504, and a new worker."
    )
    kill_after: Duration = Field(default=5.0, description="For it to yield then, before its worker is killed.")


class SlowLog(Keys):
    """Where the stacks of slow requests go."""

    file: Path = Field(default="stderr", description="`stderr`, the daemon's log, or the path of a file.")
    after: Duration = Field(default=5.0, description="How long an application runs without handing over a block before it is slow.")


class Limits(Keys):
    """What requests and processes may be."""

    params: ParamsSize = Field(default=1 << 20, description="Size of all parameters (headers) of a request.")
    open_files: Annotated[int, Field(ge=64, le=1 << 20), WHOLE] | None = Field(
        default=None, description="Descriptors that a process may have open; default: as many as fcgipm itself may."
    )
    core: CoreSize | None = Field(
        default=None, description="Size of the core file of a process that crashes, 0 for none; default: as for fcgipm itself."
    )


class AccessLog(Keys):
    """A line for each request."""

    file: Path = Field(default="off", description="`off`, `stderr` (the daemon's log), or the path of a file.")
    format: AccessFormat = Field(
        default="json", description="`json`, `combined`, or a format with fields in braces: {time} {method} {uri} {status}."
    )


class Recycle(Keys):
    """When a worker is replaced although nothing is wrong with it."""

    requests: Annotated[int, Field(ge=0, le=10**9), WHOLE] = Field(default=0, description="After so many requests; 0: never.")
    jitter: Share = Field(default=0.1, description="How far each worker's own limits may lie above that, so that not all go at once.")
    memory: MemorySize = Field(default=0, description="When it has so much memory for itself alone (USS); 0: never.")
    age: DurationOrNever = Field(default=0.0, description="When it is so old; 0: never.")


class Probe(Keys):
    """A request that the first worker of a new generation must answer before any of it may serve."""

    path: Target = Field(description="What is asked for.")
    status: Annotated[int, Field(ge=200, le=599), WHOLE] = Field(default=200, description="The status that is right.")
    host: HostHeader = Field(default="localhost", description="The Host header of the request.")


class Hooks(Keys):
    """Functions of the application that are called without arguments."""

    worker_start: Function | None = Field(default=None, description="Called in each worker before it accepts.")
    worker_stop: Function | None = Field(default=None, description="Called in each worker after its last request.")


class Pool(Keys):
    """An application and the processes that serve it."""

    app: Application | None = Field(
        default=None, description="module:attribute, file.py:attribute, or a factory module:make()."
    )
    interface: Literal["wsgi", "cgi", "fastcgi"] | None = Field(
        default=None,
        description="How requests reach it: wsgi; cgi, a process for each; fastcgi; default: wsgi with `app`, cgi with `cgi`, fastcgi with `command`.",
    )
    listen: list[Listen] | None = Field(
        default=None, min_length=1, description="Where the web server connects: one address or several."
    )
    python: Path | None = Field(
        default=None, description="The pool's interpreter, 3.9 or later; default: the one that runs fcgipm."
    )
    directory: Path | None = Field(
        default=None, description="Working directory, first on sys.path; default: the folder of this file."
    )
    env: dict[VariableName, str] = Field(
        default={}, description="Environment variables, on top of PATH, LANG, HOME, USER, LOGNAME."
    )
    env_file: Path | None = Field(default=None, description="A file of environment variables in systemd's syntax.")
    inherit_env: list[VariableName] = Field(
        default=[], description="Variables taken over from the environment of fcgipm."
    )
    user: Account | None = Field(
        default=None, description="User that the pool runs as; default: the one that runs fcgipm."
    )
    group: Account | None = Field(default=None, description="Group that the pool runs as; default: the user's own.")
    umask: Mode = Field(default=0o027, description='Permissions that new files do not get; in quotes; default "0027".')
    nice: Annotated[int, Field(ge=-20, le=19), WHOLE] = Field(
        default=0, description="Scheduling priority: 19 is the most patient."
    )
    no_new_privs: bool = Field(
        default=True,
        description="Whether programs that the pool starts are kept from gaining privileges (setuid, sudo).",
    )
    mount: Mount = Field(default="", description="Path prefix that becomes SCRIPT_NAME.")
    workers: Workers = Field(default=Workers(), description="A number of processes, or a mapping.")
    preload: bool = Field(
        default=True,
        description="Whether the application is imported once, before the workers are forked; false: by each worker for itself.",
    )
    timeouts: Timeouts = Field(default=Timeouts(), description="How long a worker waits for the web server.")
    limits: Limits = Field(default=Limits(), description="What requests and processes may be.")
    recycle: Recycle = Field(default=Recycle(), description="When a worker is replaced although nothing is wrong with it.")
    probe: Probe | None = Field(default=None, description="A request that a new generation must answer before it may serve.")
    hooks: Hooks = Field(default=Hooks(), description="Functions of the application that workers call.")
    access_log: AccessLog = Field(default=AccessLog(), description="A line for each request.")
    slow_log: SlowLog | None = Field(default=None, description="Log the Python stack of slow requests; default: none.")
    cgi: Path | None = Field(default=None, description="A folder of CGI scripts in any language, in the place of `app`.")
    command: list[Text] | None = Field(
        default=None, min_length=1, description="In the place of `app`: a FastCGI program and its arguments, which finds its listening socket as descriptor 0."
    )


class Http(Keys):
    """An embedded web server in front of a pool: for development and small sites."""

    listen: Listen = Field(description="Where browsers connect: an address, such as 127.0.0.1:8000.")
    pool: PoolName = Field(description="The pool that answers.")
    static: dict[Prefix, Path] = Field(default={}, description="Path prefixes and the folders whose files they serve.")
    access_log: bool | None = Field(
        default=None, description="A line for each request in the log; default: when the log goes to a terminal."
    )
    user: Account | None = Field(default=None, description="User that it runs as; default: the pool's.")


class Status(Keys):
    """The status server: pages and figures for people, Prometheus and load balancers."""

    listen: Listen = Field(description="Where they are served: an address, such as 127.0.0.1:9180.")
    user: Account | None = Field(default=None, description="User that it runs as; default: nobody where root runs fcgipm.")


class IncludedFile(Keys):
    """What a file named in `include` may hold."""

    pools: dict[PoolName, Pool] = Field(default={}, description="Pools by their names.")


class ConfigFile(Keys):
    """Configuration of fcgipm."""

    control: Control | None = Field(default=None, description="The socket that commands talk to: a path, or a mapping.")
    pid_file: Path | None = Field(default=None, description="A file that is to hold the master's process id.")
    log: Log = Field(default=Log(), description="The daemon's log.")
    stop_timeout: Duration = Field(
        default=65.0, description="How long a graceful stop may take before requests are cut short."
    )
    max_workers: Annotated[int, Field(ge=1, le=100000), WHOLE] | None = Field(
        default=None, description="Workers of all pools together; default: no limit but the pools' own."
    )
    http: list[Http] = Field(default=[], description="Embedded web servers, each in front of a pool.")
    status: Status | None = Field(default=None, description="The status server; default: none.")
    include: list[Text] = Field(default=[], description="Files with pools of their own; * and ? match names.")
    defaults: Pool = Field(default=Pool(), description="Keys that every pool has unless it says otherwise.")
    pools: dict[PoolName, Pool] = Field(default={}, description="Pools by their names.")
