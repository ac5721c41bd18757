"""What answers: through the whole chain of network probes, on loopback, without root."""

import json
import ssl
from pathlib import Path

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_guard import paths
from cc_guard.diagnose import exchange, reading
from cc_guard.diagnose.exchange import Answer
from cc_guard.diagnose.probes import service
from cc_guard.diagnose.resolve import Resolved
from cc_guard.incident.record import Finding
from cc_guard.probe.route import Route
from tests.support.peers import Handler, Peer, answers, connect_proxy, resets, says, silent
from tests.unit.network import absent, looked, one

ERROR = json.dumps({"type": "error", "error": {"type": "authentication_error", "message": "no key"}})


def http(status: int, body: str = "", **headers: str) -> bytes:
    rows = {"content-length": str(len(body.encode())), **{k.replace("_", "-"): v for k, v in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in rows.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n{body}".encode()


def reads_all(data: bytes) -> Handler:
    """Answers when the first part of a request is there, whatever it is."""
    return says([data])


def url(peer: Peer, scheme: str = "http") -> dict[str, str]:
    return {"ANTHROPIC_BASE_URL": f"{scheme}://127.0.0.1:{peer.port}"}


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_an_api_that_is_fine(tmp_path: Path) -> None:
    with Peer(reads_all(http(401, ERROR, content_type="application/json", server="test"))) as peer:
        found = looked(tmp_path, url(peer))
    assert found["tcp.v4"][0].evidence["outcomes"] == {"127.0.0.1": "connected"}
    assert found["http.v4"][0].evidence["looks"] == ["answered", "answered"]
    api = found["http.api"][0]
    assert (api.state, api.evidence["status"]) == ("pass", 401)
    assert (api.evidence["error_type"], api.evidence["body_kind"]) == ("authentication_error", "json")
    assert found["upload"][0].state == "pass"
    assert found["gateway"][0].evidence["listening"] is True
    states = {name: found[name][0].state for name in ("tcp.v6", "http.v6", "tls", "link.route", "proxy")}
    assert states == {"tcp.v6": "na", "http.v6": "skip", "tls": "na", "link.route": "na", "proxy": "na"}
    assert found["clock"][0].state == "na"


def test_nothing_secret_is_sent(tmp_path: Path) -> None:
    seen: list[bytes] = []
    environ = {"ANTHROPIC_API_KEY": "sk-ant-secret", "ANTHROPIC_AUTH_TOKEN": "secret"}

    def handler(connection: object) -> None:
        seen.append(connection.recv(65536))  # type: ignore[attr-defined]
        connection.sendall(http(401, ERROR))  # type: ignore[attr-defined]

    with Peer(handler) as peer:
        looked(tmp_path, {**url(peer), **environ})
    assert len(seen) >= 4
    assert not any(b"secret" in data or b"uthorization" in data or b"x-api-key" in data for data in seen)


@pytest.mark.parametrize(
    ("base", "asked", "hidden"),
    [
        ("/v1/7f3a9c1e2b4d5f60718293a4b5c6d7e8/gw", "/v1/7f3a9c1e2b4d5f60718293a4b5c6d7e8/gw", "7f3a9c1e"),
        ("/t/aB3dE5gH7jK9mN1p/", "/t/aB3dE5gH7jK9mN1p", "aB3dE5gH"),
        ("/xsk-ant-api03-abc/y", "/xsk-ant-api03-abc/y", "abc"),
        ("/in ner/ü", "/in%20ner/%C3%BC", None),
        ("/a%2Fb/x:y@z", "/a%2Fb/x:y@z", "x:y@z"),
        ("//", "", None),
    ],
)
def test_the_path_that_is_asked_for(tmp_path: Path, base: str, asked: str, hidden: str | None) -> None:
    """As the client asks (measured on 2.1.330), also where a part of it must not be shown."""
    seen: list[bytes] = []

    def handler(connection: object) -> None:
        seen.append(connection.recv(65536).split(b"\r\n")[0])  # type: ignore[attr-defined]
        connection.sendall(http(401, ERROR))  # type: ignore[attr-defined]

    with Peer(handler) as peer:
        found = looked(tmp_path, {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{peer.port}{base}"})
    assert f"POST {asked}/v1/messages HTTP/1.1".encode() in seen
    if hidden:
        assert hidden not in str(found)
        assert "***" in found["http.api"][0].evidence["path"]


@pytest.mark.parametrize(
    ("handler", "outcome"),
    [
        (resets, "reset_after_connect"),
        (answers(b""), "closed"),
        (reads_all(b"SSH-2.0-OpenSSH_9\r\n"), "not_http"),
        (reads_all(b"HTTP/1.1 " + b"x" * 200_000), "not_http"),
        (reads_all(b"\x00" * 200_000), "not_http"),
        (silent, "timeout"),
    ],
)
def test_what_is_no_answer(tmp_path: Path, handler: Handler, outcome: str) -> None:
    with Peer(handler) as peer:
        given = {"best": "127.0.0.1"}
        finding = one(tmp_path, url(peer), "http.v4", tcp_v4=Finding("tcp.v4", "pass", "", given))[0]
    assert (finding.state, finding.evidence["outcome"]) == ("fail", outcome)
    assert (finding.evidence["status"], finding.evidence["connected"]) == (None, True)


def test_a_look_that_goes_well_and_one_that_does_not(tmp_path: Path) -> None:
    turns: list[int] = []

    def handler(connection: object) -> None:
        turns.append(1)
        (answers(http(404)) if len(turns) == 1 else resets)(connection)  # type: ignore[arg-type]

    with Peer(handler) as peer:
        given = {"best": "127.0.0.1"}
        finding = one(tmp_path, url(peer), "http.v4", tcp_v4=Finding("tcp.v4", "pass", "", given))[0]
    assert finding.state == "warn"
    assert sorted(finding.evidence["looks"]) == ["answered", "reset_after_connect"]
    assert finding.evidence["outcome"] == "reset_after_connect"


@pytest.mark.parametrize(
    ("answer", "state", "evidence"),
    [
        (http(400), "pass", {"status": 400, "body_kind": "empty"}),
        (http(405, "{}", content_type="application/json"), "pass", {"body_kind": "json"}),
        (http(404, ERROR), "warn", {"status": 404}),
        (http(404, "<html><title>nginx</title>"), "fail", {"body_kind": "html", "title": "nginx"}),
        (http(200, "<!DOCTYPE html><title>Log &amp; in</title>"), "fail", {"title": "Log & in"}),
        (
            http(302, location="https://login.test/x?session=1#y"),
            "fail",
            {"redirect": "https://login.test/x"},
        ),
        (http(429, ERROR, retry_after="30"), "fail", {"retry_after": 30.0}),
        (http(503, "no healthy upstream"), "fail", {"text": "no healthy upstream", "body_kind": "text"}),
        (http(529), "fail", {"status": 529}),
        (http(403, cf_mitigated="challenge"), "fail", {"headers": {"cf-mitigated": "challenge"}}),
        (http(401, ERROR, request_id="req_1"), "pass", {"request_id": "req_1"}),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + http(401, ERROR), "pass", {"status": 401}),
        (b"HTTP/1.1 401\r\n\r\n{}", "pass", {"status": 401, "body_kind": "json"}),
        (
            b"HTTP/1.1 401 X\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "pass",
            {"text": "hello"},
        ),
    ],
)
def test_what_the_api_says(tmp_path: Path, answer: bytes, state: str, evidence: dict[str, object]) -> None:
    with Peer(reads_all(answer)) as peer:
        given = {"best": "127.0.0.1"}
        finding = one(tmp_path, url(peer), "http.api", tcp_v4=Finding("tcp.v4", "pass", "", given))[0]
    assert finding.state == state, finding.summary
    assert {key: finding.evidence[key] for key in evidence} == evidence


def test_the_path_is_the_clients(tmp_path: Path) -> None:
    seen: list[bytes] = []
    with Peer(answers(http(404), seen)) as peer:
        given = {"best": "127.0.0.1"}
        environ = {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{peer.port}/gate/v1/"}
        one(tmp_path, environ, "http.v4", tcp_v4=Finding("tcp.v4", "pass", "", given))
        finding = one(tmp_path, environ, "config.route")[0]
    assert finding.evidence["problems"] == ["v1_path"]
    assert seen[0].startswith(b"HEAD / HTTP/1.1\r\nHost: 127.0.0.1:")


def test_tls_that_nobody_vouches_for(tmp_path: Path, authority: trustme.CA, tls: ssl.SSLContext) -> None:
    """Also where the certificate can be read only by trusting it."""
    with Peer(reads_all(http(401)), tls) as peer:
        found = looked(tmp_path, url(peer, "https"))
        extra = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(extra)
        helped = looked(tmp_path, {**url(peer, "https"), "NODE_EXTRA_CA_CERTS": str(extra)})
    evidence = found["tls"][0].evidence
    assert (found["tls"][0].state, evidence["error"], evidence["by"]) == ("fail", "untrusted_root", [])
    assert evidence["issuer"].startswith("trustme")
    assert evidence["not_after"].endswith("Z")
    assert evidence["intercepted"] is False, "a gateway of one's own may have a CA of one's own"
    assert found["http.v4"][0].state == "pass", "it is about who answers, not about trust"
    evidence = helped["tls"][0].evidence
    assert (evidence["trusted"], evidence["by"], evidence["extra_ca_helps"]) == (True, ["extra"], True)


def test_no_tls_where_tls_should_be(tmp_path: Path) -> None:
    with Peer(reads_all(http(400))) as peer:
        found = looked(tmp_path, url(peer, "https"))
    assert found["tls"][0].evidence["error"] == "not_tls"
    assert found["http.v4"][0].evidence["outcome"] == "tls_error"


# A proxy


@pytest.mark.parametrize(
    ("header", "auth"),
    [
        ("Basic realm=x", "basic"),
        ("NTLM", "ntlm"),
        ("Negotiate, NTLM, Basic realm=x", "basic"),
        ("Kerberos", "kerberos"),
        ("Something new", "something"),
        ("", "none"),
    ],
)
def test_what_a_proxy_asks_for(tmp_path: Path, header: str, auth: str) -> None:
    with Peer(answers(http(407, proxy_authenticate=header))) as peer:
        proxy = f"http://u:geheim@127.0.0.1:{peer.port}"
        environ = {"ANTHROPIC_BASE_URL": "https://api.invalid", "HTTPS_PROXY": proxy}
        system = Finding("dns.system", "pass", "", {"addresses": ["127.0.0.1"]})
        finding = one(tmp_path, environ, "proxy", dns_system=system)[0]
    assert (finding.state, finding.evidence["connect_status"]) == ("fail", 407)
    assert (finding.evidence["auth"], finding.evidence["direct"]) == (auth, "unresolved")
    assert "geheim" not in json.dumps(finding.to_json())


def test_a_proxy_that_opens_the_way(tmp_path: Path, tls: ssl.SSLContext) -> None:
    with Peer(reads_all(http(401)), tls) as api, Peer(connect_proxy(api.port, [])) as proxy:
        environ = {**url(api, "https"), "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
        found = looked(tmp_path, environ)
    evidence = found["proxy"][0].evidence
    assert (evidence["outcome"], evidence["connect_status"], evidence["direct"]) == (
        "connected",
        200,
        "connected",
    )
    assert found["http.api"][0].evidence["status"] == 401


def test_a_proxys_refusal_is_not_the_apis_status(tmp_path: Path) -> None:
    with Peer(answers(http(503))) as proxy:
        environ = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
        given = {"best": "127.0.0.1"}
        finding = one(tmp_path, environ, "http.api", tcp_v4=Finding("tcp.v4", "pass", "", given))[0]
    evidence = finding.evidence
    assert (evidence["status"], evidence["connect_status"]) == (None, 503)
    assert evidence["outcome"] == "tunnel_refused"


# A portal, the status page


@pytest.mark.parametrize(
    ("answer", "state", "outcome"),
    [
        (http(200, "<html>Success</html>"), "pass", "open"),
        (http(302, location="http://login.test/"), "fail", "portal"),
        (http(200, "<html>Welcome</html>"), "fail", "portal"),
        (http(511), "fail", "portal"),
        (b"", "warn", "unreachable"),
    ],
)
def test_the_page_that_a_portal_changes(tmp_path: Path, answer: bytes, state: str, outcome: str) -> None:
    with Peer(answers(answer)) as peer:
        environ = {"CC_GUARD_TEST_PORTAL_URL": f"http://127.0.0.1:{peer.port}/x"}
        finding = one(tmp_path, environ, "portal")[0]
    assert (finding.state, finding.evidence["outcome"]) == (state, outcome)


def test_a_portal_is_looked_for_only_when_something_looks_like_it(tmp_path: Path) -> None:
    def reason(status: int, kind: str, state: str = "fail") -> str:
        evidence = {"status": status, "body_kind": kind, "redirect": "x" if status == 302 else None}
        return absent(tmp_path, {}, "portal", http_api=Finding("http.api", state, "", evidence))  # type: ignore[arg-type]

    assert reason(401, "json", "pass")
    assert reason(503, "html")
    assert reason(529, "json")
    assert not reason(302, "html")
    assert not reason(200, "html")
    assert not reason(404, "html")
    local = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}
    assert absent(tmp_path, local, "portal")


@pytest.mark.parametrize(
    ("status", "environ", "config", "asked"),
    [
        (503, {}, None, True),
        (529, {}, None, True),
        (401, {}, None, False),
        (None, {}, None, False),
        (503, {"CC_GUARD_DOCTOR__STATUS_PAGE": "false"}, None, False),
        (503, {"CC_GUARD_DOCTOR__STATUS_PAGE": "0"}, None, False),
        (503, {"CC_GUARD_DOCTOR__STATUS_PAGE": "true"}, "status_page = false", True),
        (503, {}, "status_page = false", False),
        (503, {}, "status_page = true", True),
        (503, {}, "= nonsense", True),
        (503, {"ANTHROPIC_BASE_URL": "https://gateway.example.com"}, None, False),
    ],
)
def test_when_the_status_page_is_asked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int | None,
    environ: dict[str, str],
    config: str | None,
    asked: bool,
) -> None:
    path = tmp_path / "config.toml"
    if config is not None:
        path.write_text(f"[doctor]\n{config}\n")
    monkeypatch.setattr(paths, "config_file", lambda: str(path))
    api = Finding("http.api", "fail", "", {"status": status})
    assert (absent(tmp_path, environ, "service.status", http_api=api) == "") is asked


@pytest.mark.parametrize(
    ("body", "state", "indicator"),
    [
        ('{"status": {"indicator": "none", "description": "All Systems Operational"}}', "pass", "none"),
        ('{"status": {"indicator": "major", "description": "Elevated errors"}}', "warn", "major"),
        ('{"status": 7}', "na", None),
        ("[" * 100_000, "na", None),
        ("<html>", "na", None),
    ],
)
def test_what_the_status_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, state: str, indicator: str | None
) -> None:
    async def ask(route: Route, *_: object) -> Answer:
        assert (route.host, route.proxy) == ("status.claude.com", None)
        return Answer("answered", 200, {}, body.encode())

    async def resolved(*_: object) -> Resolved:
        return Resolved(("192.0.2.1",))

    monkeypatch.setattr(service, "ask", ask)
    monkeypatch.setattr(service, "resolve", resolved)
    finding = one(tmp_path, {}, "service.status")[0]
    assert (finding.state, finding.evidence["indicator"]) == (state, indicator)


# Whatever a server sends


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: http(200, text)))
def test_any_bytes_are_an_outcome(data: bytes) -> None:
    import asyncio

    with Peer(says([data])) as peer:
        route = Route("127.0.0.1", peer.port, False)
        answer = asyncio.run(exchange.ask(route, "127.0.0.1", exchange.Request("GET", "/"), 5))
    _read(answer)


