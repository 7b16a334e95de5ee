"""The race's bounds, and what it makes of lanes that answer, fail or stand still."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from fcgipm.demo import app, race
from fcgipm.demo.records import decode, record_bytes

LAP = record_bytes(6, b'Content-Type: application/json\r\n\r\n{"pid": 7}') + record_bytes(6) + record_bytes(3, bytes(8))


class Pool:
    """Answers each request with `reply`; None: never."""

    def __init__(self, path: Path, reply: bytes | None) -> None:
        self.address, self.reply, self.open = str(path), reply, 0
        self.listener = socket.create_server(str(path), family=socket.AF_UNIX)
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self.threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while connection.recv(65536):
                if self.reply is not None:
                    connection.sendall(self.reply)

    def end(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.listener.close()


@pytest.fixture
def pools(tmp_path: Path) -> Iterator[dict[str, Pool]]:
    made = {lane: Pool(tmp_path / lane, LAP) for lane in race.LANES}
    yield made
    for pool in made.values():
        pool.end()


@pytest.fixture
def addresses(pools: dict[str, Pool], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(race, "SECONDS", 0.25)
    for lane, variable in race.LANES.items():
        monkeypatch.setenv(variable, pools[lane].address)
    return {lane: pool.address for lane, pool in pools.items()}


def test_it_ends_by_time(addresses: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [json.loads(line) for line in race.race(addresses, "/race/lap")]
    running = [line["running"] for line in lines]
    assert running == [*sorted(running[:-1], reverse=True), None] and set(running) == {*race.LANES, None}, "one after the other"
    assert len(lines) >= 6 and all(lines[-1][lane]["seconds"] >= race.SECONDS for lane in race.LANES)
    assert all(lines[-1][lane]["laps"] > 0 and lines[-1][lane]["processes"] == 1 and not lines[-1][lane]["failure"] for lane in race.LANES)


def test_it_ends_by_count(addresses: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "LAPS", 5)
    monkeypatch.setattr(race, "SECONDS", 60.0)
    last = json.loads([*race.race(addresses, "/race/lap")][-1])
    assert [last[lane]["laps"] for lane in race.LANES] == [5, 5]


def test_there_is_one_at_a_time(addresses: dict[str, str]) -> None:
    first = race.race(addresses, "/race/lap")
    next(first)
    assert [*race.race(addresses, "/race/lap")] == ['{"busy": true}\n']
    first.close()  # type: ignore[attr-defined]
    assert "busy" not in next(race.race(addresses, "/race/lap"))


def test_a_visitor_who_leaves_ends_it(addresses: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "SECONDS", 600.0)
    before = threading.active_count()
    one = race.race(addresses, "/race/lap")
    next(one)
    one.close()  # type: ignore[attr-defined]
    assert threading.active_count() <= before + 2 * race.RUNNERS, "the pools' own threads may linger"


def answer(body: bytes) -> bytes:
    return record_bytes(6, body) + record_bytes(3, bytes(8))


FAILURES = {
    "JSONDecodeError": answer(b"no head"),
    "TypeError": answer(b"Content-Type: application/json\r\n\r\n[7]"),
    "KeyError": answer(b"Content-Type: application/json\r\n\r\n{}"),
    "TimeoutError": None,
}


@pytest.mark.parametrize(("why", "reply"), FAILURES.items())
def test_a_lane_that_fails_says_so(addresses: dict[str, str], pools: dict[str, Pool], monkeypatch: pytest.MonkeyPatch, reply: bytes | None, why: str) -> None:
    monkeypatch.setattr(race, "PATIENCE", 0.1)
    pools["cgi"].reply = reply
    last = json.loads([*race.race(addresses, "/race/lap")][-1])
    assert why in last["cgi"]["failure"] and last["cgi"]["laps"] == 0
    assert last["fastcgi"]["laps"] > 0


def test_the_request_is_one_that_our_own_reader_understands() -> None:
    kinds = decode(race.lap_request("/race/lap"))
    assert [record.kind for record in kinds] == ["BEGIN_REQUEST", "PARAMS", "PARAMS", "STDIN"]
    assert kinds[0].meaning == "role RESPONDER, keep the connection"
    assert ("PATH_INFO", "/race/lap") in kinds[1].pairs


@pytest.fixture
def client() -> FlaskClient:
    return app.test_client()


def test_it_runs_for_the_page_alone(client: FlaskClient, addresses: dict[str, str]) -> None:
    assert client.get("/race/run").status_code == 405
    assert client.post("/race/run", data="{}").status_code == 415
    assert client.post("/race/run", data={"a": "b"}).status_code == 415, "a form of another site"
    answer = client.post("/race/run", json={})
    assert answer.status_code == 200 and answer.headers["X-Accel-Buffering"] == "no"
    assert json.loads(answer.text.splitlines()[-1])["running"] is None


def test_without_a_second_pool_there_is_none(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RACE_CGI", raising=False)
    assert client.post("/race/run", json={}).status_code == 404
    assert "There is no second pool here" in client.get("/race").text
