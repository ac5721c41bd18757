"""A stand-in for the Anthropic Messages API on loopback, whose faults come on command.

As a library:

    with StandIn() as api:                      # StandIn(tls=folder) writes folder/ca.pem and serves HTTPS
        ... ANTHROPIC_BASE_URL=api.url ...
        api.set_fault("reset,for=30")           # faults.py has the table
        api.wait_for(lambda request: request.path == "/v1/messages", timeout=5)
        api.log                                 # every request so far

By hand:

    python -m tests.standin.api [--port 0] [--control-port 0] [--tls] [--fault reset]

prints one JSON line with `url`, `control` and, with TLS, `ca`, and serves until it is interrupted. Then

    curl -d status:503,limit=2 CONTROL/fault    # the answer repeats the fault, or says what is wrong
    curl CONTROL/log                            # one JSON line for each request

What the answers are is in answers.py.
"""

import argparse
import contextlib
import json
import signal
import tempfile
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.standin.server import StandIn

__all__ = ["StandIn"]


class _Control(BaseHTTPRequestHandler):
    standin: StandIn

    def log_message(self, *_: object) -> None:
        pass

    def _reply(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        try:
            self._reply(200, f"{self.standin.set_fault(text)}\n")
        except ValueError as error:
            self._reply(400, f"{error}\n")

    def do_GET(self) -> None:
        self._reply(200, "".join(json.dumps(asdict(request)) + "\n" for request in self.standin.log))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.standin.api")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--tls", action="store_true", help="HTTPS, with a CA made for this run")
    parser.add_argument("--fault", default="none", help="as in tests/standin/faults.py")
    options = parser.parse_args()
    # A plain kill ends it like Ctrl-C: with the folder removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        contextlib.suppress(KeyboardInterrupt),
        tempfile.TemporaryDirectory(prefix="standin-") as folder,
        StandIn(options.port, Path(folder) if options.tls else None) as api,
        ThreadingHTTPServer(("127.0.0.1", options.control_port), _Control) as control,
    ):
        api.set_fault(options.fault)
        _Control.standin = api
        names = {"url": api.url, "control": f"http://127.0.0.1:{control.server_port}"}
        print(json.dumps(names | ({"ca": str(api.ca)} if api.ca else {})), flush=True)
        control.serve_forever()


if __name__ == "__main__":
    main()
