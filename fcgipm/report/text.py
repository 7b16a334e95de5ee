"""The status document as text for people: a line for the daemon, a paragraph for each pool, a table of its workers.

What clients and applications wrote (paths, reasons) is shown with every character escaped that is not printable ASCII: a terminal obeys some.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fcgipm.report.events import ALL
from fcgipm.report.older import completed
from fcgipm.report.wrapping import wrapped

JSON = Mapping[str, Any]
Paint = Callable[[str, str], str]
"""A style and a text → the text in that style."""

BAR_WIDTH = 40
RUNS_WIDTH, LEAST_RUNS = 60, 24
"""Characters of what a worker runs, where no terminal tells how much room there is; with less room than the least beside a worker it stands below it."""
HEAD_INDENT, FACT_INDENT = 4, 12
"""Of the further lines of what is too long for a terminal."""

_MARKS = {"busy": "#", "idle": ".", "starting": "+", "stopping": "-"}
_STYLES = {
    "ready": "green", "running": "green", "idle": "green", "busy": "cyan", "starting": "yellow", "stopping": "yellow", "reloading": "yellow",
    "stopped": "red", "degraded": "red", "failed": "red", "unresponsive": "red", "crash": "red", "timeout": "red", "slow": "yellow", "max_reached": "yellow",
}  # fmt: skip
_CODES = {"green": "32", "cyan": "36", "yellow": "33", "red": "31", "bold": "1", "dim": "2"}
_HEADS = ("PID", "GEN", "STATE", "REQUESTS", "KEPT", "UPTIME", "RSS", "CPU", "RUNS")
_RIGHT = frozenset(_HEADS) - {"STATE", "RUNS"}


def plain(_style: str, text: str) -> str:
    """No styles: for pipes and files."""
    return text


def ansi(style: str, text: str) -> str:
    """The styles of a terminal (ECMA-48, SGR)."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


def to_text(status: JSON, paint: Paint = plain, columns: int | None = None) -> str:
    """Render a document of schema 1, as ``report.document.to_json`` makes it; ends with a newline.

    On a terminal of so many columns long lines are broken between words, and what a worker runs is cut.
    """
    status = completed(status)
    state = _state(status["state"], paint)
    head = f"{paint('bold', 'fcgipm')} {status['version']} {state}, pid {status['pid']}, up {duration(status['uptime_seconds'])}, {escaped(status['config'])}"
    paragraphs = [_pool(name, pool, paint, columns) for name, pool in status["pools"].items()]
    servers = [_server(f"http {http['address']} for {http['pool']}", http, paint) for http in status["http"]]
    if (own := status["status_server"]) is not None:
        servers.append(_server(f"status server {own['address']}", own, paint))
    return "\n".join([wrapped(head, columns, HEAD_INDENT), *paragraphs, *(wrapped(server, columns, HEAD_INDENT) for server in servers)]) + "\n"


def events_text(events: Sequence[JSON], paint: Paint = plain, columns: int | None = None) -> str:
    """One line for each event, broken like those of `to_text`, its stack below it; empty without any."""
    lines = []
    for event in events:
        process = f"[{event['pid']}]" if event["pid"] is not None else ""
        failed = event["kind"] == "reload" and event["text"].startswith("failed: ")
        kind = paint("red" if failed else _STYLES.get(event["kind"], "dim"), event["kind"])
        pool = "all pools" if event["pool"] == ALL else event["pool"]
        lines.append(wrapped(f"{event['at']} {pool}{process} {kind}: {escaped(event['text'])}", columns, HEAD_INDENT))
        lines += [f"    {escaped(line)}" for line in (event["stack"] or "").splitlines()]
    return "".join(f"{line}\n" for line in lines)


def _pool(name: str, pool: JSON, paint: Paint, columns: int | None) -> str:
    facts = [
        _workers(pool, paint),
        *_scaling(pool),
        *([f"  queue     {', '.join(map(_listener, pool['listen']))}"] if pool["listen"] else []),
        _requests(pool),
        f"  exits     {'-' if pool['exits'] is None else _counted(pool['exits']) or 'none'}",
        _memory(pool),
        *_reload(pool["last_reload"], paint),
    ]
    head = wrapped(f"{paint('bold', name)}: {_state(pool['state'], paint)}{_remarks(pool)}", columns, HEAD_INDENT)
    return "\n".join([head, *(wrapped(fact, columns, FACT_INDENT) for fact in facts), *_processes(pool["processes"], paint, columns)])


