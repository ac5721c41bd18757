"""Forgotten answers of name servers, and name look-up that WSL leaves to Windows.

macOS: dscacheutil(1) and mDNSResponder(8), which clears its cache at SIGHUP. Linux: resolvectl(1), nscd(8).
Windows: learn.microsoft.com/windows-server/administration/windows-commands/ipconfig. WSL:
learn.microsoft.com/windows/wsl/wsl-config and /troubleshooting. The client forgets an address by itself when
connecting to it fails (bun.com/docs/api/dns).
"""

import shlex

from cc_guard.diagnose import processes
from cc_guard.diagnose.facts import Facts
from cc_guard.remedies.hands import found
from cc_guard.remedies.remedy import Level, Plan, Remedy, Step, Unfit, everywhere
from cc_guard.remedies.world import World

_DEADLINE_S = 10.0
_WINDOWS_S = 5.0  # the first Windows program after a while takes a second to start
_PATIENCE_S = 2.0
_HOST = "api.anthropic.com"


async def _flush(world: World) -> Plan:
    steps = _macos() if world.facts.system == "macos" else await _linux(world.facts)
    if not steps:
        raise Unfit("nothing on this machine is known to remember names")
    text = "Makes this machine forget the addresses of names, and failures to find them."
    check = (
        f"dscacheutil -q host -a name {_HOST}" if world.facts.system == "macos" else f"getent ahosts {_HOST}"
    )
    return Plan(text, tuple(steps), check=(check,), patience_s=_PATIENCE_S)


def _macos() -> list[Step]:
    cache, daemon = found("dscacheutil", root=True), found("killall", root=True)
    return [
        *([Step((cache, "-flushcache"), root=True, deadline_s=_DEADLINE_S)] if cache else []),
        *([Step((daemon, "-HUP", "mDNSResponder"), root=True, deadline_s=_DEADLINE_S)] if daemon else []),
    ]


async def _linux(facts: Facts) -> list[Step]:
    steps = []
    if resolved := found("resolvectl"):
        steps.append(Step((resolved, "flush-caches"), "systemd-resolved's"))
    nscd = found("nscd", root=True)
    if nscd and any(process.name == "nscd" for process in await processes.table(facts)):
        steps.append(Step((nscd, "-i", "hosts"), "the name service cache's", root=True))
    if facts.wsl and (ipconfig := found("ipconfig.exe")):
        steps.append(Step((ipconfig, "/flushdns"), "Windows'", deadline_s=_WINDOWS_S))
    return steps


def _flush_level(facts: Facts) -> Level:
    if facts.system == "macos":
        return 3
    return 2 if facts.wsl or found("resolvectl") else 3


async def _wsl(world: World) -> Plan:
    if not world.facts.wsl:
        raise Unfit("this is not WSL")
    if world.facts.wsl == 1:
        raise Unfit("WSL 1 uses Windows' own network")
    mode = await world.evidence("wsl.network", "mode")
    tunnel = await world.evidence("wsl.network", "dns_tunnel", False)
    lines = _wslconfig(mode, tunnel)
    servers = [str(server) for server in world.parameter("dns", "servers", [])]
    advice = [
        Step(
            ("copy", "%USERPROFILE%\\.wslconfig", "%USERPROFILE%\\.wslconfig.before"),
            "if it is there",
            where="Windows",
        ),
        Step(("notepad", "%USERPROFILE%\\.wslconfig"), f"below [wsl2]: {', '.join(lines)}", where="Windows"),
        Step(
            ("wsl", "--shutdown"),
            "last: it ends every WSL window, this session too. Save your work first; afterwards: "
            "cc-guard claude --continue",
            where="Windows",
        ),
    ]
    if servers:
        asked = f"until then, if one of these answers: {', '.join(servers)}"
        advice.insert(0, Step(("nslookup", _HOST, servers[0]), asked))
    text = f"Names are not found in WSL (networking mode {mode or 'unknown'}) while Windows may find them."
    check = (f"getent ahosts {_HOST}", f"powershell.exe -c {shlex.quote(f'Resolve-DnsName {_HOST}')}")
    undo = (
        "copy %USERPROFILE%\\.wslconfig.before %USERPROFILE%\\.wslconfig   (Windows), then wsl --shutdown",
    )
    return Plan(text, advice=tuple(advice), check=check, undo=undo)


def _wslconfig(mode: str | None, tunnel: bool) -> list[str]:
    """What to write, by what is there: CAUSES, row 10."""
    lines = [] if tunnel else ["dnsTunneling=true"]
    if mode == "mirrored":
        lines.append(
            "networkingMode=virtioproxy"
        )  # mirrored breaks with VPNs that bring a device of their own
    elif mode in ("none", "bridged"):
        lines.append("networkingMode=nat")
    return lines or ["dnsTunneling=false"]


REMEDIES = (
    Remedy(
        "dns.flush",
        "Forget remembered names",
        "Empties the caches of name look-up. Nothing is lost but the time to ask again.",
        ("dns.stale", "dns.resolver_down", "dns.sinkhole"),
        _flush_level,
        _flush,
    ),
    Remedy(
        "wsl.dns",
        "Let WSL find names again",
        "What to change in Windows, so that name look-up in WSL works. cc-guard changes nothing there.",
        ("wsl.network", "dns.resolver_down"),
        everywhere(4),
        _wsl,
        policy="suggest",
    ),
)
