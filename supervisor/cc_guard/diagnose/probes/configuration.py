"""Where the client sends its requests, and what about that looks wrong. Nothing is sent."""

import os
from typing import Any

from cc_guard.diagnose import quirks
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.route import DEFAULT, ENVIRONMENT, HELPER, KEYS, Configuration
from cc_guard.incident.record import Finding
from cc_guard.probe.route import bracketed

_MOST = 2 * 1024 * 1024


async def _route(context: Context) -> list[Finding]:
    """Evidence: base_url (without userinfo, None when unusable), source, host, port, tls, default, problem (a
    sentence, or None), problems (codes: those of cc_guard.diagnose.quirks, and endpoint, proxy or unknown for
    what can't be used, extra_ca for a file that can't be read, tls_reject_off), proxy ("host:port"),
    proxy_source, no_proxy, extra_ca, extra_ca_readable, tls_reject_off, provider, key (env, settings or
    helper), key_shape, settings (name: source)."""
    configuration = context.configuration
    evidence = _evidence(configuration)
    if configuration.route is None:
        evidence["problems"] = [configuration.about, *configuration.quirks]
        evidence["problem"] = _sentence(configuration)
        return [Finding("config.route", "fail", evidence["problem"], evidence)]
    texts = _oddities(configuration, evidence)
    evidence["problems"] = list(texts)
    evidence["problem"] = "; ".join(texts.values()) or None
    way = f"{evidence['base_url']}{' by proxy ' + evidence['proxy'] if configuration.route.proxy else ''}"
    if not texts:
        return [Finding("config.route", "pass", _plain(configuration, way), evidence)]
    return [Finding("config.route", "warn", f"{way}: {evidence['problem']}", evidence)]


def _evidence(configuration: Configuration) -> dict[str, Any]:
    route = configuration.route
    proxy = route.proxy if route else None
    extra = configuration.value("NODE_EXTRA_CA_CERTS") or None
    key = next((name for name in (*KEYS, HELPER) if name in configuration.settings), "")
    return {
        "base_url": configuration.base_url or None,
        "source": configuration.source(configuration.base) if configuration.base else DEFAULT,
        "host": route.host if route else None,
        "port": route.port if route else None,
        "tls": route.tls if route else None,
        "default": configuration.default,
        "proxy": f"{bracketed(proxy.host)}:{proxy.port}" if proxy else None,
        "proxy_source": configuration.source(configuration.proxy) if configuration.proxy else None,
        "no_proxy": configuration.no_proxy,
        "extra_ca": extra,
        "extra_ca_readable": _is_pem(extra) if extra else None,
        "tls_reject_off": configuration.value("NODE_TLS_REJECT_UNAUTHORIZED") == "0",
        "provider": configuration.provider,
        "key": _place(configuration, key),
        "key_shape": configuration.value(key) or None,
        "settings": {name: setting.source for name, setting in configuration.settings.items()},
    }


def _place(configuration: Configuration, key: str) -> str | None:
    if not key:
        return None
    if key == HELPER:
        return "helper"
    return "env" if configuration.source(key) == ENVIRONMENT else "settings"


def _is_pem(path: str) -> bool:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return b"-----BEGIN" in file.read(_MOST)
    except (OSError, ValueError):
        return False


def _sentence(configuration: Configuration) -> str:
    """Why there is no route; for a quirk that explains it, in its words."""
    name = configuration.base if configuration.about == "endpoint" else configuration.proxy
    texts = [quirks.TEXTS[code] for code in configuration.quirks if code in ("quotes", "no_scheme", "blank")]
    reason = texts[0] if texts and configuration.about == "endpoint" else configuration.problem
    return f"{name} ({configuration.source(name)}): {reason}" if name else reason


def _oddities(configuration: Configuration, evidence: dict[str, Any]) -> dict[str, str]:
    texts = {code: quirks.TEXTS[code] for code in configuration.quirks}
    if evidence["extra_ca_readable"] is False:
        texts["extra_ca"] = "NODE_EXTRA_CA_CERTS names a file that can't be read or has no certificates"
    if evidence["tls_reject_off"]:
        texts["tls_reject_off"] = "NODE_TLS_REJECT_UNAUTHORIZED=0 turns all checks of certificates off"
    return texts


def _plain(configuration: Configuration, way: str) -> str:
    if configuration.default:
        return f"{way}, the usual endpoint"
    return f"{way}, from {configuration.base} ({configuration.source(configuration.base)})"


PROBES = (Probe("config.route", "Configuration", _route, deadline_s=1.0),)