def _state(state: str, paint: Paint) -> str:
    return paint(_STYLES.get(state, "dim"), state)


def _remarks(pool: JSON) -> str:
    python = f", Python {pool['python']}" if pool["python"] else ""
    draining = ", draining" if pool["draining"] else ""
    reason = f": {escaped(pool['reason'])}" if pool["reason"] else ""
    interface = f", {pool['interface']}" if pool["interface"] else ""
    return f"{draining}{interface}, generation {pool['generation']}{python}{reason}"


def _workers(pool: JSON, paint: Paint) -> str:
    workers = pool["workers"]
    states = ", ".join(f"{workers[state]} {state}" for state in ("idle", "busy", "starting", "stopping") if workers[state] or state in ("idle", "busy"))
    least, most = workers["min"], workers["max"]
    bounds = f" of {most}" if least == most else f" of {least} to {most}"
    bounds = bounds if most else ""
    stopped = sum(process["stopped"] for process in pool["processes"])
    remark = f"; {paint('red', f'{stopped} stopped')} by a signal" if stopped else ""
    return f"  workers   [{bar(workers, paint)}] {workers['total']}{bounds}: {states}; peak {known(workers['peak'])}{remark}"


def bar(workers: JSON, paint: Paint = plain) -> str:
    """Workers as marks, # busy, . idle, + starting, - stopping; as wide as the most there may be, BAR_WIDTH at most."""
    most = int(max(workers["max"] or 0, workers["total"]))
    scale = min(1.0, BAR_WIDTH / most) if most else 1.0
    marks, done, shown = [], 0, 0
    for state, mark in _MARKS.items():
        done += workers[state]
        width = round(done * scale) - shown
        shown += width
        if width:
            marks.append(paint(_STYLES[state], mark * width))
    return "".join(marks) + " " * (round(most * scale) - shown)


def _scaling(pool: JSON) -> list[str]:
    scaling, count = pool["scaling"], pool["workers"]["max_reached"]
    if scaling["mode"] == "static" and not count:
        return []
    reached = f"; max reached {count} time{'' if count == 1 else 's'}" if count else ""
    return [f"  scaling   {scaling['mode']}, target {known(scaling['target'])}; {scaling['reason']}{reached}"]


def _listener(listener: JSON) -> str:
    queue, most = ("?" if listener[key] is None else listener[key] for key in ("queue", "queue_max"))
    return f"{queue}/{most} {listener['address']}"


def _requests(pool: JSON) -> str:
    requests, latency = pool["requests"], pool["latency_seconds"]
    if requests["total"] is None:
        return f"  requests  {'not counted: a foreign program' if pool['interface'] else '-'}; {requests['active']} active"
    classes = _counted(requests["by_class"])
    faults = {key.replace("_", " "): requests[key] for key in ("failed", "slow", "timed_out", "aborted")}
    faults["rejected connections"] = pool["connections"]["rejected"]
    times = ", ".join(f"{name} {short_time(value)}" for name, value in latency.items() if value is not None)
    total = f"{requests['total']} ({classes})" if classes else "0"
    rate = "-" if pool["requests_per_second"] is None else f"{pool['requests_per_second']:.1f}"
    parts = [f"{total}, {requests['active']} active, {rate}/s", times, _counted(faults)]
    return f"  requests  {'; '.join(part for part in parts if part)}"


def _counted(counts: JSON) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _memory(pool: JSON) -> str:
    memory = {name: pool["memory"][f"{name.lower()}_bytes"] for name in ("PSS", "USS", "RSS")}
    sizes = ", ".join(f"{name} {size(value)}" for name, value in memory.items())
    template = pool["template"]
    return f"  memory    {sizes}" + (f"; template {template['pid']} PSS {size(template['pss_bytes'])}" if template["pid"] else "")


def _reload(reload: JSON | None, paint: Paint) -> list[str]:
    if reload is None:
        return []
    outcome = "ok" if reload["ok"] else f"{paint('red', 'failed')}: {escaped(str(reload['reason']))}"
    return [f"  reload    {reload['at']} {outcome}"]


def _server(title: str, server: JSON, paint: Paint) -> str:
    process = f", pid {server['pid']}" if server["pid"] is not None else ""
    reason = f": {escaped(server['reason'])}" if server["reason"] else ""
    return f"{title}: {_state(server['state'], paint)}{process}{reason}"


