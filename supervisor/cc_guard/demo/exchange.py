"""One request of the stand-in, in a thread of its own, made as Claude Code makes it: the first address that
takes a connection is the one, and it does not go to another when that breaks later (measured, 2.1.330)."""

import contextlib
import errno
import json
import os
import socket
import threading
from urllib.parse import urlsplit

_TIMEOUT_S = 20.0


class Exchange:
    """`done`, then `text`, or else `code` (a name of errno) or `status` with `said`."""

    def __init__(self, prompt: str, token: str, pretended: str = "") -> None:
        self.done = False
        self.text = self.code = self.said = ""
        self.status = 0
        self._prompt, self._token, self._pretended = prompt, token, pretended
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._ask()
        except OSError as error:
            self.code = errno.errorcode.get(error.errno or 0, "ECONNRESET")
        except (ValueError, KeyError):
            self.code = "ECONNRESET"
        self.done = True

    def _ask(self) -> None:
        if self._pretended:
            self.code = self._pretended
            return
        url = urlsplit(os.environ["ANTHROPIC_BASE_URL"])
        host, port = url.hostname or "", url.port or 80
        with socket.create_connection((host, port), _TIMEOUT_S) as connection:
            connection.sendall(self._request(f"{host}:{port}"))
            answer = b""
            while part := connection.recv(65536):
                answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        if not body:
            raise ConnectionResetError(errno.ECONNRESET, "no answer")
        self.status = int(head.split(b" ", 2)[1])
        if self.status == 200:
            self.text = str(json.loads(body)["content"][0]["text"])
            return
        self.said = body.decode(errors="replace")
        with contextlib.suppress(ValueError, KeyError):
            self.said = str(json.loads(body)["error"]["message"])

    def _request(self, host: str) -> bytes:
        message = {
            "model": "stand-in",
            "max_tokens": 100,
            "messages": [{"role": "user", "content": self._prompt}],
        }
        body = json.dumps(message).encode()
        head = (
            f"POST /v1/messages HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body