@settings(max_examples=300, deadline=None)
@given(
    status=st.none() | st.integers(100, 599),
    body=st.binary(max_size=100) | st.text(max_size=100).map(str.encode),
    headers=st.dictionaries(
        st.sampled_from(["content-type", "retry-after", "date", "location", "request-id", "server"]),
        st.text(max_size=60),
    ),
)
def test_any_answer_can_be_read(status: int | None, body: bytes, headers: dict[str, str]) -> None:
    _read(Answer("answered", status, headers, body, date_at=1.0))


def _read(answer: Answer) -> None:
    reading.headers(answer)
    reading.body_kind(answer)
    reading.title(answer)
    reading.text(answer)
    reading.error(answer)
    reading.request_id(answer)
    reading.retry_after(answer)
    reading.skew(answer)
    reading.redirect(answer)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("30", 30.0), ("0.5", 0.5), ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0), ("soon", None), ("", None)],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    headers = {"retry-after": value, "date": "Wed, 21 Oct 2026 07:28:00 GMT"}
    assert reading.retry_after(Answer("answered", 429, headers)) == seconds


def test_the_servers_clock(tmp_path: Path) -> None:
    skews = {0.4: "pass", -59.0: "pass", 90.0: "warn", -7200.0: "fail", 432000.0: "fail"}
    for skew, state in skews.items():
        given = Finding("http.v4", "pass", "", {"skew_s": skew})
        finding = one(tmp_path, {}, "clock", http_v4=given)[0]
        assert (finding.state, finding.evidence["skew_s"]) == (state, skew)
