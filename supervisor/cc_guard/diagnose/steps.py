"""What to do about a cause: steps for people, from `data/steps.toml` and what the probes found."""

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cc_guard.diagnose.route import DEFAULT, ENVIRONMENT, OPTION, place, tilde
from cc_guard.diagnose.rules.case import Case, span
from cc_guard.explain.machine import FALLBACKS, Platform
from cc_guard.probe.route import PROXIES

_FILE = os.path.join(os.path.dirname(__file__), "data", "steps.toml")
_VALUE = re.compile(r"(?<!%)\{([a-z_0-9]+)\}")  # %{…} is curl's
_CONDITION = re.compile(r"(if|unless) ([a-z_0-9]+): (.*)")
_INCLUDE = re.compile(r"((?:(?:if|unless) [a-z_0-9]+: )*)\+ ([a-z_.]+)")
_DEEPEST = 4  # tables that include tables


@dataclass(frozen=True)
class Step:
    """`undo` is text, or none; a `note` says what is no step."""

    text: str
    commands: tuple[str, ...] = ()
    undo: str = ""
    undo_commands: tuple[str, ...] = ()
    note: bool = False

    def __str__(self) -> str:
        """On one line."""
        text = " ".join((self.text, "; ".join(self.commands))).strip()
        back = " ".join((self.undo, "; ".join(self.undo_commands))).strip()
        return f"{text}   (undo: {back})" if back else text


def steps(name: str, platform: Platform, values: Mapping[str, str]) -> tuple[Step, ...]:
    """Those of a table of the file; none for a table that is not there."""
    with open(_FILE, "rb") as file:
        tables = tomllib.load(file)
    return tuple(_read(_lines(tables, name, platform, _DEEPEST), values))


def _lines(
    tables: Mapping[str, Mapping[str, str]], name: str, platform: Platform, depth: int
) -> Iterator[str]:
    table = tables.get(name, {})
    text = next((table[step] for step in FALLBACKS[platform] if step in table), "")
    for line in filter(None, text.splitlines()):
        included = _INCLUDE.fullmatch(line)
        if included is None:
            yield line
        elif depth:
            # A step's commands go with it, so they need no condition of their own.
            rows = _lines(tables, included[2], platform, depth - 1)
            yield from (row if row.startswith(("$", "<")) else included[1] + row for row in rows)


def _read(lines: Iterable[str], values: Mapping[str, str]) -> Iterator[Step]:
    step: Step | None = None
    for line in lines:
        applies = True
        while match := _CONDITION.fullmatch(line):
            applies = applies and (match[2] in values) == (match[1] == "if")
            line = match[3]
        text = _filled(line, values) if applies else None
        if line.startswith("<"):
            if step is not None and text is not None:
                step = _with_undo(step, text[1:].strip())
        elif line.startswith("$ "):
            # A step without its command would say nothing.
            step = None if step is None or text is None else _with_command(step, text[2:])
        else:
            if step is not None:
                yield step
            note = line.startswith("! ")
            step = None if text is None else Step(text.removeprefix("! "), note=note)
    if step is not None:
        yield step


def _with_command(step: Step, command: str) -> Step:
    return replace(step, commands=(*step.commands, command))


def _with_undo(step: Step, text: str) -> Step:
    if text.startswith("$ "):
        return replace(step, undo_commands=(*step.undo_commands, text[2:]))
    return replace(step, undo=text)


def _filled(line: str, values: Mapping[str, str]) -> str | None:
    """None when a value is not known."""
    if not set(_VALUE.findall(line)) <= values.keys():
        return None
    return _VALUE.sub(lambda match: values[match[1]], line)


def values(case: Case) -> dict[str, str]:
    """What steps may name: only what is known."""
    found: dict[str, Any] = {}
    for part in PARTS:
        found |= part(case)
    return {name: str(value) for name, value in found.items() if value not in (None, "", [], False)}


def _way(case: Case) -> dict[str, Any]:
    known = case.evidence("config.route")
    sources: Mapping[str, str] = known.get("settings", {})
    base, source, url = known.get("base"), known.get("source"), known.get("base_url")
    variable, proxy_source = known.get("proxy_variable"), known.get("proxy_source")
    proxies = {name: sources[name] for name in PROXIES if name in sources}
    # Leaving out what the environment sets is enough only when no settings file sets one, too.
    unset = [f"-u {name}" for name in proxies] if set(proxies.values()) == {ENVIRONMENT} else []
    direct = case.value("proxy", "direct")
    local = case.value("gateway", "kind") == "loopback"
    own = case.own_host
    return {
        "host": known.get("host"),
        "port": known.get("port"),
        "base": base,
        "base_url": url,
        "base_place": place(source),
        "base_in_environment": base if source == ENVIRONMENT else None,
        "base_file": _file(source),
        "base_is_option": source == OPTION,
        "suggested": known.get("suggested"),
        "local_port": known.get("port") if local else None,
        "remote_base_url": None if local else url,
        "proxy": known.get("proxy"),
        "proxy_variable": variable,
        "proxy_place": place(proxy_source),
        "proxy_file": _file(proxy_source),
        "unset_proxies": " ".join(unset),
        "direct": direct == "connected",
        "direct_fails": direct not in (None, "connected"),
        "connect_status": case.value("proxy", "connect_status"),
        "auth": _SCHEMES.get(case.value("proxy", "auth", "")),
        "extra_ca": known.get("extra_ca"),
        "extra_ca_place": place(sources.get("NODE_EXTRA_CA_CERTS")),
        "own_host": own,
        "intercepted": case.value("tls", "intercepted"),
        "issuer": case.value("tls", "issuer"),
        "address": case.value("tls", "address"),
    }


