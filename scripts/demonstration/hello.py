"""The whole site: one file, one Flask application, nothing about fcgipm in it."""

import os

from flask import Flask, request

app = Flask(__name__)


@app.get("/")
def index() -> str:
    name = request.args.get("name", "world")
    return f"""<!doctype html><title>fcgipm</title><h1>Hello, {name.replace("<", "&lt;")}!</h1>
<p>Flask, served by worker {os.getpid()} of fcgipm, asked by {request.environ.get("SERVER_SOFTWARE", "nobody")}.</p>
<form>Your name: <input name="name"> <button>Say hello</button></form>
"""
