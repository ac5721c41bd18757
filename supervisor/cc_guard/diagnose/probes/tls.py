"""Whose certificate the API's address shows, and which store of authorities vouches for it."""

import asyncio
from typing import Any

from cc_guard.diagnose import certificates, target
from cc_guard.diagnose.certificates import Certificate, Shake
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.quirks import is_public
from cc_guard.incident.record import Finding

_TIMEOUT_S = 1.6
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
    """Evidence: trusted (by this system, bundled or the extra file), by (of: system, bundled, extra), error
    (expired, not_yet_valid, self_signed, untrusted_root, wrong_host, untrusted, not_tls,
    reset_after_connect, closed, timeout… or None), detail, issuer, subject, not_before, not_after,
    intercepted (the host is public, and its certificate's issuer is not), extra_ca_helps, address."""
    if not target.connected(context):
        return [target.nobody("tls")]
    address, shakes = await _any(context, await _stores(context))
    main = shakes["system"]
    by = [name for name, one in shakes.items() if one.error is None]
    shown = next((one for one in shakes.values() if one.facts), None)
    certificate = certificates.told_by(shown.facts) if shown else Certificate()
    if shown is None and _has_certificate(main):
        certificate, _ = await certificates.read(target.route(context), address, _TIMEOUT_S)
    evidence: dict[str, Any] = {
        "trusted": bool(by),
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
    extra, bundled = context.configuration.value("NODE_EXTRA_CA_CERTS"), certificates.bundled()
    paths = {name: path for name, path in (("bundled", bundled), ("extra", extra)) if path}
    found = await asyncio.gather(certificates.system_store(), *map(certificates.store, paths.values()))
    stores = dict(zip(("system", *paths), found, strict=True))
    return {name: store for name, store in stores.items() if store is not None}


async def _any(context: Context, stores: dict[str, Any]) -> tuple[str, dict[str, Shake]]:
    """The handshakes at the first address where one says anything about the certificate; all at once."""
    route, addresses = target.route(context), target.connected(context)

    async def at(address: str) -> dict[str, Shake]:
        shakes = await asyncio.gather(
            *(certificates.shake(route, address, store, _TIMEOUT_S) for store in stores.values())
        )
        return dict(zip(stores, shakes, strict=True))

    found = await asyncio.gather(*map(at, addresses))
    for address, shakes in zip(addresses, found, strict=True):
        if shakes["system"].error is None or _has_certificate(shakes["system"]):
            return address, shakes
    return addresses[0], found[0]


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
    issuer = evidence["issuer"] or "an unknown issuer"
    if evidence["trusted"]:
        text = f"certificate of {evidence['subject']} by {issuer}, valid until {evidence['not_after']}"
        if evidence["intercepted"]:
            return Finding(
                "tls", "warn", f"{text}: not the usual issuer, TLS is inspected on the way", evidence
            )
        if evidence["error"]:
            return Finding("tls", "warn", f"{text}; only NODE_EXTRA_CA_CERTS vouches for it", evidence)
        return Finding("tls", "pass", text, evidence)
    text = _TEXTS.get(evidence["error"], f"no TLS connection ({evidence['error']})")
    return Finding("tls", "fail", text.format(**{**evidence, "issuer": issuer}), evidence)


_TEXTS = {
    "expired": "the certificate (by {issuer}) expired on {not_after}",
    "not_yet_valid": "the certificate (by {issuer}) is valid only from {not_before}",
    "self_signed": "the certificate of {subject} is self-signed, and nobody vouches for it",
    "untrusted_root": "the certificate is by {issuer}, whom this machine does not trust",
    "untrusted": "the certificate by {issuer} is not accepted: {detail}",
    "wrong_host": "the certificate is for {subject}, not for this host",
    "not_tls": "what answers there does not speak TLS",
}


def _plain_http(context: Context) -> str:
    route = context.configuration.route
    if route is None:
        return "it is not known where the API is"
    return "" if route.tls else "the base URL is http://, without TLS"


PROBES = (
    Probe("tls", "Network", _tls, ("tcp.v4?", "tcp.v6?"), 2 * _TIMEOUT_S + 0.2, "fail", absent=_plain_http),
)
