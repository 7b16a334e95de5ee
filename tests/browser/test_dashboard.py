"""The dashboard in a real Chromium. Set FCGIPM_TEST_PICTURES=FOLDER to keep pictures of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.support.chromium import Window
from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import Connection, environ, request
from tests.support.gate import Gate
from tests.support.ports import free_port
from tests.support.status import settings, wait_for_status

SOON = 2.0
"""Seconds until the page shows what happened."""
HOSTILE = "/<script>document.title='owned'</script>\"'&amp;"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def daemon(port: int) -> Iterator[Daemon]:
    slow_log = {"file": "stderr", "after": "100ms"}
    pools = {
        "web": {"app": "cases:application", "workers": {"min": 2, "max": 8}, "slow_log": slow_log},
        "api": {"app": "hello:application", "workers": 2},
    }
    http = [{"listen": f"127.0.0.1:{free_port()}", "pool": "api"}]
    with Daemon(pools, settings={**settings(port), "http": http}, tolerate=["reload failed: "]) as started:
        wait_for_status(port)
        yield started


@pytest.fixture
def board(daemon: Daemon, port: int, window: Window) -> Iterator[Window]:
    """The dashboard in a wide window; whatever the test does: nothing in the console, no request elsewhere."""
    window.forget()
    window.base = f"http://127.0.0.1:{port}"
    window.scheme("light")
    window.size(1400, 900)
    window.open("/")
    window.wait(lambda: len(window.all(".pool")) == 2, "both pools")
    yield window
    assert window.console == []
    assert window.foreign_requests == []


def busy(board: Window) -> int:
    return len(board.all("button[data-state=busy]"))


def test_a_crowd_arrives(board: Window, daemon: Daemon) -> None:
    with Gate() as gate, ExitStack() as stack:
        crowd = [stack.enter_context(Connection(daemon.address())) for _ in range(5)]
        for connection in crowd:
            connection.send(request(environ("/at-gate?token=secret", GATE=gate.path)))
        for _ in crowd:
            gate.arrival()
        board.wait(lambda: busy(board) == 5, "five busy workers", SOON)
        board.wait(lambda: "growth" in board.text("#events"), "why it grew", SOON)
        assert "GET /at-gate" in board.text(".pool .workers") + board.text(".pool:nth-child(2) .workers")
        assert "secret" not in board.script("return document.documentElement.outerHTML")
        pictures(board)
        for _ in crowd:
            gate.open()
        for connection in crowd:
            connection.read_reply()
    board.wait(lambda: busy(board) == 0, "all idle", SOON)


def test_a_crash(board: Window, daemon: Daemon) -> None:
    pid = daemon.workers("api")[0]
    os.kill(pid, signal.SIGKILL)
    board.wait(lambda: f"worker {pid}" in board.text("#events") and "crash" in board.text("#events"), "the crash", SOON)


def test_a_reload(board: Window, daemon: Daemon) -> None:
    assert daemon.command("reload", "api").returncode == 0
    board.wait(lambda: "api: generation 2" in board.text("#events"), "the reload", SOON)


def test_a_reload_that_failed(board: Window, daemon: Daemon) -> None:
    whole = daemon.file.read_text()
    daemon.file.write_text(whole.replace("hello:application", "hello:nothing"))
    try:
        assert daemon.command("reload").returncode == 1
    finally:
        daemon.file.write_text(whole)
    board.wait(lambda: len(board.all("#events [data-kind=failed]")) == 1, "one event, told to be bad", SOON)
    assert "all pools: failed: api: " in board.text("#events [data-kind=failed]")
    assert [one.text.startswith("last reload ") for one in board.all(".reload[data-ok=false]")] == [True, True]
    assert daemon.command("reload").returncode == 0
    board.wait(lambda: not board.all(".reload[data-ok=false]"), "that it went well at last", SOON)


def test_a_worker_that_a_signal_stopped(board: Window, daemon: Daemon) -> None:
    pid = daemon.workers("api")[0]
    os.kill(pid, signal.SIGSTOP)
    try:
        board.wait(lambda: [one.text.split("\n")[0] for one in board.all("button[data-state=stopped]")] == [f"{pid} stopped"], "it is stopped", 2 * SOON)
    finally:
        os.kill(pid, signal.SIGCONT)
    board.wait(lambda: not board.all("button[data-state=stopped]"), "it goes on", 2 * SOON)


def test_a_server_that_cannot_be_kept_up(board: Window, daemon: Daemon) -> None:
    def server() -> int | None:
        pid: int | None = daemon.status()["http"][0]["pid"]
        return pid

    assert not board.find("#servers").is_displayed()
    for _ in range(6):  # the back-off doubles each time: 3.2 s in the end
        pid = eventually(server, "it runs")
        os.kill(pid, signal.SIGKILL)
        daemon.wait_for_line(f"http: process {pid} was killed")
    told = f"does not run: process {pid} was killed by SIGKILL"
    board.wait(lambda: told in board.text("#servers"), "which server, and why", SOON)
    assert board.text("#state") == "degraded" and board.find("#servers").get_attribute("role") == "alert"
    board.wait(lambda: not board.find("#servers").is_displayed(), "that it runs again")


def test_a_slow_request_with_its_stack(board: Window, daemon: Daemon) -> None:
    with Gate() as gate, Connection(daemon.address()) as connection:
        connection.send(request(environ("/at-gate?token=secret", GATE=gate.path)))
        gate.arrival()
        board.wait(lambda: "GET /at-gate" in board.text("#slow"), "it is slow", SOON)
        assert "pass_gate" in str(board.script("return document.querySelector('#slow pre').textContent"))
        assert "secret" not in board.script("return document.documentElement.outerHTML")
        gate.open()
        connection.read_reply()


def test_a_uri_stays_text(board: Window, daemon: Daemon) -> None:
    with Gate() as gate, Connection(daemon.address()) as connection:
        connection.send(request({**environ("/at-gate", GATE=gate.path), "REQUEST_URI": HOSTILE}))
        gate.arrival()
        board.wait(lambda: busy(board) == 1, "it runs", SOON)
        runs = board.find("button[data-state=busy] .runs")
        assert board.script("return arguments[0].textContent", runs).startswith(f"GET {HOSTILE} ")
        assert board.script("return document.title") == "fcgipm"
        assert board.script("return document.querySelectorAll('main script').length") == 0
        gate.open()
        connection.read_reply()


def test_the_keyboard_and_the_screen_reader(board: Window) -> None:
    board.press(Keys.TAB)
    chosen = board.script("return document.activeElement.closest('.workers') !== null")
    assert chosen, "the first stop is a worker"
    board.press(Keys.ENTER)
    board.wait(lambda: "kept connections" in board.text("main"), "its details", SOON)
    assert board.script("return document.activeElement.getAttribute('aria-pressed')") == "true"
    charts = board.all("svg[role=img]")
    assert len(charts) == 8
    assert "now busy" in (charts[0].get_attribute("aria-label") or "")
    assert board.script("return document.documentElement.lang") == "en"


def test_a_silent_master(board: Window, daemon: Daemon) -> None:
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        board.wait(lambda: "does not answer" in board.text("#silent"), "that it is silent", 2 * SOON)
    finally:
        os.kill(daemon.pid, signal.SIGCONT)
    board.wait(lambda: not board.find("#silent").is_displayed(), "that it speaks again", 2 * SOON)


def test_contrast(board: Window) -> None:
    """Text of every colour we use on a card: WCAG 2.2, 1.4.3, 4.5 to 1."""
    for scheme in ("light", "dark"):
        board.scheme(scheme)
        for name in ("ink", "soft", "bad", "one", "two", "three", "starting"):
            assert board.script(CONTRAST, f"--{name}") >= 4.5, (scheme, name)


CONTRAST = """
const style = getComputedStyle(document.documentElement);
const light = (name) => {
  const probe = document.createElement('i');
  probe.style.color = style.getPropertyValue(name);
  document.body.append(probe);
  const parts = getComputedStyle(probe).color.match(/[0-9.]+/g).slice(0, 3).map((part) => part / 255);
  probe.remove();
  const [r, g, b] = parts.map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const [high, low] = [light(arguments[0]), light('--card')].sort((a, b) => b - a);
return (high + 0.05) / (low + 0.05);
"""


def pictures(board: Window) -> None:
    """It fits every screen; keeps pictures where they are wanted."""
    folder = os.environ.get("FCGIPM_TEST_PICTURES")
    for scheme, width, height in (("light", 1400, 900), ("dark", 1400, 900), ("light", 390, 800), ("dark", 390, 800), ("dark", 2560, 1440)):
        board.scheme(scheme)
        board.size(width, height, phone=width < 500)
        assert board.script("return document.documentElement.scrollWidth <= window.innerWidth"), f"wider than {width}"
        if folder:
            board.picture(Path(folder) / f"dashboard-{scheme}-{width}.png")
    board.scheme("light")
    board.size(1400, 900)
