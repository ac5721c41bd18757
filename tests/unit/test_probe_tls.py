"""Certificates: what is told of one, also of one that nobody vouches for."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.diagnose import certificates
from cc_guard.diagnose.certificates import Certificate
from cc_guard.diagnose.probes import tls
from cc_guard.probe.route import Route
from tests.support.peers import Handler, Peer, says, silent
from tests.unit.network import context

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def server(authority: trustme.CA, name: str = "127.0.0.1", **times: Any) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, **times).configure_cert(made)
    return made


def shaken(context: ssl.SSLContext | None, trusted: trustme.CA | None, handler: Handler = silent) -> Any:
    client = ssl.create_default_context()
    if trusted is not None:
        trusted.configure_trust(client)
    with Peer(handler, context) as peer:
        route = Route("127.0.0.1", peer.port, True)
        return asyncio.run(certificates.shake(route, "127.0.0.1", client, 2))


@pytest.mark.parametrize(
    ("times", "name", "known", "error"),
    [
        ({}, "127.0.0.1", True, None),
        ({}, "127.0.0.1", False, "untrusted_root"),
        ({}, "127.0.0.9", True, "wrong_host"),
        ({}, "other.test", True, "wrong_host"),
        ({"not_before": NOW - 9 * DAY, "not_after": NOW - DAY}, "127.0.0.1", True, "expired"),
        ({"not_before": NOW + DAY, "not_after": NOW + 9 * DAY}, "127.0.0.1", True, "not_yet_valid"),
    ],
)
def test_why_it_is_not_trusted(times: dict[str, datetime], name: str, known: bool, error: str | None) -> None:
    authority = trustme.CA()
    assert shaken(server(authority, name, **times), authority if known else None).error == error


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (says([b"HTTP/1.1 400 Bad Request\r\n\r\n"]), "not_tls"),
        (says([b"SSH-2.0\r\n"]), "not_tls"),
        (says([]), "closed"),
    ],
)
def test_what_is_no_tls(handler: Handler, error: str) -> None:
    assert shaken(None, None, handler).error == error


def test_a_handshake_that_hangs() -> None:
    assert shaken(None, None, silent).error == "timeout"


@pytest.mark.parametrize("times", [{}, {"not_before": NOW - 9 * DAY, "not_after": NOW - DAY}])
def test_an_untrusted_certificate_can_be_read(times: dict[str, datetime]) -> None:
    authority = trustme.CA(organization_name="Corp", organization_unit_name="Inspection")
    with Peer(silent, server(authority, "other.test", **times)) as peer:
        route = Route("127.0.0.1", peer.port, True)
        found, der = asyncio.run(certificates.read(route, "127.0.0.1", 2))
    assert (found.issuer, found.issuer_organization) == ("Corp, Inspection", "Corp")
    assert found.subject == "other.test"
    assert found.not_before is not None
    assert found.not_after is not None
    if times:
        assert found.not_after.startswith(f"{times['not_after']:%Y-%m-%d}")
    assert der


def test_a_store_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "junk.pem").write_text("-----BEGIN CERTIFICATE-----\nxxxx\n-----END CERTIFICATE-----\n")
    (tmp_path / "empty.pem").write_text("")
    for name in ("junk.pem", "empty.pem", "missing.pem", ""):
        assert asyncio.run(certificates.store(str(tmp_path / name))) is None


@pytest.mark.parametrize(
    ("url", "organization", "by", "intercepted"),
    [
        (None, "Google Trust Services", ["system"], False),
        (None, "Let's Encrypt", ["system"], False),
        (None, "Zscaler Inc.", ["system"], True),
        (None, "Zscaler Inc.", [], True),
        (None, "Anything", ["system", "bundled"], False),
        ("https://gateway.example.com", "Corp", ["system"], False),
        ("https://api.anthropic.com/x", "Corp", ["system"], True),
        ("https://api.anthropic.com/x", "", [], False),
    ],
)
def test_interception(
    tmp_path: Path, url: str | None, organization: str, by: list[str], intercepted: bool
) -> None:
    known = context(tmp_path, {"ANTHROPIC_BASE_URL": url} if url else {})
    certificate = Certificate(issuer=organization, issuer_organization=organization)
    assert tls._intercepted(known, certificate, by) is intercepted


_NAMES = st.lists(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=2), max_size=3)


@given(issuer=_NAMES, subject=_NAMES, times=st.text(max_size=30))
def test_any_names_and_times(issuer: Any, subject: Any, times: str) -> None:
    facts = {"issuer": issuer, "subject": subject, "notBefore": times, "notAfter": times}
    found = certificates.told_by(facts)
    assert "\x1b" not in found.issuer + found.subject
