"""L. CGI mode against programs and clients that mean no good."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.process.conformance.test_l_cgi import PLAIN, SH, Folder, Site, scripts, site, variables  # noqa: F401 (fixtures)
from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import PARAMS, STDIN, Connection, begin, environ, pairs, record, stream

SHORT = {"request": "500ms", "kill_after": "200ms", "body": "1s"}


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(
    "text",
    [
        "while :; do echo complaint >&2; sleep 0.05; done",
        "yes complaint >&2",
        "yes '' >&2",
        "kill -STOP $$",
        "trap '' TERM HUP INT; while :; do sleep 1; done",
        "cat /dev/zero >&2",
        "exec 2>&-; sleep 77",
    ],
)
def test_l173_l174_whatever_it_says_to_the_log_its_time_runs(site: Site, text: str) -> None:  # noqa: F811
    folder = site(timeouts=SHORT)
    (worker,) = folder.daemon.workers()
    reply = folder.run(text + "\n")
    assert (reply.status, reply.body) == (504, b"Gateway Timeout\n")
    eventually(lambda: not folder.marked(str(folder.path)), "the end of the program")
    assert folder.run(PLAIN).status == 200 and folder.daemon.workers() == [worker]
    assert len(folder.daemon.text) < 400_000


def test_l174_its_time_runs_behind_the_head_too(site: Site) -> None:  # noqa: F811
    folder = site(timeouts=SHORT)
    folder.script("it", SH + PLAIN + "echo part\nwhile :; do echo complaint >&2; sleep 0.05; done\n")
    with Connection(folder.daemon.address()) as connection:
        connection.send(begin() + stream(PARAMS, pairs(environ("/it"))) + record(STDIN))
        data = connection.read_to_end()
    assert b"part" in data and b"Timeout" not in data
    folder.daemon.wait_for_line("request timed out")


def test_l174_late_behind_a_complete_response(site: Site) -> None:  # noqa: F811
    folder = site(timeouts=SHORT)
    folder.script("it", SH + "printf 'Content-Length: 2\\n\\nok'\nexec sleep 77\n")
    with Connection(folder.daemon.address()) as connection:
        for _ in range(2):
            reply = connection.ask(environ("/it"), keep=True)
            assert (reply.status, reply.body) == (200, b"ok")
    folder.daemon.wait_for_line("request timed out")


def test_l174_input_closed_while_the_client_owes_its_body(site: Site) -> None:  # noqa: F811
    """The broken pipe is neither looked at again and again, nor is it an end of the program's time."""
    folder = site(timeouts={**SHORT, "request": "2s", "body": "30s"})
    folder.script("it", SH + "exec <&-\nsleep 77\n")
    (worker,) = folder.daemon.workers()
    before = processor_seconds(worker)
    with Connection(folder.daemon.address()) as connection:
        connection.send(begin() + stream(PARAMS, pairs(environ("/it", "POST", b"x" * 1000))) + record(STDIN, b"x" * 10))
        assert connection.read_reply().status == 504
    assert processor_seconds(worker) - before < 1.0


def test_l174_a_body_that_nobody_reads_is_not_kept(site: Site) -> None:  # noqa: F811
    folder = site()
    os.mkfifo(folder.path / "go")
    folder.script("it", SH + "exec <&-\nread word < go\n" + PLAIN)
    (worker,) = folder.daemon.workers()
    body = bytes(8 << 20)
    with Connection(folder.daemon.address()) as connection:
        connection.send(begin() + stream(PARAMS, pairs(environ("/it", "POST", body))) + stream(STDIN, body))
        links = [os.readlink(file) for file in Path(f"/proc/{worker}/fd").iterdir()]
        (folder.path / "go").write_text("on\n")
        assert connection.read_reply().status == 200
    assert not [link for link in links if link.endswith("(deleted)") and "memfd:" not in link]


def test_l174_a_body_is_over_with_a_response_that_has_none(site: Site) -> None:  # noqa: F811
    """The program waits for the end of its input, the worker for the program's."""
    folder = site()
    folder.script("it", SH + "printf 'Status: 204 No Content\\n\\n'\ncat\n")
    with Connection(folder.daemon.address()) as connection:
        connection.send(begin() + stream(PARAMS, pairs(environ("/it", "POST", b"x" * 1000))) + record(STDIN, b"x" * 10))
        assert connection.read_reply().status == 204
        assert folder.ask("/it").status == 204
    assert "was killed" not in folder.daemon.text


@pytest.mark.parametrize("session", ["", "setsid"])
def test_l175_a_grandchild_that_goes_on_writing(site: Site, session: str) -> None:  # noqa: F811
    """In a session of its own it is beyond the group's reach, and the request ends all the same; the pipe breaks under it."""
    folder = site()
    mark = f"out{os.getpid()}"
    reply = folder.run(PLAIN + f"echo body\n{session} yes {mark} &\n")
    assert reply.status == 200 and reply.body.startswith(b"body\n")
    eventually(lambda: not folder.marked(mark), "the end of the grandchild")


def test_l175_all_that_the_program_said_before_its_end_is_in_the_response(site: Site) -> None:  # noqa: F811
    folder = site()
    reply = folder.run(PLAIN + "sleep 77 &\nhead -c 60000 /dev/zero\n")
    assert len(reply.body) == 60000


def test_l169_nothing_that_a_library_listens_to(site: Site) -> None:  # noqa: F811
    folder = site()
    folder.script("env", SH + PLAIN + "env\n")
    hostile = dict.fromkeys(("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "SSLKEYLOGFILE"), "/tmp/evil")
    found = variables(folder.ask("/env", SSL_CLIENT_VERIFY="SUCCESS", **hostile))
    assert not hostile.keys() & found.keys() and found["SSL_CLIENT_VERIFY"] == "SUCCESS"


def test_l170_a_large_body_comes_back_while_it_is_sent(site: Site) -> None:  # noqa: F811
    body = bytes(range(256)) * 20000
    assert site().run(PLAIN + "cat\n", "POST", body).body == body


def test_variables_that_no_program_can_be_given(site: Site) -> None:  # noqa: F811
    folder = site()
    folder.script("it", SH + PLAIN)
    (worker,) = folder.daemon.workers()
    before = len(os.listdir(f"/proc/{worker}/fd"))
    with Connection(folder.daemon.address()) as connection:
        for _ in range(5):
            assert connection.ask(environ("/it", HTTP_LONG="x" * 200_000), keep=True).status == 500
    folder.daemon.wait_for_line("cannot start it: Argument list too long")
    eventually(lambda: len(os.listdir(f"/proc/{worker}/fd")) <= before, "no descriptor more")


def test_a_folder_whose_name_is_not_ascii(daemon_factory: Callable[..., Daemon], tmp_path: Path) -> None:
    path = tmp_path / "größe-ж"
    path.mkdir()
    folder = Folder(path, daemon_factory({"web": {"cgi": str(path), "workers": 1}}))
    file = folder.script("env", SH + PLAIN + "env\n")
    for more in ({}, {"SCRIPT_FILENAME": os.fsencode(file).decode("latin-1") + "/a"}):
        reply = folder.ask("/env/a", **more)
        assert reply.status == 200
        assert f"PATH_TRANSLATED={path}/a\n" in reply.body.decode()
