"""The metrics: exact names, both formats read by others, dashboard and rules held to the names."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from fcgipm.report.document import to_json
from fcgipm.report.snapshot import ReloadSnapshot
from fcgipm.web.metrics import exposition
from tests.unit.report.snapshots import SNAPSHOT

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "conf/prometheus/fcgipm.rules.yaml"
DASHBOARD = ROOT / "conf/grafana/fcgipm-dashboard.json"

LATENCY = (5,) + (0,) * 100 + (7,) + (0,) * 89 + (1,)
WEB = SNAPSHOT.pools[0]._replace(latency=LATENCY, served=12.5, last_reload=None)
HOSTILE = WEB._replace(name='x"\\\n', last_reload=ReloadSnapshot("2026-11-22T12:00:00.123Z", False, "no"))
STATUS = to_json(SNAPSHOT._replace(pools=(WEB, SNAPSHOT.pools[1])))

NAMES = {
    "fcgipm_build_info", "fcgipm_start_time_seconds", "fcgipm_workers", "fcgipm_workers_max", "fcgipm_listen_queue", "fcgipm_listen_queue_limit",
    "fcgipm_requests_total", "fcgipm_request_duration_seconds_bucket", "fcgipm_request_duration_seconds_count", "fcgipm_request_duration_seconds_sum",
    "fcgipm_requests_slow_total", "fcgipm_requests_timed_out_total", "fcgipm_requests_aborted_total", "fcgipm_requests_failed_total",
    "fcgipm_worker_exits_total", "fcgipm_pool_utilization_ratio", "fcgipm_memory_pss_bytes", "fcgipm_config_last_reload_successful",
    "fcgipm_loop_lag_seconds",
}  # fmt: skip


def samples(accept: str = "") -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    kind, body = exposition(STATUS, accept)
    parse = parse_openmetrics if "openmetrics" in kind else parse_text
    return {(one.name, frozenset(one.labels.items())): one.value for family in parse(body.decode()) for one in family.samples}


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_exactly_these_names(accept: str) -> None:
    assert {name for name, _ in samples(accept)} == NAMES


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_values(accept: str) -> None:
    found = samples(accept)

    def value(name: str, **labels: str) -> float:
        return found[name, frozenset(labels.items())]

    assert value("fcgipm_workers", pool="web", state="idle") == 2
    assert value("fcgipm_requests_total", pool="web", **{"class": "2xx"}) == 9
    assert value("fcgipm_requests_slow_total", pool="web") == 2
    assert value("fcgipm_listen_queue", pool="web", address="unix:/run/fcgipm/web.sock") == 7
    assert value("fcgipm_pool_utilization_ratio", pool="web") == pytest.approx(1 / 3)
    assert value("fcgipm_request_duration_seconds_count", pool="web") == 13
    assert value("fcgipm_request_duration_seconds_bucket", pool="web", le="+Inf") == 13
    assert value("fcgipm_request_duration_seconds_sum", pool="web") == 12.5
    assert value("fcgipm_config_last_reload_successful") == 1
    assert value("fcgipm_build_info", version="0.1.0") == 1


def test_buckets_only_grow_and_count_what_is_below() -> None:
    buckets = sorted(
        (float(dict(labels)["le"]), value) for (name, labels), value in samples().items() if name.endswith("_bucket") and dict(labels)["pool"] == "web"
    )
    counts = [value for _, value in buckets]
    assert counts == sorted(counts) and counts[0] == 5 and counts[-2:] == [12, 13]


def test_a_failed_reload_and_a_name_with_quotes() -> None:
    _, body = exposition(to_json(SNAPSHOT._replace(pools=(HOSTILE,))), "")
    names = {one.labels.get("pool") for family in parse_text(body.decode()) for one in family.samples}
    assert names == {None, HOSTILE.name}
    assert b"fcgipm_config_last_reload_successful 0.0" in body


def used(text: str) -> set[str]:
    return set(re.findall(r"\bfcgipm_[a-z_]+", text))


def test_the_dashboard_and_the_rules_use_these_names_alone() -> None:
    rules = [rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    panels = [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]]
    variables = [one["query"] for one in json.loads(DASHBOARD.read_text())["templating"]["list"]]
    assert used(" ".join(rules)) <= NAMES
    shown = used(" ".join(panels + variables))
    assert shown <= NAMES
    assert shown >= NAMES - {"fcgipm_request_duration_seconds_count", "fcgipm_request_duration_seconds_sum"}


def promtool(*arguments: str, given: bytes = b"") -> None:
    found = shutil.which("promtool") or str(ROOT / ".cache/prometheus/usr/bin/promtool")
    done = subprocess.run([found, *arguments], input=given, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert given == b"" or not done.stderr, done.stderr.decode()


def test_promtool_accepts_the_metrics() -> None:
    promtool("check", "metrics", given=exposition(STATUS, "")[1])


def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", str(RULES))
