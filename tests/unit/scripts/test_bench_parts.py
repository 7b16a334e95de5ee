"""The canned requests, the nginx configuration, and the readings of /proc."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from benchmarks import canned, floor, pss, pump, shipped
from benchmarks.front import Route, configuration, translate
from benchmarks.processes import BenchError, program

from fcgipm.bench import cpu


@pytest.mark.parametrize("name", canned.TRAFFIC)
def test_canned_requests_are_what_the_bare_loop_reads(name: str) -> None:
    for data in canned.traffic(name, keep=True)[:100]:
        kinds = [kind for kind, _ in pump.records(data)]
        assert kinds == [canned.BEGIN, canned.PARAMS, canned.PARAMS, canned.STDIN]
        environ: dict[str, str] = {}
        floor.decode(pump.records(data)[1][1], environ)
        assert environ.keys() == canned.TRAFFIC[name].keys()
        assert (
            environ["REQUEST_URI"]
            == environ["PATH_INFO"] + ("?" if environ["QUERY_STRING"] else "") + environ["QUERY_STRING"]
        )


def test_params_come_in_the_order_of_our_nginx_file() -> None:
    names = list(canned.ordered(canned.BROWSER))
    assert names.index("REQUEST_METHOD") < names.index("REQUEST_ID") < names.index("HTTP_COOKIE")
    assert set(names) == set(canned.BROWSER)


def test_long_values_have_four_byte_lengths() -> None:
    environ: dict[str, str] = {}
    floor.decode(canned.pair("A", "x" * 127) + canned.pair("B", "y" * 128), environ)
    assert environ == {"A": "x" * 127, "B": "y" * 128}


def test_the_bare_loop_answers_a_whole_good_reply() -> None:
    reply = floor.answer(canned.request(canned.BROWSER, keep=False))
    assert pump.ended(reply)
    pump.check(reply)


@pytest.mark.parametrize("out", [b"Status: 500 Oops\r\n\r\nsorry", b""])
def test_a_reply_other_than_200_is_refused(out: bytes) -> None:
    with pytest.raises(pump.UnexpectedReply):
        pump.check(canned.record(canned.STDOUT, out) + canned.record(canned.END, bytes(8)))


def test_every_backend_gets_the_shipped_parameters() -> None:
    routes = [Route("a", Path("/a"), "fastcgi", kept=True), Route("b", Path("/b"), "uwsgi", kept=False)]
    text = configuration(Path("/tmp/x"), 8099, routes, shipped.params())
    assert text.count("_param PATH_INFO ") == 2
    assert text.count("uwsgi_param PATH_INFO ") == 1
    assert text.count("fastcgi_keep_conn on;") == 1
    assert shipped.host_map() in text


def test_directives_of_fastcgi_alone_do_not_reach_other_protocols() -> None:
    params = "# fastcgi_param in a comment\nfastcgi_param A b;\nfastcgi_buffers 8 8k;"
    assert translate(params, "uwsgi") == "# fastcgi_param in a comment\nuwsgi_param A b;"


def test_cpu_of_a_process_is_read_from_outside() -> None:
    assert 0 < cpu.own(os.getpid()) <= os.times().user + os.times().system + 0.1
    assert os.getpid() in cpu.tree(os.getppid())


def test_a_process_that_is_gone_counts_nothing() -> None:
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    assert (cpu.own(pid), cpu.reaped(pid), cpu.started(pid), pss.read(pid).pss) == (0, 0, None, 0)


def test_memory_is_read_from_smaps_rollup() -> None:
    assert pss.parse("55d5-7ffc ---p 0 00:00 0 [rollup]\nRss:  9 kB\nPss:  2048 kB\nPss_Anon:   512 kB\n") == (2.0, 0.5)
    assert pss.total([pss.Memory(2.0, 0.5), pss.Memory(1.0, 0.25)]) == (3.0, 0.75)


def test_a_missing_program_is_told_with_the_way_to_get_it() -> None:
    with pytest.raises(BenchError, match="no-such-program is not installed; apt-get install it"):
        program("no-such-program", "apt-get install it")
