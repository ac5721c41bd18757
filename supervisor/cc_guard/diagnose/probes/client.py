"""The client's version and how it is installed."""

import re
from typing import Any

from cc_guard.diagnose import client, tools
from cc_guard.diagnose.probe import Context, Probe, always
from cc_guard.incident.record import Finding

_NODE_TIMEOUT_S = 1.0


async def _version(context: Context) -> list[Finding]:
    """Evidence: version (None when only running the client could tell), install (npm, native, nix, brew,
    unknown), node (the version of Node that a Node build runs on; None for others), known_bad [{range, why,
    source, grave}] (faults that show here), newest_known."""
    program = client.program(context)
    newest = client.text(client.known()[0])
    if not program:
        evidence: dict[str, Any] = {"version": None, "install": None, "newest_known": newest}
        return [Finding("client.version", "na", client.MISSING, evidence)]
    number = client.version(context)
    faults = [bad for bad in client.faults(number) if _shows(bad, context)] if number else []
    evidence = {
        "version": number and client.text(number),
        "install": client.install(program),
        "node": await _node() if client.is_node(program) else None,
        "known_bad": [
            {"range": bad.range, "why": bad.why, "source": bad.source, "grave": bad.grave} for bad in faults
        ],
        "newest_known": newest,
    }
    if number is None:
        return [Finding("client.version", "na", "the version of Claude Code is not known", evidence)]
    by = "" if evidence["install"] == "unknown" else f" ({evidence['install']})"
    text = f"Claude Code {evidence['version']}{by}"
    grave = [bad for bad in faults if bad.grave]
    if grave:
        return [Finding("client.version", "warn", f"{text} {grave[0].why}", evidence)]
    return [Finding("client.version", "pass", text, evidence)]


def _shows(bad: client.KnownBad, context: Context) -> bool:
    if not bad.when:
        return True
    names = (bad.when, bad.when.lower())
    return any(context.environ.get(name) or name in context.configuration.settings for name in names)


async def _node() -> str | None:
    """`node --version` says v22.1.0: nodejs.org/api/cli.html."""
    ran = await tools.run("node", "--version", timeout_s=_NODE_TIMEOUT_S)
    match = re.fullmatch(r"v(\d{1,3}\.\d{1,3}\.\d{1,3}\S{0,30})", ran.text.strip(), re.ASCII)
    return match[1] if match else None


PROBES = (Probe("client.version", "Claude Code", _version, deadline_s=1.5, later=True, spare=always),)
