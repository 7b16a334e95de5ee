"""The site's pages."""

from __future__ import annotations

import hashlib
import os
import time
import traceback
from itertools import count
from typing import IO, Any

from flask import Flask, Response, g, jsonify, render_template, request, url_for
from werkzeug.exceptions import HTTPException, InternalServerError, NotFound, UnsupportedMediaType

from . import journey, live, race

LARGEST = 64 << 20
"""Bytes of an upload: what `fcgipm nginx` lets through."""
POLICY = "default-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
PAGES = (
    ("start", "Start"),
    ("show_journey", "Journey"),
    ("form", "Upload"),
    ("stream", "Stream"),
    ("show_live", "Live"),
    ("show_race", "Race"),
    ("error", "Error"),
)

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = LARGEST + 65536
served = count(1)
"""Requests of this process: each worker has its own, made when it was forked."""


@app.before_request
def begin() -> None:
    g.began = time.perf_counter()
    g.number = next(served)


@app.after_request
def protect(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


@app.context_processor
def everywhere() -> dict[str, Any]:
    environ = request.environ
    return {"pages": PAGES, "who": journey.who(environ), "number": g.number, "request_id": environ.get("REQUEST_ID", "")}


@app.get("/")
def start() -> str:
    environ = request.environ
    heard = journey.records(environ)
    received = sum(8 + len(record.content) + record.padding for record in heard or [])
    return render_template("start.html", browser=journey.browser(environ), heard=heard, received=received, began=g.began, now=time.perf_counter)


@app.get("/who")
def who() -> Response:
    """Asked often at once by the start page; the wait makes it likely that several workers take part."""
    time.sleep(0.02)
    answer = jsonify({**journey.who(request.environ), "number": g.number})
    answer.headers["Cache-Control"] = "no-store"
    return answer


@app.route("/journey", methods=["GET", "POST"])
def show_journey() -> str:
    word = request.form.get("word", "")[:200]  # read before the records are: a body arrives when it is asked for
    environ = request.environ
    heard = journey.records(environ)
    return render_template(
        "journey.html",
        word=word,
        browser=journey.browser(environ),
        lines=journey.request_lines(environ),
        heard=heard,
        rows=journey.rows(environ, heard),
        python=journey.interpreter(),
    )


@app.route("/upload", methods=["GET", "POST"])
def form() -> str | Response:
    result = _received() if request.method == "POST" else None
    if result is not None and request.accept_mimetypes.best == "application/json":
        return jsonify(result)
    return render_template("upload.html", result=result, largest=LARGEST)


def _received() -> dict[str, Any]:
    """What came: read to its end, digested, and forgotten."""
    file = request.files.get("file")
    size, digest = _digest(file.stream) if file else (0, "")
    return {
        "name": request.form.get("name", "").strip()[:80],
        "file": file.filename if file else "",
        "size": size,
        "sha256": digest,
        "pid": os.getpid(),
        "milliseconds": round((time.perf_counter() - g.began) * 1000),
    }


def _digest(stream: IO[bytes]) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    while block := stream.read(1 << 18):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()


@app.get("/stream")
def stream() -> Response:
    head, tail = render_template("stream.html", parts=live.PARTS).split("<!-- parts -->")
    return live.unbuffered(live.parts(head, tail), "text/html; charset=utf-8")


@app.get("/live")
def show_live() -> str:
    return render_template("live.html", seconds=live.EVENTS)


@app.get("/live/events")
def events() -> Response:
    last = request.headers.get("Last-Event-ID", "")
    number = int(last) if last.isdecimal() and len(last) < 10 else 0
    return live.unbuffered(live.events(number, journey.who(request.environ)), "text/event-stream")


@app.get("/race")
def show_race() -> str:
    bounds = {"seconds": race.SECONDS, "laps": race.LAPS, "runners": race.RUNNERS}
    return render_template("race.html", ready=bool(race.lanes(os.environ)), **bounds)


@app.post("/race/run")
def run_race() -> Response:
    """Only for scripts of this very page: another site's form cannot send JSON, and its scripts would have to ask first."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    addresses = race.lanes(os.environ)
    if not addresses:
        raise NotFound
    return live.unbuffered(race.race(addresses, url_for("lap")), "application/x-ndjson")


@app.get("/race/lap")
def lap() -> Response:
    """What both pools are asked for."""
    return jsonify(pid=os.getpid())


@app.get("/error")
def error() -> str:
    return render_template("error.html")


@app.get("/error/now")
def fail() -> str:
    return _fail_deeper(divisor=0)


def _fail_deeper(divisor: int) -> str:
    return f"never seen: {1 / divisor}"


@app.errorhandler(InternalServerError)
def failed(failure: InternalServerError) -> tuple[str, int]:
    """Flask has logged the traceback already; a site for others than you would not show it."""
    cause = failure.original_exception
    trace = "".join(traceback.format_exception(cause)) if cause else ""
    return render_template("failed.html", trace=trace), 500


@app.errorhandler(HTTPException)
def refused(problem: HTTPException) -> tuple[str, int]:
    return render_template("refused.html", problem=problem), problem.code or 500


# Once, before workers are forked from this process, rather than in each of them for its first visitor.
for template in app.jinja_env.list_templates():
    app.jinja_env.get_template(template)
