"""What only people can decide: a proxy, a gateway, a service that has to come back."""

from cc_guard.probe.route import PROXIES
from cc_guard.remedies.remedy import Plan, Remedy, Step, Unfit, everywhere
from cc_guard.remedies.world import World

_STATUS = "curl -sS -m 10 https://status.claude.com/api/v2/status.json"


async def _proxy(world: World) -> Plan:
    settings = world.configuration.settings
    names = [name for name in PROXIES if name in settings]
    if not names:
        raise Unfit("no proxy is configured")
    used = world.configuration.proxy or names[0]
    finding = (await world.find("proxy"))[0]
    source = settings[used].source if used in settings else "environment"
    text = f"{finding.summary[:1].upper()}{finding.summary[1:]}. It comes from {used} ({source})."
    check = (
        f"curl -sS -m 10 -o /dev/null -w '%{{http_connect}} %{{http_code}}\\n' "
        f"{world.configuration.base_url}",
    )
    if finding.evidence.get("connect_status") == 407:
        asked = finding.evidence.get("auth")
        how = (
            "it asks for NTLM or Kerberos, which Claude Code can't do: run a helper such as px or cntlm, "
            "and name it"
            if asked in ("ntlm", "negotiate", "kerberos")
            else "with its name and password; special characters as %40"
        )
        step = Step(
            ("export", f"{used}=http://NAME:PASSWORD@{finding.evidence['host']}:{finding.evidence['port']}"),
            how,
        )
        return Plan(text, advice=(step,), check=check)
    words = [word for name in names for word in ("-u", name)]
    direct = finding.evidence.get("direct") == "connected"
    why = (
        "without the proxy the API answers; only if your rules allow it"
        if direct
        else "without it, if your rules allow"
    )
    return Plan(
        f"{text} Start the proxy or its VPN again.",
        advice=(Step(("env", *words, "claude", "--continue"), why),),
        check=check,
    )


async def _base_url(world: World) -> Plan:
    configuration = world.configuration
    if not configuration.base:
        raise Unfit("the base URL is the usual one")
    source = configuration.source(configuration.base)
    where = configuration.base_url or configuration.value(configuration.base)
    text = f"{configuration.base} ({source}) sends requests to {where}."
    if configuration.problem:
        text += f" {configuration.problem}"
    elif not await world.evidence("gateway", "listening", True):
        text += " Nothing listens there: start the gateway again."
    else:
        text += (
            " What answers there is not the API: take the address that your gateway names for Claude Code."
        )
    why = "without it, only if you have a login of Anthropic; your requests then go there"
    step = Step(("env", "-u", configuration.base, "claude", "--continue"), why)
    return Plan(
        text, advice=(step,) if source == "environment" else (), check=(f"curl -sS -m 10 -I {where}",)
    )


async def _server(world: World) -> Plan:
    return Plan(
        "Everything up to the service works; it has to come back by itself, and the client goes on then.",
        check=(_STATUS,),
    )


REMEDIES = (
    Remedy(
        "proxy.advise",
        "What to do about the proxy",
        "Says which proxy is configured where, and what it answers. cc-guard changes no proxy: it may be "
        "your company's rule.",
        ("proxy.dead", "proxy.auth"),
        everywhere(0),
        _proxy,
        policy="suggest",
    ),
    Remedy(
        "baseurl.advise",
        "What to do about the base URL",
        "Says where the base URL comes from and what answers there. cc-guard never sends your key to "
        "another host.",
        ("base_url.dead", "base_url.invalid"),
        everywhere(0),
        _base_url,
        policy="suggest",
    ),
    Remedy(
        "server.wait",
        "Wait for the service",
        "Nothing on this machine is wrong. The client retries by itself; cc-guard tells when the service "
        "answers again.",
        ("server.error", "server.overloaded", "rate.limited", "usage.limited"),
        everywhere(0),
        _server,
        policy="suggest",
    ),
)
