"""What the servers of a measurement are told, and the look at their processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fcgipm.bench.stage import Settings, configuration, nginx_configuration
from fcgipm.bench.watch import Watch
from fcgipm.bench.ways import CGI, FASTCGI, NGINX, ways
from tests.support.nginx import nginx_binary

PARENT = "import subprocess, sys; [subprocess.run(['sleep', '0.2']) for _ in sys.stdin]"


def test_the_daemons_differ_in_the_interface_alone(tmp_path: Path) -> None:
    settings = Settings({"app": "site:app", "directory": "/srv"}, 3, None)
    slow, fast = (configuration(tmp_path, interface, settings)["pools"]["app"] for interface in (CGI, FASTCGI))
    assert slow.pop("interface") == "cgi"
    assert slow.pop("listen") != fast.pop("listen")
    assert slow == fast == {"app": "site:app", "directory": "/srv", "workers": 3}


def test_nginx_gets_a_site_for_each_way(tmp_path: Path) -> None:
    fronts = [way for way in ways(True) if way.door == NGINX]
    text = nginx_configuration(tmp_path, fronts)
    assert text.count("{ fastcgi_pass") == 3 and text.count("fastcgi_keep_conn on;") == text.count("keepalive 64;") == 1
    (tmp_path / "nginx.conf").write_text(text)
    done = subprocess.run([nginx_binary(), "-t", "-q", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", "stderr"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_begins_below_a_process_is_counted_once() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE) as parent:
        assert parent.stdin
        watch = Watch(parent.pid)
        assert watch.started == 0
        for number in (1, 2):
            parent.stdin.write(b"\n")
            parent.stdin.flush()
            while watch.started < number:
                watch.look()
            watch.look()
        watch.measure()
        parent.stdin.close()
    assert watch.started == 2 and watch.memory > 1 << 20


def test_a_tree_that_is_gone_costs_nothing() -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    watch = Watch(gone.pid)
    watch.look()
    watch.measure()
    assert (watch.started, watch.memory, watch.cpu_since()) == (0, 0, 0.0)


@pytest.mark.parametrize("with_nginx", [True, False])
def test_names_of_ways_fit_into_a_socket_path(with_nginx: bool) -> None:
    assert max(len(f"/tmp/fcgipm-bench-abcdefgh/{way.name}.sock") for way in ways(with_nginx)) < 100
