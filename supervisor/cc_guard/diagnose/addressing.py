"""What the systems' tools say about the route to an address."""

import json
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Way:
    """`gateway` is "" for a neighbour; `source` the local address."""

    device: str = ""
    gateway: str = ""
    source: str = ""


def parse_ip_route(text: str) -> Way:
    """`ip -j route get ADDRESS` (ip-route(8)); empty for what is none."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        return Way()
    row = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    return Way(str(row.get("dev") or ""), str(row.get("gateway") or ""), str(row.get("prefsrc") or ""))


def parse_route_get(text: str) -> Way:
    """`route -n get ADDRESS` of macOS (route(8)): lines of "key: value"."""
    values = dict(re.findall(r"(?m)^\s*(interface|gateway):\s*(\S+)", text))
    return Way(values.get("interface", ""), values.get("gateway", ""))
