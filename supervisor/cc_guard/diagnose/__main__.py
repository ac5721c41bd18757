"""`python -m cc_guard.diagnose`: what `cc-guard doctor --json` says, for a guard with an incident.

--symptom JSON    the incident's symptom (DESIGN, section 6)
--relay PID       the relay, whose shim is the parent of the client
--settings FILE   a file that the client got by --settings; may be given again
--url URL         as for doctor
"""

import argparse
import asyncio
import json
import os
import sys
import time
from typing import Any

from cc_guard.incident.record import Symptom
from cc_guard.short_lived import keep_garbage


def main() -> int:
    keep_garbage()
    from cc_guard.commands.doctor import diagnose, document

    parser = argparse.ArgumentParser(prog="python -m cc_guard.diagnose")
    parser.add_argument("--symptom", type=json.loads)
    parser.add_argument("--relay", type=int)
    parser.add_argument("--settings", action="append", default=[])
    parser.add_argument("--url")
    options = parser.parse_args()
    symptom = _symptom(options.symptom) if options.symptom else None
    started = time.monotonic()
    findings, verdict, _ = asyncio.run(
        diagnose(os.environ, options.url, symptom, _client(options.relay), options.settings)
    )
    print(json.dumps(document(findings, verdict, time.monotonic() - started)))
    return 0 if verdict.cause is None else 1


def _client(relay: int | None) -> int | None:
    """The client: the child of the relay's child that has children of its own and is not the guard."""
    if relay is None:
        return None
    import psutil

    try:
        guard = os.getppid()
        shims = [child for child in psutil.Process(relay).children() if child.pid != guard]
        clients = [client.pid for shim in shims for client in shim.children()]
    except psutil.Error:
        return None
    return clients[0] if clients else None


def _symptom(said: dict[str, Any]) -> Symptom:
    return Symptom(
        time.time(),
        said["kind"],
        said["phase"],
        said.get("code"),
        said.get("http_status"),
        said.get("attempt"),
        said.get("max_attempts"),
    )


sys.exit(main())
