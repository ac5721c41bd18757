"""Who answers and what: a certificate, a page in the place of the API, or the API itself, which refuses."""

from cc_guard.diagnose.route import place
from cc_guard.diagnose.rules.case import GUESS, LIKELY, POSSIBLE, SURE, Case, Opinion, request, span
from cc_guard.incident.record import Cause


def clock_skew(case: Case) -> Opinion | None:
    skew = case.value("clock", "skew_s")
    error = case.value("tls", "error")
    if skew is None or abs(skew) <= 300:
        return None
    side, looks = ("behind", "not valid yet") if skew > 0 else ("ahead", "expired")
    why = f"This machine's clock is {span(abs(skew))} {side}, so that certificates and logins look {looks}."
    sure = error in ("expired", "not_yet_valid") or abs(skew) > 3600
    return Opinion("clock.skew", SURE if sure else LIKELY, why, ("clock", "tls"))


def untrusted(case: Case) -> Opinion | None:
    if case.value("tls", "trusted") is not False:
        return None
    error = case.value("tls", "error")
    issuer = case.value("tls", "issuer") or "an unknown issuer"
    if error in ("expired", "not_yet_valid"):
        if clock_skew(case):
            return None  # which explains it
        until = case.value("tls", "not_after" if error == "expired" else "not_before") or "?"
        how = "expired on" if error == "expired" else "is valid only from"
        why = f"The certificate that {case.host} shows {how} {until[:10]}, and this machine's clock is right."
        return Opinion("tls.untrusted_ca", SURE, why, ("tls", "clock"), steps="tls.expired")
    if error == "self_signed":
        why = f"{case.host} shows a certificate that it has signed itself, so that nobody vouches for it."
        return Opinion("tls.untrusted_ca", SURE, why, ("tls",), steps="tls.self_signed")
    if error == "wrong_host":
        why = (
            f"At the address of {case.host} another server answers: its certificate is for "
            f"{case.value('tls', 'subject')}."
        )
        return Opinion("tls.untrusted_ca", SURE, why, ("tls",), steps="tls.wrong_host")
    if error in (None, "untrusted_root"):
        why = (
            f'Something between here and {case.host} reads along: it shows a certificate by "{issuer}", '
            "which this "
            "machine does not trust."
        )
        unreadable = case.value("config.route", "extra_ca_readable") is False
        return Opinion(
            "tls.untrusted_ca", SURE, why, ("tls",), steps="tls.extra_unreadable" if unreadable else ""
        )
    return None


def portal(case: Case) -> Opinion | None:
    if case.value("portal", "outcome") == "portal":
        why = (
            f"This network wants you to sign in first: its own page answers, and {case.host} is not reached."
        )
        return Opinion("captive_portal", SURE, why, ("portal", "http.api"))
    return None


def not_the_api(case: Case) -> Opinion | None:
    status, kind = case.value("http.api", "status"), case.value("http.api", "body_kind")
    if status is None or status >= 400:
        return None
    evidence = ("http.api", "config.route")
    if case.own_host and 300 <= status < 400:
        to = case.value("http.api", "redirect") or "elsewhere"
        why = f"{request(case)}, where {case.base} leads, is not the API: it sends requests on to {to}."
        return Opinion("base_url.invalid", LIKELY, why, evidence, steps="base_url.not_the_api")
    if kind != "html":
        return None
    if case.own_host:
        why = f"A website answers at {request(case)}, where {case.base} leads: it is not the API."
        return Opinion("base_url.invalid", LIKELY, why, evidence, steps="base_url.not_the_api")
    why = f"A web page answers in the place of {case.host}: a sign-in page or a filter of this network."
    return Opinion("captive_portal", POSSIBLE, why, ("http.api",))


def region(case: Case) -> Opinion | None:
    if case.value("http.api", "status") != 403:
        return None
    if case.own_host and case.value("http.api", "body_kind") == "json":
        return None
    why = f"{case.host} refuses requests from this country or network (403{_said(case)})."
    return Opinion("region.refused", LIKELY, why, ("http.api",))


def _said(case: Case) -> str:
    """The words of the answer, where there are any."""
    known = case.evidence("http.api")
    words = known.get("error_message") or known.get("title") or known.get("text")
    return f': "{words}"' if words else ""


def service(case: Case) -> Opinion | None:
    """Said only where the whole local path is proven good: somebody answered HTTP."""
    status = case.value("http.api", "status")
    if status is None:
        return None
    who = f"The gateway {case.value('config.route', 'base_url')}" if case.own_host else case.host
    if status == 529:
        why = f"{who} is overloaded (529{_said(case)}); everything on the way to it works."
        return Opinion("server.overloaded", SURE, why, ("http.api",))
    if status == 429:
        wait = case.value("http.api", "retry_after")
        asks = f" and asks to wait for {span(wait)}" if wait else ""
        why = (
            f"{who} takes no more requests for now (429{_said(case)}){asks}; everything on the way to it "
            "works."
        )
        return Opinion("rate.limited", SURE, why, ("http.api",))
    if status >= 500:
        why = (
            f"{who} has a fault of its own (it answers {status}{_said(case)}); everything on the way to it "
            "works."
        )
        return Opinion(
            "server.error", SURE, why, ("http.api",), steps="server.gateway" if case.own_host else ""
        )
    return None


def sign_in(case: Case) -> Opinion | None:
    if case.value("signin", "logged_in") is False and not case.value("config.route", "key"):
        return Opinion("auth.expired", LIKELY, "Claude Code is not logged in.", ("signin",))
    if case.symptom is None or case.symptom.kind != "auth":
        return None
    # Where nothing answers now, the login is the second thing to mend: it needs the network.
    sure = LIKELY if case.reachable else GUESS
    if case.value("signin", "env_key") or case.value("config.route", "key"):
        sources = case.value("signin", "key_sources") or {}
        name, source = next(iter(sources.items()), ("the key", None))
        why = f"{case.host} refuses {name}, which is set in {place(source)}."
        return Opinion("auth.invalid", sure, why, ("signin", "http.api"))
    why = f"{case.host} refuses the login of Claude Code: it has expired or was ended."
    return Opinion("auth.expired", sure, why, ("signin", "http.api"))


def told_by_the_api(case: Case) -> Opinion | None:
    """What the client was told over a path that works now."""
    if case.symptom is None or not case.reachable:
        return None
    told: dict[str, tuple[Cause, str]] = {
        "overloaded": ("server.overloaded", "The API told the client that it is overloaded."),
        "rate_limit": ("rate.limited", "The API told the client to send less."),
        "usage_limit": ("usage.limited", "The plan's limit is used up."),
        "bad_request": ("request.invalid", "The API does not take what the client sends."),
        "too_large": ("request.too_large", "What the client sends is too large."),
        "server_error": ("server.error", "The API failed the client's requests; it answers now."),
    }
    if case.symptom.kind not in told or case.symptom.http_status is None:
        return None
    cause, why = told[case.symptom.kind]
    return Opinion(cause, LIKELY, why, ("http.api",))
