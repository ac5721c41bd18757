"""Whose certificate the API's address shows, and which store of authorities vouches for it."""

import asyncio
from typing import Any

from cc_guard.diagnose import certificates, target
from cc_guard.diagnose.certificates import Certificate, Shake
from cc_guard.diagnose.exchange import unverified
from cc_guard.diagnose.look import LATE_S, word
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.quirks import is_public
from cc_guard.incident.record import Finding

_TIMEOUT_S = 1.6
_OF_A_KNOWN_ISSUER = ("expired", "not_yet_valid", "wrong_host")
# Who signs the certificates of public APIs, as the organization in the issuer's name. Others on a public host
# are a company's or a virus scanner's inspection. (Mozilla's list of included authorities, the larger ones.)
_PUBLIC = (
    "actalis",
    "amazon",
    "apple",
    "certum",
    "cloudflare",
    "comodo",
    "digicert",
    "entrust",
    "fastly",
    "globalsign",
    "godaddy",
    "google trust services",
    "harica",
    "identrust",
    "internet security research group",
    "let's encrypt",
    "microsoft corporation",
    "sectigo",
    "ssl corp",
    "starfield",
    "swisssign",
    "trustwave",
    "usertrust",
    "zerossl",
)


async def _tls(context: Context) -> list[Finding]:
    """Evidence: trusted (by this system, bundled or the extra file; None where it can't be checked), by (of:
    system, bundled, extra), error (expired, not_yet_valid, self_signed, untrusted_root, wrong_host,
    untrusted, not_tls, reset_after_connect, closed, timeout… or None), detail, issuer, subject, not_before,
    not_after, intercepted (the host is public, and its certificate's issuer is not), extra_ca_helps,
    address."""
    if not target.connected(context):
        return [target.nobody("tls")]
    stores = await _stores(context)
    address, shakes = await _any(context, stores)
    main = _telling(shakes)
    by = [name for name, one in shakes.items() if one.error is None and name in stores]
    shown = next((one for one in shakes.values() if one.facts), None)
    certificate = certificates.told_by(shown.facts) if shown else Certificate()
    if shown is None and (_has_certificate(main) or main.certificate):
        certificate, _ = await certificates.read(target.route(context), address, _TIMEOUT_S)
    evidence: dict[str, Any] = {
        "trusted": bool(by) if stores or main.error else None,
        "by": by,
        "error": main.error,
        "detail": main.detail or None,
        "issuer": certificate.issuer or None,
        "subject": certificate.subject or None,
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
        "intercepted": _intercepted(context, certificate, by),
        "extra_ca_helps": main.error is not None and "extra" in by,
        "address": address,
    }
    return [_finding(evidence)]


async def _stores(context: Context) -> dict[str, Any]:
    """Those that there are: the system's first, where it has one."""
    extra, bundled = context.configuration.value("NODE_EXTRA_CA_CERTS"), certificates.bundled()
    paths = {name: path for name, path in (("bundled", bundled), ("extra", extra)) if path}
    system, *others = await asyncio.gather(
        certificates.system_store(context.facts), *map(certificates.store, paths.values())
    )
    found = {"system": system, **dict(zip(paths, others, strict=True))}
    return {name: store for name, store in found.items() if store is not None}


async def _any(context: Context, stores: dict[str, Any]) -> tuple[str, dict[str, Shake]]:
    """The handshakes at the first address where one says anything about the certificate, by store; without
    a store, one that checks nothing."""
    route, addresses = target.route(context), target.connected(context)
    name, store = next(iter(stores.items()), ("none", unverified()))
    found = await asyncio.gather(
        *(certificates.shake(route, address, store, _TIMEOUT_S) for address in addresses)
    )
    both = list(zip(addresses, found, strict=True))
    address, main = next((one for one in both if one[1].error is None or _has_certificate(one[1])), both[0])
    if main.error is not None and not _has_certificate(main):
        return address, {name: main}
    others = [other for other in stores if other != name]
    more = await asyncio.gather(
        *(certificates.shake(route, address, stores[other], _TIMEOUT_S) for other in others)
    )
    return address, {name: main, **dict(zip(others, more, strict=True))}


def _telling(shakes: dict[str, Shake]) -> Shake:
    """The system's; or where no store is content, what one finds wrong that does know the issuer."""
    found = list(shakes.values())
    if any(one.error is None for one in found):
        return found[0]
    return next((one for one in found if one.error in _OF_A_KNOWN_ISSUER), found[0])


def _has_certificate(one: Shake) -> bool:
    """Whether the handshake came as far as judging the certificate."""
    words = ("expired", "not_yet_valid", "self_signed", "untrusted_root", "wrong_host", "untrusted")
    return one.error in words


def _intercepted(context: Context, certificate: Certificate, by: list[str]) -> bool:
    host = target.route(context).host
    public = target.is_ours(host) or (context.configuration.default and is_public(host))
    if not public or "bundled" in by or not certificate.issuer:
        return False
    names = f"{certificate.issuer_organization} {certificate.issuer}".lower().replace("’", "'")
    return not any(name in names for name in _PUBLIC)


def _finding(evidence: dict[str, Any]) -> Finding:
    issuer, until = evidence["issuer"] or "an unknown issuer", (evidence["not_after"] or "?")[:10]
    if evidence["trusted"] is None:
        text = (
            f'this machine has nothing to check the certificate of {evidence["subject"]} by "{issuer}" with'
        )
        return Finding("tls", "warn", text, evidence)
    if evidence["trusted"]:
        text = f'the certificate of {evidence["subject"]} is by "{issuer}" and valid until {until}'
        if evidence["intercepted"]:
            return Finding(
                "tls", "warn", f"{text}: not the usual issuer, so somebody on the way reads along", evidence
            )
        if evidence["error"]:
            return Finding("tls", "warn", f"{text}; it is trusted only by NODE_EXTRA_CA_CERTS", evidence)
        return Finding("tls", "pass", text, evidence)
    values = {**evidence, "issuer": issuer, "until": until, "since": (evidence["not_before"] or "")[:10]}
    known = _TEXTS.get(evidence["error"])
    text = known.format(**values) if known else f"no certificate is shown: {word(evidence['error'])}"
    return Finding("tls", "fail", text, evidence)


_TEXTS = {
    "expired": 'the certificate (by "{issuer}") expired on {until}',
    "not_yet_valid": 'the certificate (by "{issuer}") is valid only from {since}',
    "self_signed": "the certificate of {subject} is self-signed: nobody vouches for it",
    "untrusted_root": 'the certificate is by "{issuer}", which this machine does not trust',
    "untrusted": 'the certificate by "{issuer}" is not accepted: {detail}',
    "wrong_host": "the certificate is for {subject}, not for this host",
    "not_tls": "no certificate is shown: what answers does not speak TLS (encryption)",
}


def _plain_http(context: Context) -> str:
    route = context.configuration.route
    if route is None:
        return "it is not known where the API is"
    return "" if route.tls else "the base URL is http://, without TLS"


PROBES = (
    Probe(
        "tls", "Network", _tls, ("tcp.v4?", "tcp.v6?"), 2 * _TIMEOUT_S + LATE_S, "fail", absent=_plain_http
    ),
)