def _processes(processes: Sequence[JSON], paint: Paint, columns: int | None) -> list[str]:
    """A table; what a worker runs stands beside it, one request a line if they do not fit in one, or below it where there is not enough room."""
    facts = [_facts(process) for process in processes]
    if columns is None:
        return table(_HEADS, [[*row, ", ".join(_running(process, RUNS_WIDTH))] for row, process in zip(facts, processes, strict=True)], paint)
    beside = 2 + sum(2 + max(map(len, column)) for column in zip(_HEADS, *facts))  # noqa: B905 as many as there are facts
    below = columns - beside < LEAST_RUNS
    indent = HEAD_INDENT if below else beside
    runs = [_lines(_running(process, max(LEAST_RUNS, columns - indent)), columns - indent) for process in processes]
    rows = [row if below else [*row, *(one[:1] or [""])] for row, one in zip(facts, runs, strict=True)]
    head, *lines = table(_HEADS[:-1] if below else _HEADS, rows, paint) or [""]
    further = [[" " * indent + text for text in (one if below else one[1:])] for one in runs]
    shown = [[wrapped(line, columns, HEAD_INDENT), *more] for line, more in zip(lines, further, strict=True)]
    return [wrapped(head, columns, HEAD_INDENT), *(line for several in shown for line in several)] if processes else []


def _facts(process: JSON) -> list[str]:
    cpu = "-" if process["cpu_percent"] is None else f"{process['cpu_percent']:.0f}%"
    return [
        str(process["pid"]),
        str(process["generation"]),
        "stopped" if process["stopped"] else process["state"],
        known(process["requests"]),
        str(process["kept"]),
        duration(process["uptime_seconds"]),
        size(process["rss_bytes"]),
        cpu,
    ]


def _lines(texts: list[str], room: int) -> list[str]:
    """All in one line if they fit."""
    together = ", ".join(texts)
    return texts if len(together) > room else [together] if texts else []


def _running(process: JSON, room: int) -> list[str]:
    """Each request with its time, cut to so many characters."""
    texts = []
    for running in process["running"]:
        request, time = escaped(f"{running['method']} {running['uri']}"), duration(running["seconds"])
        most = room - len(time) - 1
        texts.append(f"{request if len(request) <= most else request[: most - 3] + '...'} {time}")
    return texts


def escaped(text: str) -> str:
    """Printable ASCII; anything else as in Python's strings."""
    return text if text.isascii() and text.isprintable() else "".join(one if one.isprintable() and one.isascii() else ascii(one)[1:-1] for one in text)


def size(value: int | None) -> str:
    """``9.0K``, ``31.2M``, ``1.5G`` (of 1024); ``-`` when not known."""
    if value is None:
        return "-"
    power = next(power for power in range(1, 5) if power == 4 or value < 1000 * 1024**power)
    return f"{value / 1024**power:.1f}{'KMGT'[power - 1]}"


def short_time(seconds: float) -> str:
    """``0.05ms``, ``12ms``, ``1.5s``."""
    if seconds >= 1:
        return f"{seconds:.1f}s"
    return f"{seconds * 1000:.0f}ms" if seconds >= 0.01 else f"{seconds * 1000:.2f}ms"


def known(value: object) -> str:
    """``-`` when it is not."""
    return "-" if value is None else str(value)


def duration(seconds: float | None) -> str:
    """``4.2s``, ``3m07s``, ``5h02m``, ``2d03h``; ``-`` when not known."""
    if seconds is None:
        return "-"
    whole = int(seconds)
    if whole < 60:
        return f"{seconds:.1f}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], paint: Paint = plain) -> list[str]:
    """Lines with columns as wide as their widest cell, numbers to the right; none without rows."""
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return [paint("dim", _line(heads, heads, widths)), *(_painted(_line(heads, row, widths), row, paint) for row in rows)]


def _painted(line: str, row: Sequence[str], paint: Paint) -> str:
    state = row[2] if len(row) > 2 else ""
    return line.replace(f" {state} ", f" {paint(_STYLES[state], state)} ", 1) if state in _STYLES else line


def _line(heads: Sequence[str], cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = [
        cell.rjust(width) if head in _RIGHT else cell.ljust(width) for head, cell, width in zip(heads, cells, widths, strict=True)
    ]
    return "  " + "  ".join(aligned).rstrip()
