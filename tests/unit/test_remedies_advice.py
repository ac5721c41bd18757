"""What is only told: proxies, base URLs, certificates, memory, other versions of the client."""

import asyncio
import os
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from cc_guard.diagnose import client
from cc_guard.diagnose.route import Configuration, Setting, read
from cc_guard.probe.route import Route
from cc_guard.remedies.fixes import ca
from cc_guard.remedies.world import World
from tests.support.peers import Peer, status
from tests.support.remedying import Machine, commands, done, planned, seen, world


def told(id_: str, where: World) -> dict[str, Any]:
    """Advice runs nothing, whatever is asked for."""
    answer = done(id_, where)
    assert answer.commands == []
    return answer.to_json()


# Proxies and base URLs


def configured(folder: Path, **environ: str) -> World:
    environ = {"CLAUDE_CONFIG_DIR": str(folder), **environ}
    return world(environ=environ, configuration=read(environ, str(folder)))


def test_a_dead_proxy(tmp_path: Path) -> None:
    where = configured(
        tmp_path, HTTPS_PROXY="http://me:hunter22@127.0.0.1:9", https_proxy="http://127.0.0.1:9"
    )
    answer = told("proxy.advise", where)
    assert answer["status"] == "suggested"
    assert "https_proxy (environment)" in answer["text"]
    assert answer["plan"]["steps"][0]["command"] == "env -u https_proxy -u HTTPS_PROXY claude --continue"
    assert "hunter22" not in str(answer)


@pytest.mark.parametrize(("auth", "word"), [("basic", "special characters as %40"), ("ntlm", "px or cntlm")])
def test_a_proxy_that_wants_a_name(tmp_path: Path, auth: str, word: str) -> None:
    where = configured(tmp_path, HTTPS_PROXY="http://127.0.0.1:9")
    evidence = {"connect_status": 407, "auth": auth, "host": "127.0.0.1", "port": 9, "direct": "timeout"}
    where.looked["proxy"] = [seen("proxy", "fail", "the proxy wants a password", **evidence)]
    answer = told("proxy.advise", where)
    assert word in answer["text"]
    assert "NAME:PASSWORD@127.0.0.1:9" in answer["text"]


def test_no_proxy(tmp_path: Path) -> None:
    assert planned("proxy.advise", configured(tmp_path)).status == "unfit"


def test_a_gateway_that_does_not_run(tmp_path: Path) -> None:
    answer = told("baseurl.advise", configured(tmp_path, ANTHROPIC_BASE_URL="http://127.0.0.1:9"))
    assert "Nothing listens there: start the gateway again." in answer["text"]
    assert answer["plan"]["steps"][0]["command"] == "env -u ANTHROPIC_BASE_URL claude --continue"
    assert "your requests then go there" in answer["text"]


def test_a_base_url_of_a_settings_file(tmp_path: Path) -> None:
    """`env -u` would do nothing."""
    (tmp_path / "settings.json").write_text('{"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}}')
    answer = told("baseurl.advise", configured(tmp_path))
    assert f"({tmp_path}/settings.json)" in answer["text"]
    assert answer["plan"]["steps"] == []


def test_the_usual_base_url(tmp_path: Path) -> None:
    assert planned("baseurl.advise", configured(tmp_path)).detail == "the base URL is the usual one"


def test_a_base_url_that_is_none(tmp_path: Path) -> None:
    answer = told("baseurl.advise", configured(tmp_path, ANTHROPIC_BASE_URL="htp:/x"))
    assert answer["status"] == "suggested"
    assert "ANTHROPIC_BASE_URL" in answer["text"]


def test_the_service_is_down() -> None:
    assert "status.claude.com" in told("server.wait", world())["text"]


