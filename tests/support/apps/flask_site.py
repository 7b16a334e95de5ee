"""A small Flask site: a page, a form with an upload, a session, a stream, a file, an error."""

import hashlib
import io
import os
import tempfile
from wsgiref.validate import validator

from flask import Flask, Response, redirect, request, send_file, session, stream_with_context, url_for

app = application = Flask(__name__)
app.secret_key = "tests only"


@app.get("/")
def index():
    return f"Hello from Flask, {request.args.get('name', 'nobody')}, at {url_for('index', _external=True)}"


@app.get("/caf\u00e9/<path:rest>")
def unicode_path(rest):
    return rest


@app.post("/upload")
def upload():
    data = request.files["file"].read()
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "note": request.form["note"]}


@app.post("/login")
def login():
    session["user"] = request.form["user"]
    return redirect(url_for("me"))


@app.get("/me")
def me():
    return session.get("user", "nobody")


@app.get("/stream")
def stream():
    return Response(stream_with_context(f"line {number}\n" for number in range(100)), mimetype="text/plain")


@app.get("/file")
def file():
    return send_file(io.BytesIO(bytes(range(256)) * 1000), mimetype="application/octet-stream")


@app.get("/disk-file")
def disk_file():
    """A real file: Werkzeug hands it to wsgi.file_wrapper."""
    with tempfile.NamedTemporaryFile(delete=False) as made:
        made.write(bytes(range(256)) * 1000)
    response = send_file(made.name, mimetype="application/octet-stream")
    os.unlink(made.name)
    return response


@app.get("/error")
def error():
    raise RuntimeError("asked for")


def to_the_letter(environ, start_response):
    """Werkzeug calls read() without a size where it is told that the input ends by itself; PEP 3333, and so the validator, knows neither."""
    environ.pop("wsgi.input_terminated", None)
    return app(environ, start_response)


validated = validator(to_the_letter)
