"""`python -m tests.netns.look [URL]`: the network probes alone, and their findings as JSON."""

import asyncio
import importlib
import json
import os
import sys
import time

from cc_guard.diagnose import engine, facts, registry, route
from cc_guard.diagnose.probe import Context

NETWORK = ("configuration", "link", "dns", "tcp", "tls", "http", "proxy", "gateway", "portal", "service")


def main() -> None:
    # The order of the whole, without the probes of the host.
    registry.MODULES = NETWORK  # type: ignore[assignment]
    for name in NETWORK:
        importlib.import_module(f"cc_guard.diagnose.probes.{name}")
    started = time.monotonic()
    url = sys.argv[1] if len(sys.argv) > 1 else None
    configuration = route.read(os.environ, os.getcwd(), (), url)
    context = Context(os.environ, os.getcwd(), facts.read(), configuration)
    findings = asyncio.run(engine.run(registry.probes(), context))
    told = {"findings": [finding.to_json() for finding in findings], "verdict": {"cause": None}}
    print(json.dumps(told | {"duration_s": round(time.monotonic() - started, 3)}))


main()
