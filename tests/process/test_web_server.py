"""The embedded server itself: clients that leave or are slow, pools that do not answer, static files, its supervision."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.nginx.test_transfer import MIB, Memory, made, read_all, request, stalled
from tests.support.daemon import Daemon, eventually
from tests.support.embedded import Embedded
from tests.support.load import Load, Shot
from tests.support.ports import free_port

STREAM = {"web": {"app": "stream:application", "umask": "0000"}}
ALLOWED_GROWTH = 8 * MIB


@pytest.fixture
def embedded_factory() -> Iterator[Callable[..., Embedded]]:
    started: list[Embedded] = []

    def start(*arguments: object, **options: object) -> Embedded:
        server = Embedded(*arguments, **options)  # type: ignore[arg-type]
        started.append(server)
        return server.start()

    yield start
    for server in started:
        if server.daemon.folder.exists():
            server.daemon.stop()


class TestClients:
    def test_h140_one_who_leaves_mid_stream(self, shared_embedded: Callable[..., Embedded]) -> None:
        """The application's iterator is closed, the worker serves on, and nothing alarming is logged."""
        server = shared_embedded({"web": {"app": "misbehave:application"}})
        (worker,) = server.daemon.workers()
        for _ in range(3):
            with request(server.port, "GET /endless HTTP/1.1") as connection:
                assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            eventually(lambda: server.ask("/notes").body.count(b'"close"') == 1, "the iterator is closed")
        assert server.daemon.workers() == [worker]

    def test_one_who_leaves_while_the_application_waits(
        self, shared_embedded: Callable[..., Embedded], tmp_path: Path
    ) -> None:
        """Nobody need send anything for it to be noticed: the next block finds its web server gone."""
        events = tmp_path / "events"
        server = shared_embedded(STREAM)
        with request(server.port, f"GET /?blocks=1000&size=10&pause=0.05&events={events} HTTP/1.1") as connection:
            assert b"aaaaaaaaaa" in connection.recv(65536) + connection.recv(65536)
        eventually(lambda: "close" in events.read_text(), "the iterator is closed")
        assert events.read_text().count("next") < 100

    def test_one_who_leaves_mid_upload(self, shared_embedded: Callable[..., Embedded]) -> None:
        server = shared_embedded(STREAM, tolerate=["ended before|client|closed"])
        (worker,) = server.daemon.workers()
        head = b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port), 15) as connection:
            connection.sendall(head + b"x" * 1000)
            eventually(lambda: busy(server) == 1, "the worker reads")
        eventually(lambda: busy(server) == 0, "the worker is free")
        assert server.ask("/upload", "POST", b"abc").status == 200
        assert server.daemon.workers() == [worker]

    @pytest.mark.timeout(90)
    def test_h139_a_slow_reader_of_100_mb(self, shared_embedded: Callable[..., Embedded], tmp_path: Path) -> None:
        """It takes nothing for a while: the application waits with it, and nothing piles up in any process."""
        events = tmp_path / "events"
        server = shared_embedded(STREAM)
        assert server.ask("/?blocks=100&size=65536").status == 200
        memories = [Memory(pid) for pid in (*server.daemon.workers(), server.pid, server.daemon.pid)]
        size, block = 100 * MIB, 65536
        head = f"GET /?blocks={size // block}&size={block}&length=1&events={events} HTTP/1.1"
        with request(server.port, head) as connection:
            eventually(lambda: stalled(events), "the application waits for the client")
            assert made(events) * block < 16 * MIB, "the application ran ahead of its client"
            assert read_all(connection)[1] == size
        growths = [memory.growth() for memory in memories]
        assert max(growths) < ALLOWED_GROWTH, growths
        assert events.read_text().count("close") == 1

    @pytest.mark.parametrize("chunked", [False, True])
    def test_d57_a_large_upload(self, shared_embedded: Callable[..., Embedded], chunked: bool) -> None:
        server = shared_embedded(STREAM)
        assert server.ask("/upload", "POST", b"warm").status == 200
        memories = [Memory(pid) for pid in (*server.daemon.workers(), server.pid)]
        block, count, digest = os.urandom(MIB), 64, hashlib.sha256()
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {count * MIB}"
        with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
            connection.sendall(f"POST /upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{length}\r\n\r\n".encode())
            for _ in range(count):
                connection.sendall(b"%x\r\n" % MIB + block + b"\r\n" if chunked else block)
                digest.update(block)
            connection.sendall(b"0\r\n\r\n" if chunked else b"")
            answer = read_to_end(connection)
        assert answer.endswith(f"\r\n\r\n{count * MIB} {digest.hexdigest()}".encode()), answer
        assert max(memory.growth() for memory in memories) < ALLOWED_GROWTH

    def test_an_upload_that_nobody_reads_is_held_back(self, shared_embedded: Callable[..., Embedded]) -> None:
        """The application answers one block and sleeps: what the client may still send is what the sockets' buffers hold."""
        server = shared_embedded(STREAM)
        assert server.ask("/upload", "POST", b"warm").status == 200
        memory = Memory(server.pid)
        sent = 0
        with socket.create_connection(("127.0.0.1", server.port), 15) as connection:
            connection.sendall(b"POST /?blocks=2&size=1&pause=3 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
            connection.settimeout(1)
            with pytest.raises(TimeoutError):
                while sent < 64 * MIB:
                    sent += connection.send(b"x" * 65536)
        assert sent < 32 * MIB and memory.growth() < ALLOWED_GROWTH, (sent, memory.growth())

    def test_d60_an_early_answer(self, shared_embedded: Callable[..., Embedded]) -> None:
        server = shared_embedded({"web": {"app": "misbehave:application"}})
        for _ in range(3):
            response = server.ask("/leave-body", "POST", b"x" * (4 * MIB))
            assert (response.status, response.body) == (413, b"too large")

    @pytest.mark.alone
    def test_200_at_once(self, shared_embedded: Callable[..., Embedded]) -> None:
        """Here for a moment; `scripts/bench doors` does it for 20 s, beside nginx."""
        server = shared_embedded({"web": {"app": "hello:application", "workers": 2}})
        shots = (Shot("GET", "/", expect=lambda body: body == b"Hello, world!") for _ in range(3000))
        outcome = Load(server.port, shots, clients=200).start().finish()
        assert (outcome.answered, outcome.failures) == (3000, [])
        print(f"slowest of 3000: {outcome.slowest * 1000:.0f} ms")


def busy(server: Embedded) -> int:
    return int(server.daemon.status()["pools"]["web"]["workers"]["busy"])


def read_to_end(connection: socket.socket) -> bytes:
    answer = b""
    while data := connection.recv(65536):
        answer += data
    return answer


def together(port: int, head: str, count: int) -> None:
    """So many requests at once, each to its end."""
    connections = [request(port, head) for _ in range(count)]
    for connection in connections:
        with connection:
            read_to_end(connection)


class TestPoolsThatDoNotAnswer:
    def test_502_when_the_worker_dies_before_it_answers(self, shared_embedded: Callable[..., Embedded]) -> None:
        server = shared_embedded({"web": {"app": "sleep:application"}})
        with request(server.port, "POST /?s=60 HTTP/1.1") as connection:
            eventually(lambda: busy(server) == 1, "the request runs")
            os.kill(server.daemon.workers()[0], signal.SIGKILL)
            answer = read_to_end(connection)
        assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
        assert answer.endswith(b"\n502 Bad Gateway: the application's process ended the request: it closed the connection\n")
        assert server.ask("/?s=0").status == 200, "another worker answers"

    def test_a_request_that_kills_its_worker_kills_one(self, shared_embedded: Callable[..., Embedded]) -> None:
        """On a kept connection, where it might be taken for a request that nobody has seen."""
        server = shared_embedded({"web": {"app": "misbehave:application", "workers": 3}})
        before = server.daemon.workers()
        server.ask("/notes")
        assert server.ask("/kill").status == 502
        server.daemon.wait_for_line("was killed by SIGKILL")
        eventually(lambda: len(server.daemon.workers()) == 3, "another took its place")
        assert len(set(before) & set(server.daemon.workers())) == 2
        assert "sent once more" not in server.daemon.text

    def test_a_worker_that_dies_takes_no_other_request_with_it(
        self, shared_embedded: Callable[..., Embedded], tmp_path: Path
    ) -> None:
        """The other one waits unread on a connection that the same worker keeps; the master sleeps, so that nobody hands it over."""
        events = tmp_path / "events"
        server = shared_embedded(STREAM)
        together(server.port, "GET /?blocks=2&pause=0.2 HTTP/1.1", 2)
        eventually(lambda: server.daemon.status()["pools"]["web"]["processes"][0]["kept"] == 2, "both connections are kept")
        (worker,) = server.daemon.workers()
        os.kill(server.daemon.pid, signal.SIGSTOP)
        try:
            with request(server.port, f"GET /?blocks=2&pause=60&events={events} HTTP/1.1") as dying:
                eventually(lambda: "next 0" in events.read_text() if events.exists() else False, "the request runs")
                with request(server.port, "GET /?blocks=1&size=3 HTTP/1.1") as waiting:
                    for _ in range(3):  # Whoever is answered now came after the request that waits.
                        assert server.ask("/../x").status == 400
                    os.kill(worker, signal.SIGKILL)
                    assert not read_to_end(dying).endswith(b"0\r\n\r\n")
                    os.kill(server.daemon.pid, signal.SIGCONT)
                    assert b"aaa" in read_to_end(waiting)
        finally:
            os.kill(server.daemon.pid, signal.SIGCONT)
        server.daemon.wait_for_line(r"http: GET /: sent once more: the connection ended before any process of the application had read the request$")

    def test_an_answer_cut_short_is_cut_short_for_the_client(self, shared_embedded: Callable[..., Embedded]) -> None:
        """A chunked answer without its last chunk: no client takes it for whole."""
        server = shared_embedded({"web": {"app": "misbehave:application"}}, tolerate=["Traceback|Error|error"])
        with request(server.port, "GET /raise-after-first-block HTTP/1.1") as connection:
            answer = read_to_end(connection)
        assert answer.startswith(b"HTTP/1.1 200 OK") and not answer.endswith(b"0\r\n\r\n"), answer

    def test_the_page_for_a_request_that_is_none(self, shared_embedded: Callable[..., Embedded]) -> None:
        server = shared_embedded({"web": {"app": "hello:application"}})
        response = server.raw(b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert response.startswith(b"HTTP/1.1 400 ") and response.endswith(b"400 Bad Request: the path leaves the root\n")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """An application with a folder of static files."""
    folder = tmp_path_factory.mktemp("static")
    (folder / "a.txt").write_text("0123456789")
    (folder / "sub").mkdir()
    (folder / "sub" / "ü b.css").write_text("body {}")
    (folder / "inside").symlink_to("a.txt")
    (folder / "outside").symlink_to("/etc/passwd")
    (folder / "up").symlink_to("..")
    with Embedded({"web": {"app": "echo:application"}}, {"static": {"/static": str(folder)}}) as server:
        yield server


class TestStaticFiles:
    def test_a_file(self, server: Embedded) -> None:
        response = server.ask("/static/a.txt?v=3")
        assert (response.status, response.body) == (200, b"0123456789")
        assert (response.header("Content-Type") or "").startswith("text/plain")
        assert server.ask("/static/a.txt", "HEAD").header("Content-Length") == "10"
        assert server.ask("/static/sub/%C3%BC%20b.css").header("Content-Type") == "text/css; charset=utf-8"
        assert server.ask("/static/inside").status == 200

    def test_parts_and_conditions(self, server: Embedded) -> None:
        part = server.ask("/static/a.txt", headers={"Range": "bytes=2-4"})
        assert (part.status, part.body, part.header("Content-Range")) == (206, b"234", "bytes 2-4/10")
        etag = server.ask("/static/a.txt").header("ETag")
        assert server.ask("/static/a.txt", headers={"If-None-Match": etag or ""}).status == 304
        modified = server.ask("/static/a.txt").header("Last-Modified")
        assert server.ask("/static/a.txt", headers={"If-Modified-Since": modified or ""}).status == 304

    @pytest.mark.parametrize("path", [
        "/static/none", "/static/", "/static/sub", "/static/outside", "/static/up/x", "/static//etc/passwd",
    ])  # fmt: skip
    def test_what_is_no_file_here(self, server: Embedded, path: str) -> None:
        response = server.ask(path)
        assert (response.status, response.body) == (404, b"404 Not Found: there is no such file\n")

    @pytest.mark.parametrize("path", ["/static/../x", "/static/%2e%2e/x", "/static%2f..%2fx", "/static", "/staticx/a.txt"])
    def test_what_is_not_below_the_prefix_is_the_applications(self, server: Embedded, path: str) -> None:
        response = server.ask(path)
        assert response.status == 200 and b"PATH_INFO" in response.body

    def test_other_methods(self, server: Embedded) -> None:
        response = server.ask("/static/a.txt", "POST", b"x")
        assert (response.status, response.header("Allow")) == (405, "GET, HEAD")


class TestSupervision:
    def test_status_shows_it(self, embedded_factory: Callable[..., Embedded]) -> None:
        server = embedded_factory({"web": {"app": "hello:application"}})
        (http,) = server.daemon.status()["http"]
        assert http == {"address": http["address"], "pool": "web", "pid": server.pid, "state": "running", "reason": None}
        assert f"http {http['address']} for web: running, pid {http['pid']}\n" in server.daemon.command("status").stdout

    def test_one_that_dies_is_followed_by_another(self, embedded_factory: Callable[..., Embedded]) -> None:
        server = embedded_factory({"web": {"app": "hello:application"}})
        assert server.ask("/").body == b"Hello, world!"
        os.kill(server.pid, signal.SIGKILL)
        assert server.ask("/").body == b"Hello, world!", "who comes meanwhile waits in the queue"
        server.daemon.wait_for_line(r"warning web: http: process \d+ was killed by SIGKILL")

    def test_it_goes_with_a_master_that_is_killed(self) -> None:
        server = Embedded({"web": {"app": "hello:application"}}).start()
        pid = server.pid
        server.daemon.kill()
        eventually(lambda: not os.path.exists(f"/proc/{pid}"), "the web server has ended")
        server.daemon.wait_for_no_process()
        server.daemon.lines_reader.join()
        server.daemon.destroy()

    def test_stop_lets_it_finish_and_leaves_nothing(self, embedded_factory: Callable[..., Embedded]) -> None:
        """A running request is finished, and one that needs a new connection to the pool is too; then the pool's workers stop."""
        server = embedded_factory(STREAM)
        pid = server.pid
        answers: list[bytes] = []

        def ask() -> None:
            answers.append(server.ask("/?blocks=10&size=10&pause=0.1").body)

        thread = threading.Thread(target=ask)
        thread.start()
        eventually(lambda: busy(server) == 1, "the request runs")
        server.daemon.stop()
        thread.join()
        assert answers == [b"".join(bytes([97 + n]) * 10 for n in range(10))]
        assert not os.path.exists(f"/proc/{pid}")
        texts = server.daemon.text
        assert texts.index("stopping") < texts.index("stopped")

    def test_access_lines_only_where_asked_for(self, embedded_factory: Callable[..., Embedded]) -> None:
        silent = embedded_factory({"web": {"app": "hello:application"}})
        silent.ask("/quiet")
        telling = embedded_factory({"web": {"app": "hello:application"}}, {"access_log": True})
        telling.ask("/search?secret=1")
        telling.daemon.wait_for_line(r"info web\[\d+\]: http: GET /search 200 \d+\.\d ms$")
        assert "secret" not in telling.daemon.text and "/quiet" not in silent.daemon.text

    def test_allow(self) -> None:
        port = free_port()
        listen = {"address": f"127.0.0.1:{port}", "allow": ["192.0.2.1"]}
        other = Daemon({"web": {"app": "hello:application"}}, settings={"http": [{"listen": listen, "pool": "web"}]})
        with other, socket.create_connection(("127.0.0.1", port), 15) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert receive_or_reset(connection) == b""

    def test_a_busy_address(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            daemon = Daemon({"web": {"app": "hello:application"}}, settings={"http": [{"listen": address, "pool": "web"}]})
            assert daemon.run_to_end() == 71
        assert f"fcgipm: http for pool web: cannot listen on {address}: another program listens there" in daemon.text


def receive_or_reset(connection: socket.socket) -> bytes:
    try:
        return connection.recv(100)
    except ConnectionResetError:
        return b""
