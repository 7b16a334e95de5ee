"""The commands. Each lives in a module of its own, imported only when it is called: no command pays for another's imports."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NoReturn

import click

from fcgipm import __version__
from fcgipm.system import exit_codes

COMMANDS = {
    "run": ("run", "Serve in the foreground."),
    "serve": ("serve", "Serve an application in a browser, without a file."),
    "reload": ("reload", "Replace code and configuration under full traffic."),
    "stop": ("stop", "Stop the daemon gracefully."),
    "retire": ("retire", "Replace one worker."),
    "scale": ("scale", "Give a running pool other bounds."),
    "drain": ("drain", "Tell load balancers to send no more visitors."),
    "reopen-logs": ("reopen_logs", "Have the daemon open its log files anew."),
    "ping": ("ping", "Ask the daemon whether it answers."),
    "status": ("status", "Show what the daemon and its workers do now."),
    "stack": ("stack", "Print the Python stacks of what the workers do now."),
    "check": ("check", "Validate a configuration file."),
    "config": ("config", "Show the values in effect."),
    "schema": ("schema", "Print a JSON Schema of the configuration file, for editors."),
    "request": ("request", "Send one request to a FastCGI address and print the answer."),
    "nginx": ("nginx", "Print a server block of nginx that fits the configuration."),
    "systemd": ("systemd", "Print a unit of systemd that fits the configuration."),
    "init": ("init", "Look at this folder and write a first fcgipm.yaml."),
    "bench": ("bench", "Measure an application as CGI and as FastCGI."),
    "demo": ("demo", "Serve a site that shows what happens, on this machine only."),
}
"""Command → its module below this package, which holds a click command called `command`, and its line in the list of commands."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, not when they are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"{__name__}.{COMMANDS[cmd_name][0]}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", message="fcgipm %(version)s")
def cli() -> None:
    """php-fpm for Python: pools of WSGI workers behind nginx's fastcgi_pass."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 ok, 64 usage, 130 interrupted, else what the command chose (a command returns its code or calls `sys.exit`)."""
    sys.exit(_run(arguments))


def _run(arguments: list[str] | None) -> int:
    try:
        code = cli.main(arguments, prog_name="fcgipm", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return exit_codes.USAGE
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return exit_codes.INTERRUPTED
    except Exception:
        import traceback  # 1.4 ms, which no command that works should pay

        traceback.print_exc()
        click.echo("fcgipm: internal error: the lines above are what its developers need", err=True)
        return exit_codes.INTERNAL
    return code if isinstance(code, int) else 0
