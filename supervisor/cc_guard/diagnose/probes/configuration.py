"""Where the client sends its requests, and what about that looks wrong. Nothing is sent."""

from typing import Any

from cc_guard.diagnose import certificates, quirks, shape
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.route import DEFAULT, ENVIRONMENT, HELPER, KEYS, OPTION, Configuration, place
from cc_guard.incident.record import Finding
from cc_guard.probe.route import bracketed


async def _route(context: Context) -> list[Finding]:
    """Evidence: base_url (without userinfo, None when unusable), base (the variable that names it, None for
    the provider's own), source, suggested (what an odd base URL was probably meant to be), host, port, tls,
    default, problem (a sentence, or None), problems (codes: those of cc_guard.diagnose.quirks, and endpoint,
    proxy or unknown for what can't be used, extra_ca for a file that can't be read, settings_file for one
    that is ignored, tls_reject_off), proxy ("host:port"), proxy_variable, proxy_source, no_proxy, extra_ca,
    extra_ca_readable, tls_reject_off, provider, key (env, settings or helper), key_shape, settings (name:
    source), ignored (settings files that are no JSON)."""
    configuration = context.configuration
    evidence = _evidence(configuration)
    if configuration.route is None:
        evidence["problems"] = [configuration.about, *configuration.quirks]
        evidence["problem"] = _sentence(configuration)
        return [Finding("config.route", "fail", evidence["problem"], evidence)]
    texts = _oddities(configuration, evidence)
    evidence["problems"] = list(texts)
    evidence["problem"] = "; ".join(texts.values()) or None
    way = _way(configuration, evidence)
    if not texts:
        return [Finding("config.route", "pass", way, evidence)]
    return [Finding("config.route", "warn", f"{way}: {evidence['problem']}", evidence)]


def _evidence(configuration: Configuration) -> dict[str, Any]:
    route = configuration.route
    proxy = route.proxy if route else None
    extra = configuration.value("NODE_EXTRA_CA_CERTS") or None
    key = next((name for name in (*KEYS, HELPER) if name in configuration.settings), "")
    return {
        "base_url": configuration.base_url or None,
        "base": configuration.base or None,
        "source": configuration.source(configuration.base) if configuration.base else DEFAULT,
        "suggested": configuration.suggested or None,
        "host": route.host if route else None,
        "port": route.port if route else None,
        "tls": route.tls if route else None,
        "default": configuration.default,
        "proxy": f"{bracketed(proxy.host)}:{proxy.port}" if proxy else None,
        "proxy_variable": configuration.proxy or None,
        "proxy_source": configuration.source(configuration.proxy) if configuration.proxy else None,
        "no_proxy": configuration.no_proxy,
        "extra_ca": extra and shape.of_file(extra),
        "extra_ca_readable": _is_pem(extra) if extra else None,
        "tls_reject_off": configuration.value("NODE_TLS_REJECT_UNAUTHORIZED") == "0",
        "provider": configuration.provider,
        "key": _place(configuration, key),
        "key_shape": configuration.value(key) or None,
        "settings": {name: setting.source for name, setting in configuration.settings.items()},
        "ignored": list(configuration.ignored),
    }


def _place(configuration: Configuration, key: str) -> str | None:
    if not key:
        return None
    if key == HELPER:
        return "helper"
    return "env" if configuration.source(key) == ENVIRONMENT else "settings"


def _is_pem(path: str) -> bool:
    """Whether all of the file can be used: the client takes nothing of one that is broken somewhere."""
    return certificates.from_pem(path) is not None


def _sentence(configuration: Configuration) -> str:
    """Why there is no route; for a quirk that explains it, in its words."""
    if configuration.about == "proxy":
        return (
            f"{_named(configuration, configuration.proxy)} can't be used as a proxy: {configuration.problem}"
        )
    if not configuration.base:
        return configuration.problem
    texts = [quirks.TEXTS[code] for code in configuration.quirks if code in ("quotes", "no_scheme", "blank")]
    reason = texts[0] if texts else configuration.problem
    return f"{_named(configuration, configuration.base)} can't be used: {reason}"


def _named(configuration: Configuration, name: str) -> str:
    source = configuration.source(name)
    return "the address given by --url" if source == OPTION else f"{name} (set in {place(source)})"


def _oddities(configuration: Configuration, evidence: dict[str, Any]) -> dict[str, str]:
    texts = {code: quirks.TEXTS[code] for code in configuration.quirks}
    if evidence["extra_ca_readable"] is False:
        texts["extra_ca"] = "NODE_EXTRA_CA_CERTS names a file that can't be read or has no certificates"
    if configuration.ignored:
        files = ", ".join(map(place, configuration.ignored))
        texts["settings_file"] = f"Claude Code passes over {files}: it is not valid JSON"
    if evidence["tls_reject_off"]:
        texts["tls_reject_off"] = "NODE_TLS_REJECT_UNAUTHORIZED=0 turns all checks of certificates off"
    return texts


def _way(configuration: Configuration, evidence: dict[str, Any]) -> str:
    url = str(evidence["base_url"])
    own = f"from {_named(configuration, configuration.base)}" if configuration.base else "the usual address"
    if not evidence["proxy"]:
        return f"{url}, {own}"
    return f"{url}, {own}, by the proxy {evidence['proxy']} from {_named(configuration, configuration.proxy)}"


PROBES = (Probe("config.route", "Configuration", _route, deadline_s=1.0),)
