"""The address that the client is told to use: a base URL, the gateway behind it, a proxy on the way."""

from cc_guard.diagnose import quirks
from cc_guard.diagnose.route import place
from cc_guard.diagnose.rules.case import (
    GUESS,
    LIKELY,
    POSSIBLE,
    SURE,
    TCP,
    Case,
    Opinion,
    capital,
    no_such_name,
    request,
)
from cc_guard.incident.record import Cause
from cc_guard.probe.route import DEFAULT_URL


def base_url_invalid(case: Case) -> Opinion | None:
    finding = case.one("config.route")
    if finding is None:
        return None
    problems = set(finding.evidence.get("problems") or ())
    if finding.state == "fail" and "unknown" in problems:
        why = f"It can't be told from here where Claude Code sends its requests: {finding.summary}."
        return Opinion("unknown", GUESS, why, ("config.route",))
    if finding.state == "fail":
        cause: Cause = "proxy.dead" if "proxy" in problems else "base_url.invalid"
        steps = "proxy.form" if "proxy" in problems else ""
        return Opinion(cause, SURE, f"{finding.summary}.", ("config.route",), steps=steps or _right_url(case))
    status = case.value("http.api", "status")
    wrong = problems & quirks.TEXTS.keys() - {"plain_http"}
    if status in (404, 405, 400) and wrong:
        return _wrong_url(case, wrong)
    if case.own_host and case.value("config.route", "provider") == "anthropic" and status == 404:
        why = f"Nothing is at {request(case)}, where {case.base} leads (404)."
        return Opinion("base_url.invalid", POSSIBLE, why, ("http.api",), steps="base_url.not_the_api")
    if case.own_host and not case.value("config.route", "proxy") and no_such_name(case):
        why = f"There is no host {case.host}, to which {case.base} leads."
        evidence = ("config.route", "dns.system")
        return Opinion("base_url.invalid", LIKELY, why, evidence, steps="base_url.unknown_host")
    return None


def _wrong_url(case: Case, problems: set[str]) -> Opinion:
    evidence = ("config.route", "http.api")
    if "v1_path" in problems:
        why = (
            f"{capital(case.base)} ends in /v1, which Claude Code adds itself, so that requests go to "
            f"{request(case)}, where nothing is."
        )
        return Opinion("base_url.invalid", SURE, why, evidence, steps=_right_url(case))
    problem = next(quirks.TEXTS[code] for code in quirks.TEXTS if code in problems)
    why = f"{capital(case.base)} does not lead to the API: {problem}."
    return Opinion("base_url.invalid", SURE, why, evidence, steps=_right_url(case))


def _right_url(case: Case) -> str:
    """The steps: the usual endpoint needs no base URL at all."""
    known = case.evidence("config.route")
    needless = known.get("suggested") == DEFAULT_URL or "other_host" in known.get("problems", ())
    return "base_url.no_default" if needless else ""


def proxy(case: Case) -> Opinion | None:
    known, finding = case.evidence("config.route"), case.one("proxy")
    name = known.get("proxy") or ""
    where = f"{known.get('proxy_variable') or 'HTTPS_PROXY'} (set in {place(known.get('proxy_source'))})"
    if name and no_such_name(case):
        why = f"There is no host {case.name}, which {where} names as the proxy."
        evidence = ("config.route", "dns.system")
        return Opinion("proxy.dead", LIKELY, why, evidence, steps="proxy.unknown_host")
    if finding is None or finding.state in ("na", "skip"):
        return None
    status, outcome = finding.evidence.get("connect_status"), finding.evidence.get("outcome")
    name = f"{finding.evidence.get('host')}:{finding.evidence.get('port')}"
    direct = "; without it the API answers" if finding.evidence.get("direct") == "connected" else ""
    if status == 407:
        windows = finding.evidence.get("auth") not in ("basic", "digest", "none", None)
        what = "a login that Claude Code can't do by itself" if windows else "a user name and a password"
        why = f"The proxy {name}, from {where}, wants {what}{direct}."
        steps = "proxy.auth_windows" if windows else ""
        return Opinion("proxy.auth", SURE, why, ("proxy",), steps=steps)
    if outcome not in (None, "connected"):
        silent = "nothing is listening there" if outcome == "refused" else "there is no answer"
        why = f"The proxy {name}, from {where}, can't be reached: {silent}{direct}."
        return Opinion("proxy.dead", SURE, why, ("proxy", "config.route"))
    if isinstance(status, int) and status >= 400:
        why = (
            f"The proxy {name}, from {where}, does not let requests through to {case.host} "
            f"({status}){direct}."
        )
        return Opinion("proxy.dead", LIKELY, why, ("proxy",), steps="proxy.refuses")
    if finding.state == "fail":
        why = f"The proxy {name}, from {where}, accepts connections and does not answer as a proxy{direct}."
        return Opinion("proxy.dead", LIKELY, why, ("proxy",))
    return None


def gateway_dead(case: Case) -> Opinion | None:
    if not case.own_host or "connected" in case.outcomes(*TCP):
        return None
    broken = case.outcomes(*TCP) & {"refused", "timeout", "reset"}
    if case.value("gateway", "listening") is False or broken:
        sure = case.value("gateway", "listening") is False and broken
        url = case.value("config.route", "base_url", "")
        nothing = "Nothing is listening" if "timeout" not in broken else "Nothing answers"
        why = f"{nothing} at {url}, where {case.base} leads."
        return Opinion("base_url.dead", SURE if sure else LIKELY, why, ("gateway", "config.route"))
    return None
