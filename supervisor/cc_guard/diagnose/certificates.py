"""TLS handshakes that say whose certificate an endpoint shows, and who vouches for it."""

import asyncio
import contextlib
import importlib
import os
import re
import stat
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cc_guard.diagnose import tools
from cc_guard.diagnose.exchange import Answer, Tunnel, connect, told, unverified
from cc_guard.diagnose.facts import Facts
from cc_guard.probe.route import Route

if TYPE_CHECKING:
    import ssl

# X509_V_ERR_… of OpenSSL's x509_vfy.h.
_ERRORS = {
    9: "not_yet_valid",
    10: "expired",
    18: "self_signed",
    19: "untrusted_root",
    20: "untrusted_root",
    21: "untrusted_root",
    62: "wrong_host",
    64: "wrong_host",
}
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, there too; the ssl module has no name for it
# OpenSSL's words for bytes that are no TLS: an HTTP answer, an SSH greeting.
_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "UNKNOWN_PROTOCOL",
    "BAD_RECORD_TYPE",
)

# 3,000 certificates; Mozilla's whole list has 150.
_MOST_PEM = 4 * 1024 * 1024

_KEYCHAINS = (
    "/System/Library/Keychains/SystemRootCertificates.keychain",
    "/Library/Keychains/System.keychain",
)
# Where distributions keep theirs, for a Python that was built elsewhere: Go's crypto/x509/root_linux.go.
_LISTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


@dataclass
class Shake:
    """One handshake. `error` is None when it was completed: expired, not_yet_valid, self_signed,
    untrusted_root, wrong_host, untrusted, not_tls, or an outcome of cc_guard.diagnose.exchange."""

    error: str | None = None
    detail: str = ""
    certificate: bytes = b""
    facts: dict[str, Any] = field(default_factory=dict)
    ms: float = 0.0


@dataclass(frozen=True)
class Certificate:
    """Names as the issuer wrote them; times as ISO 8601 UTC."""

    issuer: str = ""
    issuer_organization: str = ""
    subject: str = ""
    not_before: str | None = None
    not_after: str | None = None


async def system_store(facts: Facts) -> "ssl.SSLContext | None":
    """Trusts what this system trusts, also what SSL_CERT_FILE names (OpenSSL's own variable); None where no
    list of authorities is found. In a thread: reading it takes 20 to 200 ms."""
    import ssl

    folder = ssl.get_default_verify_paths().capath
    if _is_endless(os.environ.get("SSL_CERT_FILE", "")):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if folder:
            context.load_verify_locations(capath=folder)
    else:
        context = await asyncio.to_thread(ssl.create_default_context)
    if facts.system == "macos":
        # Python's OpenSSL does not know the keychains.
        ran = await tools.run("security", "find-certificate", "-a", "-p", *_KEYCHAINS, timeout_s=1.0)
        with contextlib.suppress(ssl.SSLError, ValueError):
            context.load_verify_locations(cadata=ran.text)
    if context.cert_store_stats()["x509_ca"] or _has_folder(folder):
        return context
    for path in _LISTS:
        with contextlib.suppress(OSError, ValueError):
            await asyncio.to_thread(context.load_verify_locations, path)
            return context
    return None


def _is_endless(path: str) -> bool:
    """Whether reading it would take for ever, or nearly so: a pipe, a device, a very large file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return False
    plain = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    return not plain or status.st_size > _MOST_PEM


def _has_folder(path: str | None) -> bool:
    try:
        return bool(path and os.listdir(path))
    except OSError:
        return False


async def store(path: str) -> "ssl.SSLContext | None":
    """Trusts what is in one file of PEM certificates, and nothing else; None when it can't be used."""
    return await asyncio.to_thread(from_pem, path)


def from_pem(path: str) -> "ssl.SSLContext | None":
    """The same, at once. Read here and not by OpenSSL, which would wait for a pipe for ever."""
    import ssl

    data = tools.content(path, _MOST_PEM + 1)
    if len(data) > _MOST_PEM:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        # Outside of the certificates there may be comments, in any language.
        context.load_verify_locations(cadata=data.decode("ascii", "ignore"))
    except (OSError, ValueError):
        return None
    return context


def bundled() -> str | None:
    """Mozilla's roots, as Node and the client have them built in; only where certifi is installed."""
    try:
        path = str(importlib.import_module("certifi").where())
    except (ImportError, AttributeError):
        return None
    return path if os.path.exists(path) else None


async def shake(route: Route, address: str, context: "ssl.SSLContext", timeout_s: float) -> Shake:
    """Never raises for what the network or the other side does."""
    import ssl

    started = time.perf_counter()
    found = Shake()
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await connect(route, address, Answer(), context)
            secured = writer.get_extra_info("ssl_object")
            found.certificate = secured.getpeercert(binary_form=True) or b""
            found.facts = secured.getpeercert() or {}
            writer.transport.abort()
    except ssl.SSLCertVerificationError as error:
        found.error = _ERRORS.get(error.verify_code, "untrusted")
        found.detail = error.verify_message
    except Tunnel as error:
        found.error, found.detail = "tunnel_refused", str(error)
    except Exception as error:
        outcome, found.detail = told(error)
        found.error = "not_tls" if found.detail in _NOT_TLS else outcome
    found.ms = (time.perf_counter() - started) * 1000
    return found


async def read(route: Route, address: str, timeout_s: float) -> tuple[Certificate, bytes]:
    """The certificate that is shown, trusted or not: taken without a check first, and then as its own
    authority, because only of a certificate that it has verified the ssl module tells the fields."""
    import ssl

    seen = await shake(route, address, unverified(), timeout_s)
    if not seen.certificate:
        return Certificate(), b""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    try:
        context.load_verify_locations(cadata=seen.certificate)
    except ssl.SSLError:
        return Certificate(), seen.certificate
    again = await shake(route, address, context, timeout_s)
    return told_by(again.facts), seen.certificate


def told_by(facts: dict[str, Any]) -> Certificate:
    """From the dictionary of SSLSocket.getpeercert()."""
    issuer, subject = _names(facts.get("issuer", ())), _names(facts.get("subject", ()))
    alternatives = [str(value) for _, value in facts.get("subjectAltName", ())]
    return Certificate(
        issuer=_shown(issuer),
        issuer_organization=issuer.get("organizationName", ""),
        subject=subject.get("commonName") or ", ".join(alternatives[:3]) or _shown(subject),
        not_before=_iso(facts.get("notBefore")),
        not_after=_iso(facts.get("notAfter")),
    )


def _names(rows: Any) -> dict[str, str]:
    return {str(name): _plain(str(value)) for row in rows for name, value in row}


def _shown(names: dict[str, str]) -> str:
    wanted = ("organizationName", "organizationalUnitName", "commonName")
    return ", ".join(dict.fromkeys(names[name] for name in wanted if names.get(name)))


def _plain(text: str) -> str:
    return re.sub(r"[^\x20-\x7e\xa0-\U0010ffff]", " ", text)[:120].strip()


def _iso(text: Any) -> str | None:
    import ssl

    try:
        seconds = ssl.cert_time_to_seconds(str(text))
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return None
