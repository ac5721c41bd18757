"""The client itself: what the guard does with it, and another version of it."""

from cc_guard.diagnose import client
from cc_guard.diagnose.probe import Context
from cc_guard.incident.record import Cause
from cc_guard.remedies.remedy import Plan, Remedy, Step, Unfit, everywhere
from cc_guard.remedies.world import World

_UPDATE_S = 300.0
_PACKAGE = "@anthropic-ai/claude-code"

_NETWORK: tuple[Cause, ...] = (
    *("route.none", "dns.resolver_down", "dns.stale", "ipv6.broken", "tcp.blocked", "ports.exhausted"),
    *("conntrack.full", "mtu.blackhole", "proxy.dead", "base_url.dead", "captive_portal", "server.error"),
    *("vm.interference", "container.network", "wsl.network", "vpn.path", "sleep.wake", "unknown"),
)


def _installed(world: World) -> tuple[str, str, str]:
    """The program, how it came here (npm, native, nix, brew, unknown), and its version ("" when not
    known)."""
    context = Context(world.environ, world.cwd, world.facts, world.configuration)
    path = client.program(context)
    if not path:
        raise Unfit("Claude Code is not installed here")
    version = client.version(context)
    return path, client.install(path), client.text(version) if version else ""


async def _update(world: World) -> Plan:
    path, how, version = _installed(world)
    if how == "nix":
        raise Unfit("Nix' packages are updated by Nix (client.reinstall has another way)")
    text = f"Updates Claude Code {version}. This session goes on with the old one until it is started again."
    if how == "brew":
        return Plan(
            text, advice=(Step(("brew", "upgrade", "--cask", "claude-code")),), check=("claude --version",)
        )
    back = f"claude install {version}" if how == "native" else f"npm install -g {_PACKAGE}@{version}"
    step = Step((path, "update"), deadline_s=_UPDATE_S)
    return Plan(text, (step,), check=("claude --version",), undo=(back,) if version else (), proof="")


async def _reinstall(world: World) -> Plan:
    path, how, version = _installed(world)
    if how != "nix":
        raise Unfit("client.update does it")
    prefix = "~/.npm-global"
    advice = (
        Step(
            ("npm", "install", "-g", f"--prefix={prefix}", _PACKAGE),
            "npm has the newest version; Nix' lags behind",
        ),
        Step(("cc-guard", "--", f"{prefix}/bin/claude", "--continue")),
    )
    text = f"Claude Code {version} is from Nix ({path}). The newest can be had from npm beside it."
    undo = (f"npm uninstall -g --prefix={prefix} {_PACKAGE}",)
    return Plan(text, advice=advice, check=(f"{prefix}/bin/claude --version",), undo=undo)


REMEDIES = (
    Remedy(
        "hold.wait",
        "Pause Claude Code until the API answers",
        "Claude Code is paused before its retries are used up, and goes on as soon as a request gets an "
        "answer.",
        _NETWORK,
        everywhere(1),
        by_guard=True,
    ),
    Remedy(
        "client.nudge",
        "Type continue",
        "Types `continue` when Claude Code has given up, its prompt is empty and the API answers again.",
        (
            *_NETWORK,
            "clock.skew",
            "proxy.auth",
            "tls.untrusted_ca",
            "server.overloaded",
            "rate.limited",
            "usage.limited",
        ),
        everywhere(1),
        by_guard=True,
    ),
    Remedy(
        "client.restart",
        "Start Claude Code again with this session",
        "Ends Claude Code and starts it with the same options and --resume; a draft is kept.",
        ("process.stuck", "sleep.wake", "auth.expired", "client.outdated"),
        everywhere(1),
        by_guard=True,
    ),
    Remedy(
        "client.env",
        "Start Claude Code again with one variable",
        "As client.restart, with NODE_EXTRA_CA_CERTS naming a bundle of this machine that vouches for the "
        "API's certificate.",
        ("tls.untrusted_ca",),
        everywhere(1),
        policy="ask",
        by_guard=True,
    ),
    Remedy(
        "client.update",
        "Update Claude Code",
        "Installs the newest version beside the running one.",
        ("client.outdated",),
        everywhere(2),
        _update,
        policy="ask",
    ),
    Remedy(
        "client.reinstall",
        "Install Claude Code from npm",
        "For a version from Nix, which can't update itself: how to get the newest from npm beside it.",
        ("client.outdated",),
        everywhere(4),
        _reinstall,
        policy="suggest",
    ),
)
