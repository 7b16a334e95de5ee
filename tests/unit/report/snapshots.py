"""A snapshot to render."""

from __future__ import annotations

from fcgipm.report.latency import Recent
from fcgipm.report.snapshot import (
    HttpSnapshot,
    ListenerSnapshot,
    MemorySnapshot,
    PoolSnapshot,
    ProcessSnapshot,
    ReloadSnapshot,
    RequestsSnapshot,
    RunningSnapshot,
    Snapshot,
    WorkersSnapshot,
)

WEB = PoolSnapshot(
    name="web",
    interface="wsgi",
    python="3.11.7",
    generation=1,
    state="ready",
    reason=None,
    listen=(ListenerSnapshot("unix:/run/fcgipm/web.sock", 7, 1024), ListenerSnapshot("[::1]:9000")),
    workers=WorkersSnapshot(idle=2, busy=1, starting=0, stopping=0, min=2, max=3, peak=3, max_reached=5),
    mode="dynamic",
    target=3,
    scaling_reason="+1: 2 waiting, all 2 busy",
    requests=RequestsSnapshot(active=1, by_class=(0, 9, 0, 2, 1), failed=1, aborted=4, slow=2, timed_out=3),
    exits={"crash": 2, "retire": 0, "reload": 0},
    template=9,
    processes=(ProcessSnapshot(2, 1, "busy", 13, 3725.04, 5, rss=9000, cpu_percent=12.49, running=(RunningSnapshot("GET", "/slow", 4.25),)),),
    rejected=3,
    last_reload=ReloadSnapshot("2026-11-22T11:00:00.000Z", False, "SyntaxError: no"),
    recent=Recent(1.5, {"p50": 0.001, "p90": 0.002, "p99": None}),
    memory=MemorySnapshot(5000, 4000, 9000),
    template_pss=8000,
)

API = WEB._replace(
    name="api", python=None, state="degraded", reason="ModuleNotFoundError: No module named 'api'", mode="static", workers=WorkersSnapshot(0, 0, 0, 0, 2, 2),
    recent=Recent(0.0, {"p50": None, "p90": None, "p99": None}), memory=MemorySnapshot(None, None, None), last_reload=None,
    requests=RequestsSnapshot(0, (0, 0, 0, 0, 0), 0, 0), template=None, template_pss=None, processes=(), rejected=0,
)  # fmt: skip

HTTP = HttpSnapshot("127.0.0.1:8000", "web", 77, "running")

SNAPSHOT = Snapshot("0.1.0", "degraded", 1, "2026-11-22T12:00:00.123Z", 90061.0004, "/etc/fcgipm/fcgipm.yaml", (WEB, API), (HTTP,))
