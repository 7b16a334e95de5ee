"""10,000 requests of known kinds through nginx: access log, status, metrics and the load itself say the same, to the last one."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.support.daemon import Daemon
from tests.support.load import KeptClient, Shot
from tests.support.nginx import Nginx
from tests.support.ports import free_port
from tests.support.status import fetch, settings, wait_for_status

APP = """
def application(environ, start_response):
    path = environ["PATH_INFO"]
    body = environ["wsgi.input"].read()
    if path == "/raises":
        raise RuntimeError("as asked")
    answer = b"%d" % len(body)
    start_response(path[1:4] + " As Asked", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return [answer]
"""
KINDS = [
    Shot("GET", "/200"), Shot("POST", "/200", b"x" * 100), Shot("GET", "/201/a%20path?secret=1"), Shot("GET", "/302"), Shot("GET", "/404"),
    Shot("POST", "/403", b"y"), Shot("GET", "/200"), Shot("GET", "/503"), Shot("GET", "/200"), Shot("GET", "/raises"),
]  # fmt: skip
CLIENTS, REQUESTS = 8, 10_000


def ask_all(port: int) -> Counter[int]:
    """All of it, by clients side by side over kept connections; how often each status came."""
    found: Counter[int] = Counter()
    lock = threading.Lock()

    def client() -> None:
        mine: Counter[int] = Counter()
        one = KeptClient(port)
        for number in range(REQUESTS // CLIENTS):
            mine[one.ask(KINDS[number % len(KINDS)])[0]] += 1
        one.close()
        with lock:
            found.update(mine)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def classes(statuses: Counter[int]) -> dict[str, int]:
    found = {f"{digit}xx": sum(count for status, count in statuses.items() if status // 100 == digit) for digit in range(1, 6)}
    return {name: count for name, count in found.items() if count or name != "1xx"}


def test_they_agree(daemon_factory: Callable[..., Daemon], nginx_factory: Callable[..., Nginx], tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APP)
    log, port = tmp_path / "access.log", free_port()
    pool = {"app": "shop:application", "directory": str(tmp_path), "workers": 4, "access_log": {"file": str(log)}}
    daemon = daemon_factory({"web": pool}, settings=settings(port), tolerate=["Traceback"])
    wait_for_status(port)
    answered = ask_all(nginx_factory(daemon.address()).port)
    assert sum(answered.values()) == REQUESTS and answered[500] == REQUESTS // 10

    requests = daemon.settled()["requests"]
    assert requests["total"] == REQUESTS and requests["by_class"] == classes(answered)
    assert requests["failed"] == answered[500] + answered[503] and requests["aborted"] == 0

    families = text_string_to_metric_families(fetch(port, "/metrics")[1])
    samples = {(one.name, one.labels.get("class", one.labels.get("le", ""))): one.value for family in families for one in family.samples}
    counted = {name: int(samples["fcgipm_requests_total", name]) for name in classes(answered)}
    assert counted == classes(answered) and samples["fcgipm_request_duration_seconds_count", ""] == REQUESTS

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert Counter(line["status"] for line in lines) == answered
    assert sum(line["bytes_in"] for line in lines) == REQUESTS // 10 * 101
    assert "secret" not in log.read_text()
