"""For fakes that do something: they write down how they were called, and misbehave when they are told to.

FAKE_LOG      a file; a JSON row of words for each call, the tool's name first
FAKE_DOES     {"docker pause": "hang", "dscacheutil": "fail", "tart": "slow 0.5"}: by the first words.
              hang: for a minute, deaf to SIGTERM; fail: status 1, with words; slow: that many seconds later
"""

import json
import os
import signal
import sys
import time


def called(tool: str) -> list[str]:
    """The words after the tool's name."""
    words = sys.argv[1:]
    if path := os.environ.get("FAKE_LOG"):
        with open(path, "a") as file:
            file.write(json.dumps([tool, *words]) + "\n")
    line = " ".join([tool, *words])
    for start, does in json.loads(os.environ.get("FAKE_DOES", "{}")).items():
        if line == start or line.startswith(f"{start} "):
            _misbehave(tool, does)
    return words


def _misbehave(tool: str, does: str) -> None:
    if does == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    elif does == "fail":
        sys.exit(f"{tool}: something went wrong")
    elif does.startswith("slow "):
        time.sleep(float(does.split()[1]))
