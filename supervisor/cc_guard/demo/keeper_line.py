"""Asking the keeper of the demo. Raises OSError when it is gone."""

import json
import socket
from typing import Any

_WAIT_S = 5.0


def ask_keeper(path: str, word: str) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(_WAIT_S)
        line.connect(path)
        line.sendall(f"{word}\n".encode())
        with line.makefile("rb") as file:
            answer: dict[str, Any] = json.loads(file.readline())
    return answer