_SCHEMES = {"ntlm": "NTLM", "negotiate": "Negotiate", "kerberos": "Kerberos"}


def _file(source: str | None) -> str:
    return "" if source in (None, ENVIRONMENT, OPTION, DEFAULT) else tilde(str(source))


def _names(case: Case) -> dict[str, Any]:
    servers = case.all("dns.servers")
    dead = [one for one in servers if one.state != "pass"]
    good = [one.evidence.get("server") for one in servers if one.state == "pass"]
    line = re.fullmatch(r"line (\d+) of (/\S+)", case.value("dns.system", "hosts_file") or "")
    stub = any(one.evidence.get("kind") == "systemd-stub" for one in servers)
    return {
        "name": case.value("dns.system", "host"),
        "servers": ", ".join(
            str(one.evidence.get("server")) for one in servers if one.evidence.get("server")
        ),
        "server": dead[0].evidence.get("server") if dead else None,
        "good_server": next(iter(good), None),
        "hosts_number": line[1] if line else None,
        "hosts_path": line[2] if line else None,
        "resolv_conf": None if stub else "/etc/resolv.conf",
        "stub_device": _device(case).get("device") if stub else None,
    }


def _device(case: Case) -> Mapping[str, Any]:
    """The evidence of the way out."""
    return next((one.evidence for one in case.all("link.route") if one.evidence.get("device")), {})


def _machine(case: Case) -> dict[str, Any]:
    way = _device(case)
    kind = way.get("tunnel_kind")
    most = case.value("conntrack", "max")
    use = case.evidence("ports.use")
    waiting = round((use.get("in_range") or 0) * (use.get("time_wait_share") or 0))
    return {
        "device": way.get("device"),
        "mtu": way.get("mtu"),
        "wireguard": way.get("device") if kind == "wg" else None,
        "tailscale": kind == "tailscale",
        "warp": kind == "warp",
        "other_vpn": way.get("device") if kind in ("tun", "utun") else None,
        "first": case.value("ports.range", "first"),
        "last": case.value("ports.range", "last"),
        "used": use.get("in_range") or None,
        "waiting": waiting or None,
        "owners": _list(
            f"{one.get('name')} (process {one.get('pid')}, {one.get('sockets')})"
            for one in use.get("top") or ()
        ),
        "days": (case.value("macos.uptime", "uptime_s") or 0) // 86400
        if case.value("macos.uptime", "past_49_days")
        else None,
        "conntrack_max": most,
        "conntrack_double": most and 2 * most,
        "largest": _list(
            f"{one.get('name')} (process {one.get('pid')}, {_size(one.get('mb'))})"
            for one in (case.value("memory", "top") or ())[:3]
        ),
    }


def _size(mb: object) -> str:
    if not isinstance(mb, int | float):
        return "?"
    return f"{mb / 1024:.1f} GB" if mb >= 1024 else f"{mb:.0f} MB"


def _list(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _answers(case: Case) -> dict[str, Any]:
    wait = case.value("http.api", "retry_after")
    return {
        "status": case.value("http.api", "status"),
        "request_id": case.value("http.api", "request_id"),
        "retry_after": None if wait is None else span(wait),
        "portal_page": case.value("portal", "url") or "http://captive.apple.com/hotspot-detect.html",
    }


def _keys(case: Case) -> dict[str, Any]:
    sources = case.value("signin", "key_sources") or {}
    name, source = next(iter(sources.items()), (None, None))
    return {
        "key": name,
        "key_in_environment": name if source == ENVIRONMENT else None,
        "key_file": None if source in (None, ENVIRONMENT) else tilde(source),
        "key_shape": case.value("config.route", "key_shape"),
    }


def _guests(case: Case) -> dict[str, Any]:
    running = case.value("vm.tart", "running") or []
    overlap: Mapping[str, Any] = next(iter(case.value("vm.overlap", "overlaps") or []), {})
    return {
        "suspendable": next((one.get("name") for one in running if one.get("suspendable")), None),
        "not_suspendable": _list(str(one.get("name")) for one in running if not one.get("suspendable")),
        "network": overlap.get("network"),
    }


PARTS = (_way, _names, _machine, _answers, _keys, _guests)
"""Where values come from; each with all its keys, known or not."""
