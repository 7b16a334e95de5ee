"""Commands to a running daemon over its control socket, without the cost of a process for each."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from benchmarks.processes import BenchError

PATIENCE = 10.0


def ask(path: Path, **request: Any) -> Any:
    """The result of one command; BenchError when it was refused."""
    with socket.socket(socket.AF_UNIX) as sock, sock.makefile("rb") as lines:
        sock.settimeout(PATIENCE)
        sock.connect(str(path))
        sock.sendall(json.dumps(request).encode() + b"\n")
        answers = [json.loads(line) for line in lines]
    if not answers:
        raise BenchError(f"{request['command']} was not answered")
    answer = answers[-1]
    if "error" in answer:
        raise BenchError(f"{request['command']} was refused: {answer['error']}")
    return answer["result"]
