"""What is said about every kind of mistake: where, which key, what is wrong, what would be right."""

from __future__ import annotations

import pytest

from fcgipm.config.examples import example
from tests.unit.config.given import MINIMAL, pool, problems


def test_a_minimal_file_is_right() -> None:
    assert problems(MINIMAL) == []


TWELVE = """
    control: {path: /run/c.sock, mode: 0600}
    stop_timeout: 65
    log: {level: loud}
    defaults:
      umask: 0027
    pools:
      web:
        app: shop.wsgi
        lisen: unix:/run/web.sock
        listen: localhost:9000
        workers: {min: 4, max: 2}
        env: {A: 1, A: 2}
        no_new_privs: off
        timeouts: {body: 1:30}
        limits: {params: 1MB}
"""

TWELVE_LINES = [
    '1:36: control.mode: YAML reads 0600 as the number 384 when it is not in quotes: write "0600", with the quotes',
    "2:15: stop_timeout: must have a unit: 65s or 65ms",
    '3:14: log.level: must be debug, info, warning or error, not "loud"',
    '5:10: defaults.umask: YAML reads 0027 as the number 23 when it is not in quotes: write "0027", with the quotes',
    '8:10: pools.web.app: must be module:attribute, file.py:attribute or module:factory(), not "shop.wsgi"',
    "9:5: pools.web.lisen: unknown key: did you mean `listen`?",
    "10:13: pools.web.listen: must be unix:/path, 127.0.0.1:9000, [::1]:9000 or fd:3: a host is written as its IP address"
    ' (0.0.0.0 or [::] for all), not "localhost:9000"',
    "11:28: pools.web.workers.max: must be at least min, 4, not 2",
    "12:17: pools.web.env.A: given twice, first in line 12: keep one",
    '13:19: pools.web.no_new_privs: must be true or false, not "off"',
    '14:22: pools.web.timeouts.body: must be a duration such as 500ms, 10s, 5m or 24h, not "1:30"',
    '15:22: pools.web.limits.params: must be a size such as 64KiB or 1MiB, not "1MB"',
]


def test_a_file_with_twelve_mistakes() -> None:
    assert len(TWELVE_LINES) == 12
    assert problems(TWELVE) == TWELVE_LINES


_ALL_KEYS = (
    "known here are app, interface, listen, python, directory, env, env_file, inherit_env, user, group, umask, nice, no_new_privs, mount, workers,"
    " preload, timeouts, limits, recycle, probe, hooks, access_log, slow_log, cgi, command"
)


