"""First file of a template process: ``PYTHON …/fcgipm/worker/bootstrap.py CHANNEL_FD POOL``, and of an application run as a CGI program.

Runs under the pool's Python, which knows nothing of fcgipm. It loads the package by its location, so that no folder of ours enters `sys.path` and none of
our dependencies can be seen by the application.
"""

import os
import sys

CGI = "cgi"
"""In the place of the channel: be a CGI program."""


def load_package() -> None:
    """Put the package that this file belongs to into `sys.modules`; its modules are then found through it."""
    import importlib.util

    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    spec = importlib.util.spec_from_file_location(
        "fcgipm", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["fcgipm"] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    if sys.version_info < (3, 9):
        sys.exit("a pool's python must be CPython 3.9 or newer, and %s is %d.%d" % (sys.executable, *sys.version_info[:2]))
    del sys.path[0]  # This file's folder, put there by Python.
    load_package()
    if sys.argv[1] == CGI:
        from fcgipm.worker.cgi_application import main as answer

        answer(sys.argv[2], sys.argv[3], len(sys.argv) > 4)
    else:
        from fcgipm.worker.template import main

        main(int(sys.argv[1]))
