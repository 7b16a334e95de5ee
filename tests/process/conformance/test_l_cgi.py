"""L. CGI mode (RFC 3875): one process a request, from a real daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import (
    ABORT_REQUEST,
    PARAMS,
    STDIN,
    Connection,
    Reply,
    ask,
    begin,
    environ,
    pairs,
    record,
    request,
    stream,
)

Site = Callable[..., "Folder"]
SH = "#!/bin/sh\n"
PLAIN = "printf 'Content-Type: text/plain\\n\\n'\n"


class Folder:
    """A folder of scripts, and the daemon that runs them; both are other tests' too, and the folder is empty at first."""

    def __init__(self, path: Path, daemon: Daemon) -> None:
        self.path = path
        self.daemon = daemon

    def script(self, name: str, text: str | bytes, mode: int = 0o755) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        file.chmod(mode)
        return file

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **more: str) -> Reply:
        return ask(self.daemon.address(), path, method, body, **more)

    def run(self, text: str, method: str = "GET", body: bytes | None = None, **more: str) -> Reply:
        """The answer of a shell script."""
        self.script("it", SH + text)
        return self.ask("/it", method, body, **more)

    def aborted(self) -> int:
        """How many requests were, ever."""
        return int(self.daemon.status()["pools"]["web"]["requests"]["aborted"])

    def marked(self, mark: str) -> list[int]:
        """Processes that have the word in their command line."""
        found = []
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and mark.encode() in Path(f"/proc/{entry}/cmdline").read_bytes():
                    found.append(int(entry))
            except OSError:
                continue
        return found


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all tests of a module, and each tidies up behind it."""
    folder = tmp_path_factory.mktemp("cgi") / "cgi-bin"
    folder.mkdir()
    return folder


@pytest.fixture
def site(shared_daemon: Callable[..., Daemon], scripts: Path) -> Iterator[Site]:
    def start(**keys: object) -> Folder:
        pool = {"cgi": str(scripts), "workers": 1, "timeouts": {"request": "30s", "kill_after": "30s"}, **keys}
        return Folder(scripts, shared_daemon({"web": pool}))

    yield start
    for entry in scripts.iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def variables(reply: Reply) -> dict[str, str]:
    return dict(line.split("=", 1) for line in reply.body.decode("latin-1").splitlines() if "=" in line)


def test_l167_meta_variables(site: Site) -> None:
    folder = site()
    folder.script("env", SH + PLAIN + "env\n")
    found = variables(folder.ask("/env/more/path?a=b&c", "POST", b"12345", CONTENT_TYPE="text/x", HTTP_X_Y="z", REMOTE_USER="me", AUTH_TYPE="Basic"))
    wanted = {
        "AUTH_TYPE": "Basic", "CONTENT_LENGTH": "5", "CONTENT_TYPE": "text/x", "GATEWAY_INTERFACE": "CGI/1.1", "PATH_INFO": "/more/path",
        "PATH_TRANSLATED": f"{folder.path}/more/path", "QUERY_STRING": "a=b&c", "REMOTE_ADDR": "127.0.0.1", "REMOTE_USER": "me", "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "/env", "SCRIPT_FILENAME": f"{folder.path}/env", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_X_Y": "z",
    }  # fmt: skip
    assert {name: found.get(name) for name in wanted} == wanted
    assert found["SERVER_NAME"] and found["SERVER_PORT"] and found["SERVER_SOFTWARE"] and found["REQUEST_ID"]


def test_l167_what_is_always_there_and_what_only_with_a_body(site: Site) -> None:
    folder = site()
    folder.script("env", SH + PLAIN + "env\n")
    params = {name: value for name, value in environ("/env").items() if name != "QUERY_STRING"}
    with Connection(folder.daemon.address()) as connection:
        found = variables(connection.ask({**params, "CONTENT_LENGTH": "", "CONTENT_TYPE": ""}))
    assert found["QUERY_STRING"] == "" and found["SCRIPT_NAME"] == "/env" and not {"CONTENT_LENGTH", "CONTENT_TYPE"} & set(found)


def test_l168_the_scripts_own_folder_and_no_shell_in_between(site: Site) -> None:
    folder = site()
    folder.script("below/a b;echo $(id)", SH + PLAIN + 'pwd; echo "$#"; ps -o ppid= -p $$\n')
    (worker,) = folder.daemon.workers()
    lines = folder.ask("/below/a b;echo $(id)", QUERY_STRING="one+two").body.decode().split("\n")
    assert lines[:2] == [f"{folder.path}/below", "0"] and int(lines[2]) == worker


def test_l169_a_clean_environment(site: Site) -> None:
    folder = site(env={"OWN": "pool"})
    folder.script("env", SH + PLAIN + "env\n")
    hostile = {
        "LD_PRELOAD": "/tmp/evil.so", "LD_LIBRARY_PATH": "/tmp", "PATH": "/tmp", "PYTHONPATH": "/tmp", "PYTHONSTARTUP": "/x", "IFS": "x",
        "ENV": "/x", "BASH_ENV": "/x",
        "GCONV_PATH": "/x",
        "HOME": "/x", "TMPDIR": "/x", "PERL5OPT": "-x", "HTTP_PROXY": "http://evil", "OWN": "evil", "BASH_FUNC_a%%": "() { :; }", "ZZZ": "1",
    }  # fmt: skip
    found = variables(folder.ask("/env", **hostile))
    assert found["OWN"] == "pool" and found["PATH"] != "/tmp" and found["HOME"] != "/x"
    assert not ({*hostile} - {"OWN", "PATH", "HOME"}) & set(found)


def test_l169_c39_odd_names_and_values_are_left_out(site: Site) -> None:
    folder = site()
    folder.script("env", SH + PLAIN + "env -0 | tr '\\0' '\\n'\n")
    found = variables(folder.ask("/env", **{"HTTP_A=B": "x", "HTTP_NUL": "a\0b", "HTTP_N\0": "x", "HTTP_LOW-er": "x", "HTTP_GOOD": "a=b"}))
    assert found["HTTP_GOOD"] == "a=b" and not [name for name in found if name.startswith("HTTP_") and name not in ("HTTP_GOOD", "HTTP_HOST")]


def test_l170_stdin_is_the_body_and_ends_there(site: Site) -> None:
    folder = site()
    folder.script("sum", SH + PLAIN + 'echo "$CONTENT_LENGTH"; cksum\n')
    body = bytes(range(256)) * 20000
    told = folder.ask("/sum", "POST", body).body.decode().split()
    expected = subprocess.run(["cksum"], input=body, capture_output=True, check=True).stdout.decode().split()
    assert told[0] == str(len(body)) and told[1:3] == expected[:2]


def test_l170_more_than_was_declared_is_not_seen(site: Site) -> None:
    folder = site()
    folder.script("cat", SH + PLAIN + "cat\n")
    with Connection(folder.daemon.address()) as connection:
        connection.send(request(environ("/cat", "POST", b"1234567890", CONTENT_LENGTH="4"), b"1234567890"))
        assert connection.read_reply().body == b"1234"


def test_l170_a_body_of_unknown_length_is_counted_first(site: Site) -> None:
    folder = site()
    folder.script("cat", SH + PLAIN + 'echo "$CONTENT_LENGTH"; cat\n')
    params = {name: value for name, value in environ("/cat", "POST").items() if name != "CONTENT_LENGTH"}
    with Connection(folder.daemon.address()) as connection:
        connection.send(begin() + stream(PARAMS, pairs(params)) + record(STDIN, b"some "))
        connection.send(record(STDIN, b"body") + record(STDIN))
        assert connection.read_reply().body == b"9\nsome body"


@pytest.mark.parametrize(
    ("output", "status", "body"),
    [
        (r"Content-Type: text/x\n\nlf", 200, b"lf"),
        (r"Content-Type: text/x\r\n\r\ncrlf", 200, b"crlf"),
        (r"Content-Type: text/x\nStatus: 404 Gone fishing\n\nx", 404, b"x"),
        (r"Status: 201 Created\r\nX-A: b\r\n\r\n", 201, b""),
        (r"Status: 204 Nothing\ncontent-length: 5\nX-A: b\n\nhello", 204, b""),
        (r"Location: http://there/\n\n", 302, b""),
        (r"Content-Type: text/x\nConnection: close\nTransfer-Encoding: chunked\n\nplain", 200, b"plain"),
        (r"Content-Type: text/x\nX-Tab: a\tb\n\nx", 200, b"x"),
    ],
)
def test_l171_l172_heads(site: Site, output: str, status: int, body: bytes) -> None:
    reply = site().run(f"printf '{output}'\n")
    assert (reply.status, reply.body) == (status, body)
    assert not {"connection", "transfer-encoding"} & {name.lower() for name, _ in reply.headers}
    assert status != 204 or reply.header("Content-Length") is None


@pytest.mark.parametrize(
    "text",
    [
        "printf 'Content-Type: text/x'",
        "printf 'no header at all'",
        "exit 0",
        "printf '\\nbody alone'",
        "head -c 100000 /dev/zero | tr '\\0' x",
        "echo 'X: y'; head -c 70000 /dev/zero | tr '\\0' x; echo; echo",
        "printf 'Status: 99 Odd\\n\\n'",
        "printf 'Status: 103 Early\\n\\n'",
        "printf 'Status: abc\\n\\n'",
        "printf 'A b: c\\n\\n'",
        "head -c 3000 /dev/urandom",
        "kill -SEGV $$",
        "exec >&-; sleep 0",
    ],
)
def test_l171_what_is_no_response_is_a_502(site: Site, text: str) -> None:
    folder = site()
    reply = folder.run(text + "\n")
    assert (reply.status, reply.body) == (502, b"Bad Gateway\n")
    folder.daemon.wait_for_line(r"web\[\d+\]: it: no complete CGI response: ")


def test_l171_without_a_response_the_exit_status_is_told(site: Site) -> None:
    folder = site()
    assert folder.run("exit 127\n").status == 502
    folder.daemon.wait_for_line(r"web\[\d+\]: it: no complete CGI response: it said nothing; it exited with status 127$")


def test_l173_errors_go_to_the_log(site: Site) -> None:
    folder = site()
    reply = folder.run("echo 'first complaint' >&2\n" + PLAIN + "echo body\nprintf 'last \\033[31mwords' >&2\n")
    assert reply.body == b"body\n"
    folder.daemon.wait_for_line(r"web\[\d+\]: it: first complaint$")
    folder.daemon.wait_for_line(r"web\[\d+\]: it: last \S*31mwords$")
    assert "\x1b" not in folder.daemon.text


def test_l173_a_flood_of_errors_blocks_nobody(site: Site) -> None:
    folder = site()
    reply = folder.run("head -c 3000000 /dev/zero | tr '\\0' 'x' | fold >&2\n" + PLAIN + "echo body\n")
    assert reply.body == b"body\n"
    folder.daemon.wait_for_line(r"it: \d{7} more bytes of error output left out$")
    assert len(folder.daemon.text) < 300_000


@pytest.mark.parametrize(("end", "told"), [("exit 3", "exited with status 3"), ("kill -TERM $$", "was killed by SIGTERM")])
def test_l174_how_it_ended_is_told_and_its_group_ends_too(site: Site, end: str, told: str) -> None:
    folder = site()
    mark = f"9{os.getpid()}.25"
    reply = folder.run(f"sleep {mark} >/dev/null 2>&1 </dev/null &\nprintf 'Content-Length: 2\\n\\nok'\n{end}\n")
    assert (reply.status, reply.body) == (200, b"ok")
    folder.daemon.wait_for_line(rf"web\[\d+\]: it {told}$")
    eventually(lambda: not folder.marked(mark), "the end of the whole group")


def test_l174_what_goes_on_after_a_good_end_is_let_alone(site: Site, tmp_path: Path) -> None:
    folder = site()
    os.mkfifo(tmp_path / "gate")
    os.mkfifo(tmp_path / "begun")
    folder.run(PLAIN + f"(: > {tmp_path}/begun; read line < {tmp_path}/gate; : > {tmp_path}/done) >/dev/null 2>&1 </dev/null &\n: < {tmp_path}/begun\n")
    assert folder.run(PLAIN).status == 200
    (tmp_path / "gate").write_text("go on\n")
    eventually((tmp_path / "done").exists, "the work behind it")


def test_l174_a_time_out_ends_the_group(site: Site) -> None:
    folder = site(timeouts={"request": "300ms", "kill_after": "200ms"})
    mark = f"8{os.getpid()}.25"
    reply = folder.run(f"trap '' TERM\nsleep {mark} &\n(trap '' TERM; exec sleep {mark})\nwait\n")
    assert (reply.status, reply.body) == (504, b"Gateway Timeout\n")
    eventually(lambda: not folder.marked(mark), "the end of the whole group")
    folder.daemon.wait_for_line(r"request timed out: it said nothing")
    workers = folder.daemon.workers()
    assert folder.run(PLAIN).status == 200
    assert folder.daemon.settled()["requests"]["timed_out"] == 1 and folder.daemon.workers() == workers


def test_l174_a_program_that_goes_on_speaking_is_not_late(site: Site) -> None:
    folder = site(timeouts={"request": "1s", "kill_after": "200ms"})
    assert folder.run(PLAIN + "for i in 1 2 3 4 5 6; do sleep 0.3; echo $i; done\n").body == b"1\n2\n3\n4\n5\n6\n"


def test_l174_a_crash_behind_the_head_cuts_a_response_that_has_begun(site: Site, tmp_path: Path) -> None:
    folder = site()
    os.mkfifo(tmp_path / "gate")
    folder.script("it", SH + f"printf 'Content-Length: 100\\n\\npart'\nread line < {tmp_path}/gate\nkill -KILL $$\n")
    with Connection(folder.daemon.address()) as connection:
        connection.send(request(environ("/it"), keep=True))
        assert connection.read_record().content.endswith(b"part")
        (tmp_path / "gate").write_text("go on\n")
        assert connection.read_to_end() == b""
    folder.daemon.wait_for_line(r"killed by SIGKILL$")


def test_l174_a_crash_at_once_is_a_502_or_cut(site: Site) -> None:
    folder = site()
    reply = folder.run("printf 'Content-Length: 100\\n\\npart'\nkill -KILL $$\n")
    assert reply.status == 502 or (reply.status == 200 and not reply.complete)
    folder.daemon.wait_for_line(r"killed by SIGKILL$")


def test_l175_output_closed_and_the_program_alive(site: Site, tmp_path: Path) -> None:
    folder = site()
    os.mkfifo(tmp_path / "gate")
    folder.script("it", SH + PLAIN + f"echo body\nexec >&- 2>&-\nread line < {tmp_path}/gate\n: > {tmp_path}/done\n")
    assert folder.ask("/it").body == b"body\n"
    (tmp_path / "gate").write_text("go on\n")
    eventually((tmp_path / "done").exists, "the program to end by itself")


def test_l175_output_closed_and_no_end_in_sight(site: Site) -> None:
    folder = site(timeouts={"kill_after": "100ms"})
    mark = f"7{os.getpid()}.25"
    assert folder.run(PLAIN + f"echo body\nexec >&- 2>&-\nsleep {mark}\n").body == b"body\n"
    eventually(lambda: not folder.marked(mark), "its end")


def test_l175_a_grandchild_that_holds_the_pipes(site: Site) -> None:
    folder = site()
    mark = f"6{os.getpid()}.25"
    assert folder.run(PLAIN + f"sleep {mark} &\necho body\n").body == b"body\n"
    eventually(lambda: not folder.marked(mark), "the end of the grandchild")
    assert folder.run(PLAIN).status == 200


@pytest.mark.parametrize("how", ["close", "abort"])
def test_l176_the_client_leaves(site: Site, how: str) -> None:
    folder = site()
    mark = f"5{os.getpid()}.25"
    folder.script("it", SH + PLAIN + f"echo begun\nsleep {mark}\n")
    before = folder.aborted()
    with Connection(folder.daemon.address()) as connection:
        connection.send(request(environ("/it"), keep=True))
        eventually(lambda: folder.marked(mark), "the program to be there")
        connection.send(record(ABORT_REQUEST)) if how == "abort" else connection.close()
        eventually(lambda: not folder.marked(mark), "the program's end")
    eventually(lambda: folder.aborted() == before + 1, "the count")
    assert folder.run(PLAIN).status == 200


def test_l176_the_client_leaves_amid_its_body(site: Site) -> None:
    folder = site()
    mark = f"4{os.getpid()}.25"
    folder.script("it", SH + f"cat >/dev/null\nsleep {mark}\n")
    with Connection(folder.daemon.address()) as connection:
        connection.send(begin() + stream(PARAMS, pairs(environ("/it", "POST", b"x" * 1000))) + record(STDIN, b"x" * 10))
        eventually(lambda: folder.marked(str(folder.path)), "the program to be there")
    eventually(lambda: not folder.marked(str(folder.path)), "its end")
    assert folder.run(PLAIN).status == 200 and not folder.marked(mark)


def test_l176_a_killed_worker_takes_its_program_along(site: Site) -> None:
    folder = site()
    mark = f"3{os.getpid()}.25"
    folder.script("it", SH + f"sleep {mark}\n")
    (worker,) = folder.daemon.workers()
    with Connection(folder.daemon.address()) as connection:
        connection.send(request(environ("/it")))
        eventually(lambda: folder.marked(mark), "the program to be there")
        os.kill(worker, 9)
        eventually(lambda: not folder.marked(mark), "the program's end")


def test_l177_a_thousand_runs_leave_nothing(site: Site) -> None:
    folder = site(workers=2)
    folder.script("it", SH + PLAIN + "cat\necho complaint >&2\n")
    folder.script("bad", SH + "exit 1\n")
    workers = folder.daemon.workers()

    def held() -> list[int]:
        return [len(os.listdir(f"/proc/{pid}/fd")) for pid in workers]

    folder.ask("/it")
    folder.ask("/bad")
    before, files = held(), sorted(os.listdir(folder.path))
    with Connection(folder.daemon.address()) as connection:
        for number in range(1000):
            reply = connection.ask(environ("/bad" if number % 10 == 0 else "/it", "POST", b"x" * 10), b"x" * 10, keep=True)
            assert reply.status == (502 if number % 10 == 0 else 200)
    eventually(lambda: max(held()) <= max(before) + 1, "no descriptor more than the kept connection")
    assert folder.daemon.workers() == workers and sorted(os.listdir(folder.path)) == files
    zombies = [pid for pid in folder.daemon.processes() if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()]
    assert zombies == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/../secret", 404), ("/sub/../../secret", 404),
        ("/%2e%2e/secret", 404), ("/..%2fsecret", 404), ("/link", 404), ("/linked/secret", 404), ("/it\0", 404),
        ("/\0", 404), ("//it", 200), ("/./it", 200), ("/plain.txt", 403), ("/sub", 404), ("/sub/", 404), ("/", 404), ("/none", 404), ("/fifo", 404),
        ("/inner", 200), ("/it/../x", 404),
    ],
)  # fmt: skip
def test_nothing_outside_the_folder_runs(site: Site, tmp_path: Path, path: str, status: int) -> None:
    folder = site()
    outside = tmp_path / "outside"
    outside.mkdir()
    secret = outside / "secret"
    secret.write_text(SH + PLAIN + f": > {outside}/ran\n")
    secret.chmod(0o755)
    shutil.copy(secret, folder.path.parent / "secret")
    folder.script("it", SH + PLAIN + "echo it\n")
    folder.script("plain.txt", "no program", 0o644)
    folder.script("sub/x", SH + PLAIN)
    (folder.path / "link").symlink_to(secret)
    (folder.path / "linked").symlink_to(outside)
    (folder.path / "inner").symlink_to("it")
    os.mkfifo(folder.path / "fifo")
    for more in ({}, {"SCRIPT_FILENAME": f"{folder.path}{path}"}):
        assert folder.ask(path, **more).status == status
    assert not (outside / "ran").exists()
    if ".." in path.split("/") or "\0" in path or path.startswith("/link"):
        folder.daemon.wait_for_line(r"web\[\d+\]: refused a request: ")


def test_a_file_that_the_web_server_names_elsewhere(site: Site) -> None:
    folder = site()
    assert folder.ask("/it", SCRIPT_FILENAME="/bin/sh").status == 404
    folder.daemon.wait_for_line(r"refused a request: '/bin/sh' is not below ")


def test_path_info_as_web_servers_split_it(site: Site) -> None:
    folder = site(mount="/cgi-bin")
    file = folder.script("sub/env", SH + PLAIN + "env\n")
    for params in (
        {"SCRIPT_NAME": "", "PATH_INFO": "/cgi-bin/sub/env/a/b"},
        {"SCRIPT_NAME": "/cgi-bin/sub/env/a/b", "PATH_INFO": ""},
        {"SCRIPT_NAME": "/cgi-bin/sub/env", "PATH_INFO": "/a/b"},
        {"SCRIPT_NAME": "/cgi-bin/sub/env", "PATH_INFO": "/a/b", "SCRIPT_FILENAME": str(file)},
        {"SCRIPT_NAME": "/cgi-bin/sub/env/a/b", "PATH_INFO": "", "SCRIPT_FILENAME": f"{file}/a/b"},
    ):
        found = variables(folder.ask("/cgi-bin/sub/env/a/b", **params))
        assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == ("/cgi-bin/sub/env", "/a/b"), params


def test_programs_in_c_perl_and_python(site: Site, tmp_path: Path) -> None:
    folder = site()
    source = tmp_path / "hello.c"
    source.write_text('#include <stdio.h>\nint main(void) { puts("Content-Type: text/plain\\n\\nC"); return 0; }\n')
    subprocess.run(["gcc", "-o", str(folder.path / "hello"), str(source)], check=True)
    folder.script("hello.pl", '#!/usr/bin/perl\nprint "Content-Type: text/plain\\n\\nPerl\\n";\n')
    folder.script("hello.py", "#!/usr/bin/env python3\nprint('Content-Type: text/plain\\n\\nPython')\n")
    assert [folder.ask(f"/{name}").body for name in ("hello", "hello.pl", "hello.py")] == [b"C\n", b"Perl\n", b"Python\n"]


@pytest.mark.parametrize(
    ("text", "told"),
    [("no first line\n", r"cannot start bad: Exec format error \(a script begins"), ("#!/no/such/program\n", r"cannot start bad: .* \(its interpreter")],
)
def test_what_cannot_be_started_is_explained(site: Site, text: str, told: str) -> None:
    folder = site()
    folder.script("bad", text)
    assert folder.ask("/bad").status == 500
    folder.daemon.wait_for_line(told)


def test_a_program_that_reads_nothing_of_a_large_body(site: Site) -> None:
    assert site().run(PLAIN + "echo done\n", "POST", b"x" * 3_000_000).body == b"done\n"


def test_head_and_a_program_that_writes_a_body(site: Site) -> None:
    folder = site()
    reply = folder.run(PLAIN + "head -c 1000000 /dev/zero\n", "HEAD")
    assert (reply.status, reply.body) == (200, b"")


def test_an_application_with_a_fresh_interpreter_for_each_request(daemon_factory: Callable[..., Daemon]) -> None:
    daemon = daemon_factory({"web": {"app": "identity:application", "interface": "cgi", "mount": "/m", "workers": 1}})
    replies = [ask(daemon.address(), "/m/x", "POST", b"abc") for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 200]
    assert replies[0].body != replies[1].body, "each says its pid"
    status = daemon.settled()
    assert status["interface"] == "cgi" and status["requests"]["total"] == 2


def test_an_application_that_raises_behind_its_head_is_not_taken_for_complete(daemon_factory: Callable[..., Daemon]) -> None:
    daemon = daemon_factory({"web": {"app": "misbehave:application", "interface": "cgi", "workers": 1}}, tolerate=["Traceback", "web"])
    reply = ask(daemon.address(), "/replace-after-headers")
    assert reply.status == 502 or not reply.complete
    daemon.wait_for_line("ValueError: after the headers")


@pytest.mark.parametrize(
    ("keys", "code", "told"),
    [
        (
            {"app": "nowhere:application", "interface": "cgi"},
            1,
            ["No module named 'nowhere'", "application nowhere:application cannot be imported by a CGI program"],
        ),
        ({"cgi": "/nowhere/at/all"}, 78, ["pools.web.cgi: /nowhere/at/all does not exist: make the folder"]),
    ],
)
def test_what_can_answer_no_request_does_not_start(keys: dict[str, str], code: int, told: list[str]) -> None:
    daemon = Daemon({"web": keys})
    assert daemon.run_to_end() == code
    assert all(text in daemon.text for text in told)


def test_descriptors_and_umask(site: Site) -> None:
    """A program inherits its three descriptors and nothing of ours."""
    folder = site(umask="0027")
    lines = folder.run(PLAIN + "ls /proc/self/fd | wc -l; umask\n").body.decode().split()
    assert int(lines[0]) == 4 and int(lines[1], 8) == 0o027  # ls itself has the folder open.
