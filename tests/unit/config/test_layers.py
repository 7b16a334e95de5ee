"""`defaults` below every pool, files that are included, and where their problems are reported."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.config.given import config, problems


def scaling(pool: dict[str, Any]) -> tuple[object, ...]:
    return tuple(pool["workers"][key] for key in ("mode", "min", "max", "spare", "idle_timeout"))


def test_defaults_lie_under_every_pool_and_mappings_are_merged() -> None:
    pools = config("""
        defaults:
          directory: /srv
          env: {A: 1, B: 2}
          inherit_env: [X, Y]
          timeouts: {body: 1s, write: 2s}
          workers: {threads: 3}
        pools:
          a: {app: "x:y", listen: fd:3}
          b:
            app: x:y
            listen: fd:4
            directory: /other
            env: {B: 3}
            inherit_env: [Z]
            timeouts: {write: 3s}
            workers: 5
    """)["pools"]
    assert (pools["a"]["directory"], pools["a"]["env"]) == ("/srv", {"A": "1", "B": "2"})
    assert scaling(pools["a"]) == ("static", 2, 2, 0, 10.0) and pools["a"]["workers"]["threads"] == 3
    assert (pools["b"]["directory"], pools["b"]["env"]) == ("/other", {"A": "1", "B": "3"})
    assert scaling(pools["b"]) == ("static", 5, 5, 0, 10.0) and pools["b"]["workers"]["threads"] == 3
    assert (pools["b"]["timeouts"]["body"], pools["b"]["timeouts"]["write"]) == (1.0, 3.0)


def test_a_pool_that_says_how_many_workers_it_wants_says_it_for_both_bounds() -> None:
    text = "defaults: {workers: 8}\npools: {a: {app: 'x:y', listen: fd:3, workers: {min: 3}}, b: {app: 'x:y', listen: fd:4}}\n"
    pools = config(text)["pools"]
    assert (pools["a"]["workers"]["max"], pools["b"]["workers"]["max"]) == (3, 8)


@pytest.mark.parametrize(
    ("defaults", "workers", "found"),
    [
        # A number is a number, whatever the others do.
        ("{spare: 2}", "4", ("static", 4, 4, 0, 10.0)),
        ("{mode: dynamic, min: 1, max: 9, spare: 2, idle_timeout: 1m}", "4", ("static", 4, 4, 0, 10.0)),
        ("{mode: ondemand, max: 9}", "4", ("static", 4, 4, 0, 10.0)),
        ("{min: 1, max: 9, spare: 2, idle_timeout: 1m}", "{mode: static}", ("static", 2, 2, 0, 10.0)),
        # The number of the others is no mode that a pool would have to take back.
        ("8", "{min: 2, max: 4}", ("dynamic", 2, 4, 1, 10.0)),
        ("8", "{spare: 3}", ("dynamic", 2, 16, 3, 10.0)),
        ("8", "{mode: dynamic}", ("dynamic", 2, 16, 1, 10.0)),
        ("8", "{mode: ondemand}", ("ondemand", 0, 16, 0, 10.0)),
        ("8", "{mode: static}", ("static", 8, 8, 0, 10.0)),
        ("8", "{threads: 2}", ("static", 8, 8, 0, 10.0)),
        ("8", "5", ("static", 5, 5, 0, 10.0)),
        ("{mode: static, min: 8, max: 8}", "{max: 3}", ("static", 3, 3, 0, 10.0)),
        # What fits is merged.
        ("{min: 2, max: 9}", "{max: 4}", ("dynamic", 2, 4, 1, 10.0)),
        ("{mode: dynamic, spare: 3}", "{max: 4}", ("dynamic", 2, 4, 3, 10.0)),
        ("{mode: ondemand, idle_timeout: 1m}", "{max: 4}", ("ondemand", 0, 4, 0, 60.0)),
        ("{min: 2, max: 9, spare: 2, idle_timeout: 1m}", "{mode: ondemand}", ("ondemand", 0, 9, 0, 60.0)),
        ("{mode: ondemand, max: 9}", "{mode: dynamic}", ("dynamic", 2, 9, 1, 10.0)),
    ],
)
def test_workers_over_those_of_defaults(defaults: str, workers: str, found: tuple[object, ...]) -> None:
    text = f"defaults: {{workers: {defaults}}}\npools: {{a: {{app: 'x:y', listen: fd:3, workers: {workers}}}}}\n"
    assert scaling(config(text)["pools"]["a"]) == found


def test_a_mode_that_defaults_say_holds_for_a_pool_that_says_none() -> None:
    text = "defaults: {workers: {mode: static}}\npools: {a: {app: 'x:y', listen: fd:3, workers: {min: 2, max: 8}}}\n"
    assert problems(text) == [
        "2:62: pools.a.workers.max: must equal min, 2: a pool in mode static has always the same number, not up to 8"
    ]


def test_pools_and_variables_called_workers_are_no_workers() -> None:
    text = "defaults: {env: {mode: 1, min: 2}}\npools: {workers: {app: 'x:y', listen: fd:3, env: {mode: static}}}\n"
    assert config(text)["pools"]["workers"]["env"] == {"mode": "static", "min": "2"}


def test_variables_called_like_bounds_are_variables() -> None:
    text = "defaults: {env: {min: 1, max: 2}}\npools: {a: {app: 'x:y', listen: fd:3, env: {min: 3}}}\n"
    assert config(text)["pools"]["a"]["env"] == {"min": "3", "max": "2"}


def test_defaults_may_hold_what_a_pool_needs() -> None:
    assert config("defaults: {app: 'x:y'}\npools: {a: {listen: fd:3}}\n")["pools"]["a"]["app"] == "x:y"


def test_a_mistake_in_defaults_is_told_once_and_there() -> None:
    text = "defaults: {nice: 99, group: g}\npools: {a: {app: 'x:y', listen: fd:3}, b: {app: 'x:y', listen: fd:4}}\n"
    assert problems(text) == [
        "1:18: defaults.nice: must be at most 19, not 99",
        "1:29: defaults.group: needs `user` beside it: a pool with a group of its own runs as a user of its own",
    ]


def test_included_files_bring_pools_and_their_relative_paths_begin_there() -> None:
    included = {"pools.d/b.yaml": "pools: {b: {app: 'x:y', listen: 'unix:b.sock', python: ../venv/bin/python}}\n"}
    found = config(
        "defaults: {env_file: x, directory: app}\npools: {a: {app: 'x:y', listen: 'unix:a.sock'}}\n", included=included
    )["pools"]
    assert list(found) == ["a", "b"]
    assert found["a"]["listen"][0]["address"] == "unix:/etc/site/a.sock"
    assert found["b"]["listen"][0]["address"] == "unix:/etc/site/pools.d/b.sock"
    assert found["b"]["python"] == "/etc/site/venv/bin/python"
    assert found["b"]["directory"] == "/etc/site/app", "a default is relative to the file that holds it"


def test_without_a_directory_the_application_is_where_its_file_is() -> None:
    included = {"pools.d/b.yaml": "pools: {b: {app: 'x:y', listen: fd:4}}\n"}
    found = config("pools: {a: {app: 'x:y', listen: fd:3}}\n", included=included)["pools"]
    assert (found["a"]["directory"], found["b"]["directory"]) == ("/etc/site", "/etc/site/pools.d")


def test_problems_of_all_files_at_once_in_their_order() -> None:
    included = {
        "d/b.yaml": "pools: {a: {app: 'x:y', listen: fd:5}, b: {app: 'x:y', listen: fd:3, nise: 1}}\n",
        "d/c.yaml": "log: {}\npools: {c: {listen: fd:6}}\n",
        "d/d.yaml": "pools: {\n",
        "d/e.yaml": "",
    }
    lines = problems("stop_timeout: 5\npools: {a: {app: 'x:y', listen: fd:3}}\n", included=included)
    assert lines == [
        "fcgipm.yaml:1:15: stop_timeout: must have a unit: 5s or 5ms",
        "d/b.yaml:1:9: pools.a: a pool of this name is in fcgipm.yaml:2:9 already: choose another",
        "d/b.yaml:1:64: pools.b.listen: fd:3 is taken: pool a listens there (fcgipm.yaml:2:33); choose another address",
        "d/b.yaml:1:70: pools.b.nise: unknown key: did you mean `nice`?",
        "d/c.yaml:1:1: log: an included file holds `pools` alone: this key belongs into the main file",
        "d/c.yaml:2:9: pools.c.app: is missing: it gives module:attribute of the WSGI application; "
        "or `cgi`, a folder of scripts, or `command`, a FastCGI program",
        "d/d.yaml:2:1: the file ends inside [ ] or { }: close it",
        "d/e.yaml:1:1: the file is empty: a configuration needs `pools:` at least",
    ]


def test_defaults_for_applications_do_not_concern_cgi_scripts() -> None:
    text = "defaults: {slow_log: {after: 1s}, hooks: {worker_start: 'a:b'}, workers: {min: 2, threads: 4}}\npools: {web: {cgi: /srv/cgi-bin, listen: fd:3}}"
    pool = config(text)["pools"]["web"]
    assert (pool["slow_log"], pool["hooks"], pool["workers"]["threads"], pool["workers"]["min"]) == (None, {"worker_start": None, "worker_stop": None}, 1, 2)