@pytest.mark.parametrize(
    ("key", "place", "text"),
    [
        # Modes: the trap of the bare number.
        ("umask: 0027", "5:12", 'umask: YAML reads 0027 as the number 23 when it is not in quotes: write "0027", with the quotes'),
        ("umask: 027", "5:12", 'umask: YAML reads 0027 as the number 23 when it is not in quotes: write "0027", with the quotes'),
        ("umask: 27", "5:12", 'umask: a number is not enough: write "0027", with the quotes'),
        ("umask: '0999'", "5:12", 'umask: must be an octal mode in quotes, such as "0660" or "0027", not "0999"'),
        ("umask: true", "5:12", 'umask: must be an octal mode in quotes, such as "0660" or "0027", not true'),
        # Numbers.
        ("workers: 04", "5:14", "workers: a zero in front makes this 4 for YAML (octal): write the number without it"),
        ("workers: '4'", "5:14", 'workers: must be a whole number, not "4"'),
        ("workers: 1.5", "5:14", "workers: must be a whole number, not 1.5"),
        ("workers: 1_000", "5:14", 'workers: must be a whole number, not "1_000"'),
        ("workers: 1:30", "5:14", 'workers: must be a whole number, not "1:30"'),
        ("workers: true", "5:14", "workers: must be a whole number, not true"),
        ("workers: 0", "5:14", "workers: must be at least 1, not 0"),
        ("workers: 1001", "5:14", "workers: must be at most 1000, not 1001"),
        ("workers: [2]", "5:14", "workers: must be a mapping such as `workers: {min: 2, max: 8}`, not a list"),
        ("workers: {threads: 0}", "5:24", "workers.threads: must be at least 1, not 0"),
        ("nice: -21", "5:11", "nice: must be at least -20, not -21"),
        ("workers: {max: 0}", "5:20", "workers.max: must be at least 1, not 0"),
        ("workers: {min: -1}", "5:20", "workers.min: must be at least 0, not -1"),
        ("workers: {spare: 1001}", "5:22", "workers.spare: must be at most 1000, not 1001"),
        ("workers: {idle_timeout: 10}", "5:29", "workers.idle_timeout: must have a unit: 10s or 10ms"),
        # Scaling.
        ("workers: {mode: elastic}", "5:21", 'workers.mode: must be static, dynamic or ondemand, not "elastic"'),
        ("workers: {mode: elastic, min: 4, max: 2, spare: 9}", "5:21", 'workers.mode: must be static, dynamic or ondemand, not "elastic"'),
        ("workers: {mode: static, min: 1, max: 2}", "5:42", "workers.max: must equal min, 1: a pool in mode static has always the same number, not up to 2"),
        (
            "workers: {mode: static, min: 0, max: 2}",
            "5:34",
            "workers.min: must be at least 1 in mode static: for no workers at rest, use mode dynamic or ondemand",
        ),
        ("workers: {mode: static, spare: 2}", "5:36", "workers.spare: is for mode dynamic, and this pool is static: take it away, or use mode dynamic"),
        (
            "workers: {mode: static, idle_timeout: 1s}",
            "5:43",
            "workers.idle_timeout: is for modes dynamic and ondemand, and this pool is static: take it away, or use one of these modes",
        ),
        ("workers: {mode: dynamic, min: 3, max: 2}", "5:43", "workers.max: must be at least min, 3, not 2"),
        ("workers: {max: 2, spare: 3}", "5:30", "workers.spare: must be at most max, 2, not 3: spare workers count towards max"),
        ("workers: {spare: 17}", "5:22", "workers.spare: must be at most max, 16, not 17: spare workers count towards max"),
        (
            "workers: {mode: ondemand, min: 1}",
            "5:36",
            "workers.min: must be 0, not 1: a pool in mode ondemand has no workers at rest; use mode dynamic to have some",
        ),
        (
            "workers: {mode: ondemand, spare: 2}",
            "5:38",
            "workers.spare: must be 0, not 2: a pool in mode ondemand has no workers at rest; use mode dynamic to have some",
        ),
        ("interface: fastcgi", "5:16", "interface: must be wsgi or cgi beside `app`, not fastcgi"),
        ("interface: asgi", "5:16", 'interface: must be wsgi, cgi or fastcgi, not "asgi"'),
        ("cgi: /srv/cgi-bin", "5:10", "cgi: cannot stand beside `app`: a pool serves one of them; take one away, or make two pools"),
        (
            "interface: cgi\nhooks: {worker_start: 'a:b'}",
            "6:12",
            "hooks: are functions of an application that stays in its workers, and with interface cgi none does: take the key away",
        ),
        (
            "interface: cgi\nslow_log: {after: 1s}",
            "6:15",
            "slow_log: logs the Python stack of an application that stays in its workers, and with interface cgi none does: take the key away",
        ),
        # Keys that come later are unknown.
        ("affinity: true", "5:5", f"affinity: unknown key: {_ALL_KEYS}"),
        ("timeouts: {reply: 50s}", "5:16", "timeouts.reply: unknown key: known here are first_byte, header, body, write, keepalive, request, kill_after"),
        ("workers: {limit: 1}", "5:15", "workers.limit: unknown key: known here are mode, min, max, spare, idle_timeout, threads"),
        ("limits: {parms: 1MiB}", "5:14", "limits.parms: unknown key: did you mean `params`?"),
        ("usr: x", "5:5", "usr: unknown key: did you mean `user`?"),
        # Durations and sizes.
        ("timeouts: {body: 30}", "5:22", "timeouts.body: must have a unit: 30s or 30ms"),
        ("timeouts: {body: 0}", "5:22", "timeouts.body: must be a duration such as 500ms, 10s, 5m or 24h, not 0"),
        ("timeouts: {body: 0s}", "5:22", 'timeouts.body: must be from 1ms to 24h, not "0s"'),
        ("timeouts: {body: 25h}", "5:22", 'timeouts.body: must be from 1ms to 24h, not "25h"'),
        ("timeouts: {body: 1d}", "5:22", 'timeouts.body: must be a duration such as 500ms, 10s, 5m or 24h, not "1d"'),
        ("timeouts: 5s", "5:15", 'timeouts: must be a mapping such as `timeouts: {request: 50s}`, not "5s"'),
        ("limits: {params: 4096}", "5:22", "limits.params: must have a unit: 4096B, 4096KiB or 4096MiB"),
        ("access_log: {format: '{urI} {status}'}", "5:26", "access_log.format: has no field {urI}: known are time, time_clf, client, method, uri,"
         " protocol, status, bytes_in, bytes_out, duration, cpu, wait, request_id, referer, agent, pool, pid"),
        ("limits: {open_files: 3}", "5:26", "limits.open_files: must be at least 64, not 3"),
        ("limits: {core: 5}", "5:20", "limits.core: must have a unit: 5B, 5KiB or 5MiB"),
        ("limits: {core: x}", "5:20", 'limits.core: must be 0, or a size such as 512MiB, not "x"'),
        ("limits: {params: 1B}", "5:22", 'limits.params: must be from 1KiB to 64MiB, not "1B"'),
        ("limits: {params: 1GiB}", "5:22", 'limits.params: must be from 1KiB to 64MiB, not "1GiB"'),
        # Booleans.
        ("preload: no", "5:14", 'preload: must be true or false, not "no"'),
        ("no_new_privs: yes", "5:19", 'no_new_privs: must be true or false, not "yes"'),
        ("no_new_privs: 1", "5:19", "no_new_privs: must be true or false, not 1"),
        # Texts.
        ("directory: [/srv]", "5:16", "directory: must be a path, not a list"),
        ("directory: 5", "5:16", "directory: must be a path, not 5"),
        ("directory: ''", "5:16", 'directory: must be a path, not ""'),
        ("directory:", "5:15", "directory: has no value: give it one, or take the key away"),
        ("user: {}", "5:11", "user: must be a name or a number of the system's database, not a mapping"),
        ("user: 033", "5:11", "user: must be a name or a number of the system's database, not 033"),
        ("mount: /shop/", "5:12", 'mount: must be empty ("") for the root, or a path prefix such as /shop without a slash at its end, not "/shop/"'),
        ("mount: /", "5:12", 'mount: must be empty ("") for the root, or a path prefix such as /shop without a slash at its end, not "/"'),
        ("mount: shop", "5:12", 'mount: must be empty ("") for the root, or a path prefix such as /shop without a slash at its end, not "shop"'),
        # Environments, without their values.
        ("env: {9A: secret}", "5:11", 'env.9A: must be a variable\'s name: letters, digits and _, no digit first, not "9A"'),
        ("env: {A-B: secret}", "5:11", 'env.A-B: must be a variable\'s name: letters, digits and _, no digit first, not "A-B"'),
        ("env: {A: [secret]}", "5:14", "env.A: must be a text, not a list"),
        ("env: {A: }", "5:13", "env.A: has no value: give it one, or take the key away"),
        ("env: [A=secret]", "5:10", "env: must be a mapping such as `env: {LANG: C.UTF-8}`, not a list"),
        ("inherit_env: HOME", "5:18", 'inherit_env: must be a list such as `inherit_env: [HOME]`, not "HOME"'),
        ("inherit_env: [9]", "5:19", "inherit_env.0: must be a variable's name: letters, digits and _, no digit first, not 9"),
        ("group: www-data", "5:12", "group: needs `user` beside it: a pool with a group of its own runs as a user of its own"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_pool(key: str, place: str, text: str) -> None:
    assert problems(pool(key)) == [f"{place}: pools.web.{text}"]


@pytest.mark.parametrize(
    ("listen", "place", "text"),
    [
        ("9000", "4:13", "listen: must be unix:/path, 127.0.0.1:9000, [::1]:9000 or fd:3, not 9000"),
        ("/tmp/x.sock", "4:13", "listen: a path has unix: before it: did you mean unix:/tmp/x.sock?"),
        ("web.sock", "4:13", "listen: a path has unix: before it: did you mean unix:web.sock?"),
        ("['unix:/a', /tmp/x]", "4:25", "listen.1: a path has unix: before it: did you mean unix:/tmp/x?"),
        ("{address: /tmp/x}", "4:23", "listen.address: a path has unix: before it: did you mean unix:/tmp/x?"),
        ("[]", "4:13", 'listen: must have one entry at least such as `listen: {address: "127.0.0.1:9000"}`, not a list'),
        ("{mode: '0660'}", "4:5", "listen.address: is missing"),
        ("{address: 'unix:/a', mode: 0660}", "4:40", 'listen.mode: YAML reads 0660 as the number 432 when it is not in quotes: write "0660", with the quotes'),
        ("{address: 'unix:/a', allow: ['::1']}", "4:41", "listen.allow: is for TCP alone: who may connect to a unix socket is told by mode, owner and group"),
        ("{address: '[::1]:9', owner: www}", "4:41", "listen.owner: is for unix sockets alone, and this address is [::1]:9: take the key away"),
        ("{address: fd:3, mode: '0660'}", "4:35", "listen.mode: is for unix sockets alone, and this address is fd:3: take the key away"),
        ("{address: '[::1]:9', allow: []}", "4:41", "listen.allow: must have one entry at least such as `allow: [127.0.0.1]`, not a list"),
        ("{address: '[::1]:9', allow: [localhost]}", "4:42", 'listen.allow.0: must be an IP address such as 127.0.0.1 or ::1, not "localhost"'),
        ("{address: 'unix:/a', backlog: 0}", "4:43", "listen.backlog: must be at least 1, not 0"),
        ("{address: 'unix:/a', bakclog: 9}", "4:34", "listen.bakclog: unknown key: did you mean `backlog`?"),
        ("['unix:/a', 5]", "4:25", "listen.1: must be unix:/path, 127.0.0.1:9000, [::1]:9000 or fd:3, not 5"),
        ("['unix:/a', 'unix:/b/../a']", "4:25", "listen.1: unix:/a is taken: pool web listens there (fcgipm.yaml:4:14); choose another address"),
        (f"unix:/{'x' * 107}", "4:13", "listen: the path has 108 bytes, and a unix socket's may have 107: choose a shorter one"),
        (f"unix:{'é' * 60}", "4:13", "listen: the path has 130 bytes, and a unix socket's may have 107: choose a shorter one"),
        ("unix:/run/fcgipm/control.sock", "4:13", "listen: unix:/run/fcgipm/control.sock is taken: the control socket is there; choose another address"),
    ],
)  # fmt: skip
def test_a_mistake_in_listen(listen: str, place: str, text: str) -> None:
    assert problems(f"pools:\n  web:\n    app: a:b\n    listen: {listen}\n") == [f"{place}: pools.web.{text}"]


def test_a_path_of_107_bytes_is_short_enough() -> None:
    assert problems(f"pools:\n  web:\n    app: a:b\n    listen: unix:/{'x' * 106}\n") == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("defaults: {}\n", "1:1: pools: there is no pool to serve: add one, with `app` and `listen`"),
        ("pools: {}\n", "1:8: pools: there is no pool to serve: add one, with `app` and `listen`"),
        ("pools: []\n", f"1:8: pools: must be a mapping such as `{example(('pools',))}`, not a list"),
        ("pools: {web: 3}\n", '1:14: pools.web: must be a mapping such as `web: {app: "shop.wsgi:application", listen: "unix:/run/fcgipm/shop.sock"}`, not 3'),
        (
            "pools: {web: {listen: fd:3}}\n",
            "1:9: pools.web.app: is missing: it gives module:attribute of the WSGI application; or `cgi`, a folder of scripts, or `command`, a FastCGI program",
        ),
        ("pools: {web: {app: 'a:b'}}\n", "1:9: pools.web.listen: is missing: it gives the address that the web server connects to"),
        ("pools: {a b: {app: 'a:b', listen: fd:3}}\n", '1:9: pools.a b: must be at most 32 letters, digits, - and _, a letter or digit first, not "a b"'),
        ("control: {mode: '0600'}\npools: {w: {app: 'a:b', listen: fd:3}}\n", "1:1: control.path: is missing"),
        (
            f"control: /{'x' * 107}\npools: {{w: {{app: 'a:b', listen: fd:3}}}}\n",
            "1:10: control: the path has 108 bytes, and a unix socket's may have 107: choose a shorter one",
        ),
        ("stop_timeout: {}\npools: {w: {app: 'a:b', listen: fd:3}}\n", "1:15: stop_timeout: must be a duration such as 500ms, 10s, 5m or 24h, not a mapping"),
        ("include: pools.d\npools: {w: {app: 'a:b', listen: fd:3}}\n", '1:10: include: must be a list such as `include: [pools.d/*.yaml]`, not "pools.d"'),
        ("defaults: 5\npools: {w: {}}\n", "1:11: defaults: must be a mapping such as `defaults: {workers: 4}`, not 5"),
        (
            "colour: red\npools: {w: {app: 'a:b', listen: fd:3}}\n",
            "1:1: colour: unknown key: known here are control, pid_file, log, stop_timeout, max_workers, http, status, include, defaults, pools",
        ),
        ("max_workers: 0\npools: {w: {app: 'a:b', listen: fd:3}}\n", "1:14: max_workers: must be at least 1, not 0"),
        ("max_workers: 100001\npools: {w: {app: 'a:b', listen: fd:3}}\n", "1:14: max_workers: must be at most 100000, not 100001"),
        (
            "max_workers: 1\npools: {w: {app: 'a:b', listen: fd:3}}\n",
            "1:14: max_workers: must be at least 2, not 1: so many workers the pools need at least (w 2); raise it, or give a pool fewer",
        ),
        ("log: stderr\npools: {w: {app: 'a:b', listen: fd:3}}\n", '1:6: log: must be a mapping such as `log: {file: stderr}`, not "stderr"'),
    ],
)  # fmt: skip
def test_a_mistake_at_the_top(text: str, line: str) -> None:
    assert problems(text) == [line]


def test_two_pools_on_one_address_however_it_is_written() -> None:
    text = """
        pools:
          a: {app: "x:y", listen: "[::1]:9000"}
          b: {app: "x:y", listen: "[0::1]:9000"}
          c: {app: "x:y", listen: "unix:run/c"}
          d: {app: "x:y", listen: {address: "unix:/etc/site/run/c"}}
    """
    assert problems(text) == [
        "3:27: pools.b.listen: [::1]:9000 is taken: pool a listens there (fcgipm.yaml:2:27); choose another address",
        "5:37: pools.d.listen.address: unix:/etc/site/run/c is taken: pool c listens there (fcgipm.yaml:4:27); choose another address",
    ]


def test_a_limit_below_what_the_pools_have_at_rest() -> None:
    text = """
        max_workers: 6
        pools:
          a: {app: "x:y", listen: fd:3, workers: 4}
          b: {app: "x:y", listen: fd:4, workers: {min: 3, max: 9}}
          c: {app: "x:y", listen: fd:5, workers: {mode: ondemand}}
          d: {app: "x:y", listen: fd:6, workers: {min: x}}
    """
    assert problems(text) == [
        "1:14: max_workers: must be at least 8, not 6: so many workers the pools need at least (a 4, b 3, c 1); raise it, or give a pool fewer",
        '6:48: pools.d.workers.min: must be a whole number, not "x"',
    ]


def test_every_rule_of_scaling_that_is_broken_is_told() -> None:
    lines = problems(pool("workers: {mode: static, min: 1, max: 2, spare: 1, idle_timeout: 1s, threads: 0}"))
    assert [line.split(": ")[1] for line in lines] == [
        f"pools.web.workers.{key}" for key in ("max", "spare", "idle_timeout", "threads")
    ]


def test_rules_between_keys_are_looked_at_although_other_keys_are_wrong() -> None:
    lines = problems(
        pool("workers: {min: 2, max: 1, threads: x}\numask: 9\nlimits: 5")
        + "  api: {app: 'a:b', listen: unix:/run/web.sock}\n"
    )
    assert [line.partition(" ")[0] for line in lines] == ["5:28:", "5:40:", "6:12:", "7:13:", "8:29:"]


def test_what_was_wrong_is_not_missing_too() -> None:
    text = """
        pools:
          web: {app: "${NONE}", listen: [5]}
          api: {app: 5, listen: }
    """
    assert [line.partition(" ")[0] for line in problems(text)] == ["2:14:", "2:34:", "3:14:", "3:24:"]


def test_a_value_from_a_variable_is_never_shown() -> None:
    lines = problems(
        pool("workers: ${SECRET}\nnice: ${SECRET}\nuser: x${SECRET}\nmount: ${SECRET}"), {"SECRET": "hunter2"}
    )
    assert len(lines) == 3
    assert "hunter2" not in str(lines)
    assert lines[0] == '5:14: pools.web.workers: must be a whole number, not "${SECRET}"'


def test_odd_keys_stay_on_one_line() -> None:
    (line,) = problems(pool('"a\\nb\\e[31m": 1'))
    assert line.startswith(r"5:5: pools.web.a\nb\x1b[31m: unknown key")


def test_more_addresses_than_a_pool_may_have() -> None:
    def listening(count: int) -> str:
        addresses = ", ".join(f"127.0.0.1:{9000 + number}" for number in range(count))
        return f"pools: {{web: {{app: 'shop:app', listen: [{addresses}]}}}}"

    assert problems(listening(32)) == []
    (problem,) = problems(listening(33))
    assert problem.endswith("pools.web.listen: has 33 addresses; a pool may have 32")


def test_a_request_must_be_slow_before_it_is_interrupted() -> None:
    said = problems(pool("timeouts: {request: 5s}\nslow_log: {after: 5s}"))
    assert [line.partition(": ")[2] for line in said] == [
        "pools.web.slow_log.after: must be less than timeouts.request, 5 s, not 5 s: a request is interrupted there, and never seen to be slow"
    ]
    assert problems(pool("timeouts: {request: 6s}\nslow_log: {after: 5s}")) == []
    assert len(problems(pool("timeouts: {request: 5}\nslow_log: {after: 60s}"))) == 1, "what was wanted is not known"
