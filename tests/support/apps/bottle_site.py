"""A small Bottle site: a page, an upload, a cookie, a stream."""

import hashlib
from wsgiref.validate import validator

from bottle import Bottle, redirect, request, response

application = Bottle()


@application.get("/")
def index():
    return f"Hello from Bottle, {request.query.getunicode('name', 'nobody')}"


@application.post("/upload")
def upload():
    data = request.files["file"].file.read()
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "note": request.forms.getunicode("note")}


@application.post("/login")
def login():
    response.set_cookie("user", request.forms.getunicode("user"), secret="tests only")
    redirect("/me")


@application.get("/me")
def me():
    return request.get_cookie("user", secret="tests only") or "nobody"


@application.get("/stream")
def stream():
    response.content_type = "text/plain"
    return (f"line {number}\n" for number in range(100))


validated = validator(application)