# Certificates


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """Its authority, as a file."""
    path = tmp_path / "company.pem"
    authority = trustme.CA(organization_name="Example Corp Inspection")
    path.write_bytes(authority.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    path.with_suffix(".context").touch()
    _CONTEXTS[str(path)] = context
    return path


_CONTEXTS: dict[str, ssl.SSLContext] = {}


def inspected(port: int, environ: dict[str, str]) -> World:
    settings = {name: Setting(name, value, "environment") for name, value in environ.items()}
    configuration = Configuration(settings, Route("127.0.0.1", port, True))
    evidence = {"error": "untrusted_root", "issuer": "Example Corp Inspection"}
    where = world(environ=environ, configuration=configuration, cause="tls.untrusted_ca")
    where.looked |= {
        "tls": [seen("tls", "fail", "the certificate is not trusted", **evidence)],
        "dns.system": [seen("dns.system", addresses=["127.0.0.1"], v4=["127.0.0.1"])],
        "tcp.v4": [seen("tcp.v4", best="127.0.0.1")],
        "tcp.v6": [seen("tcp.v6", "na")],
    }
    return where


def test_which_bundle_vouches_for_it(company: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(trustme.CA().cert_pem.bytes())
    environ = {"CURL_CA_BUNDLE": str(other), "REQUESTS_CA_BUNDLE": str(company), "PIP_CERT": "/nowhere.pem"}
    with Peer(status(404), _CONTEXTS[str(company)]) as peer:
        answer = told("ca.trust", inspected(peer.port, environ))
    assert answer["env"] == {"NODE_EXTRA_CA_CERTS": str(company)}
    assert "Example Corp Inspection" in answer["text"]
    start = f"env NODE_EXTRA_CA_CERTS={company} claude --continue"
    assert [step["command"] for step in answer["plan"]["steps"]] == [start]


def test_no_bundle_vouches_for_it(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ca, "_FOLDERS", ())
    with Peer(status(404), _CONTEXTS[str(company)]) as peer:
        answer = told("ca.trust", inspected(peer.port, {}))
    assert (answer["status"], answer["env"]) == ("suggested", {})
    assert "ask for its CA file" in answer["text"]


def test_a_bundle_of_the_administrator(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added = company.parent / "anchors"
    added.mkdir()
    (added / "readme.txt").write_text("x")
    company.rename(added / "company.crt")
    monkeypatch.setattr(ca, "_FOLDERS", (str(added), "/nowhere"))
    with Peer(status(404), _CONTEXTS[str(company)]) as peer:
        answer = told("ca.trust", inspected(peer.port, {}))
    assert answer["env"] == {"NODE_EXTRA_CA_CERTS": str(added / "company.crt")}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    where = inspected(1, {"NODE_EXTRA_CA_CERTS": "/nowhere/ca.pem"})
    answer = told("ca.trust", where)
    assert "names /nowhere/ca.pem, which can't be read" in answer["text"]
    assert answer["env"] == {}


@pytest.mark.parametrize("error", [None, "expired", "wrong_host"])
def test_another_authority_would_not_help(error: str | None) -> None:
    where = world(tls=seen("tls", "fail" if error else "pass", error=error))
    assert planned("ca.trust", where).status == "unfit"


def test_certificates_are_never_left_unchecked(company: Path) -> None:
    with Peer(status(404), _CONTEXTS[str(company)]) as peer:
        answer = told("ca.trust", inspected(peer.port, {}))
    assert "REJECT_UNAUTHORIZED" not in str(answer)
    assert " -k" not in str(answer)


# Memory


def test_who_has_the_memory() -> None:
    where = world(
        memory=seen("memory", "fail", "hardly any is left", top=[{"pid": 7, "name": "java", "mb": 9000}]),
        sessions=seen("sessions", others=[{"pid": 9, "cwd": "shop", "mb": 800}]),
        tart=seen(
            "vm.tart", running=[{"name": "dev", "suspendable": True}, {"name": "ci", "suspendable": False}]
        ),
    )
    answer = told("memory.relieve", where)
    assert answer["text"].startswith("Hardly any is left. The largest: java (process 7, 9000 MB).")
    steps = [step["command"] for step in answer["plan"]["steps"]]
    assert steps == ["/compact", "/exit", "tart suspend dev"]
    assert "process 9 in shop, 800 MB" in answer["text"]


def test_the_memory_of_this_machine() -> None:
    where = world()
    answer = asyncio.run(_memory(where))
    assert "The largest: " in answer
    assert "unknown" not in answer


async def _memory(where: World) -> str:
    from cc_guard.remedies.registry import remedy

    found = remedy("memory.relieve")
    assert found is not None
    assert found.plan is not None
    return (await found.plan(where)).text


# The client


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    machine = Machine(monkeypatch, tmp_path, "claude")
    monkeypatch.setattr(client, "version", lambda _: (2, 1, 150))
    return machine


@pytest.mark.parametrize(
    ("how", "back"),
    [("native", "claude install 2.1.150"), ("npm", "npm install -g @anthropic-ai/claude-code@2.1.150")],
)
def test_an_update(installed: Machine, how: str, back: str) -> None:
    installed.env.setattr(client, "install", lambda _: how)
    answer = planned("client.update", world(cause="client.outdated"))
    assert answer.status == "dry"
    assert commands(answer) == [f"{installed.programs}/claude update"]
    assert answer.to_json()["plan"]["undo"] == [back]
    assert done("client.update", world(), consent=False).status == "refused"
    assert installed.calls() == []


def test_an_update_by_homebrew(installed: Machine) -> None:
    installed.env.setattr(client, "install", lambda _: "brew")
    assert commands(planned("client.update", world())) == ["brew upgrade --cask claude-code"]


def test_a_client_of_nix(installed: Machine) -> None:
    installed.env.setattr(client, "install", lambda _: "nix")
    assert planned("client.update", world()).status == "unfit"
    answer = told("client.reinstall", world())
    assert answer["status"] == "suggested"
    assert "npm install -g" in answer["plan"]["steps"][0]["command"]
    assert "npm uninstall -g" in answer["plan"]["undo"][0]


def test_a_client_that_can_update_itself(installed: Machine) -> None:
    installed.env.setattr(client, "install", lambda _: "native")
    assert planned("client.reinstall", world()).status == "unfit"


def test_no_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine = Machine(monkeypatch, tmp_path)
    machine.env.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(client, "program", lambda _: "")
    for id_ in ("client.update", "client.reinstall", "auth.login"):
        assert planned(id_, world(environ=dict(os.environ))).status == "unfit"
