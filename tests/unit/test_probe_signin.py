"""Sign-in: when the client may be asked, that nothing leaves the machine then, what is told of the answer.

Most tests have a made-up client; those marked `client` have the real one, with made-up logins.
"""

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.diagnose import route, tools
from cc_guard.diagnose.probe import Context
from cc_guard.diagnose.probes import signin
from cc_guard.incident.record import Finding
from tests.fakes.looking import context, look, script
from tests.support.client import clean_environment, installed

KEY = "sk-ant-api03-" + "made-up-" * 8
LOGIN = {
    "accessToken": "sk-ant-oat01-" + "made-up-" * 8,
    "refreshToken": "sk-ant-ort01-" + "made-up-" * 8,
    "scopes": ["user:inference", "user:profile"],
    "subscriptionType": "max",
}
ACCOUNT = {"emailAddress": "somebody@example.test", "organizationName": "Somewhere", "accountUuid": "a-b"}
SECRETS = ("made-up-", "somebody", "Somewhere", "a-b")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def claude(tmp_path: Path, version: str, said: str = "{}", status: int = 0) -> Path:
    """A client of that version that says `said`, and writes down how it was run."""
    folder = tmp_path / "node_modules" / "@anthropic-ai" / "claude-code"
    (tmp_path / "said").write_text(said)
    program = script(
        folder / "claude",
        f"env > {tmp_path}/ran",
        f'echo "$*" >> {tmp_path}/ran',
        f"cat {tmp_path}/said",
        f"exit {status}",
    )
    (folder / "package.json").write_text(
        json.dumps({"name": "@anthropic-ai/claude-code", "version": version})
    )
    return program


def has_run(home: Path) -> None:
    """As if that version had been used: its state is younger than its program."""
    state = home / ".claude.json"
    state.write_text("{}")
    os.utime(state, (time.time() + 60,) * 2)


def ask(program: Path, home: Path, **environ: str) -> Finding:
    found = look(signin.PROBES, "signin", asking(program, home, **environ))
    assert not any(secret in str(found) for secret in SECRETS)
    return found


def asking(program: Path, home: Path, **environ: str) -> Context:
    everything = {"HOME": str(home), "PATH": os.environ["PATH"], **environ}
    return context(
        environ=everything, configuration=route.read(everything, str(home)), client_program=str(program)
    )


# Whether to ask


@pytest.mark.parametrize("version", ["0.2.126", "1.0.120", "2.0.60", "2.1.30", "2.1.40"])
def test_old_versions_would_take_it_for_a_prompt(tmp_path: Path, home: Path, version: str) -> None:
    has_run(home)
    found = ask(claude(tmp_path, version), home)
    assert (found.state, found.evidence["asked"], found.evidence["status"]) == ("na", False, None)
    assert not (tmp_path / "ran").exists()


def test_a_program_of_unknown_version_is_not_run(tmp_path: Path, home: Path) -> None:
    has_run(home)
    program = script(tmp_path / "claude-beta", f"touch {tmp_path}/ran")
    assert ask(program, home).state == "na"
    assert not (tmp_path / "ran").exists()


def test_not_in_a_home_that_it_would_set_up(tmp_path: Path, home: Path) -> None:
    program = claude(tmp_path, "2.1.330")
    assert ask(program, home).state == "na"
    has_run(home)
    os.utime(home / ".claude.json", (time.time() - 60,) * 2)  # by the version before this one
    assert ask(program, home).state == "na"
    assert not (tmp_path / "ran").exists()


def test_no_client(home: Path) -> None:
    where = context(environ={"HOME": str(home), "PATH": str(home)})
    assert look(signin.PROBES, "signin", where).state == "na"


@pytest.mark.parametrize("version", ["2.1.41", "2.1.330", "3.0.0"])
def test_how_it_is_asked(tmp_path: Path, home: Path, version: str) -> None:
    has_run(home)
    program = claude(tmp_path, version, '{"loggedIn": true, "authMethod": "claude.ai"}')
    found = ask(program, home, HTTPS_PROXY="http://proxy.example.test:3128", NO_PROXY="*")
    assert found.state == "pass"
    ran = (tmp_path / "ran").read_text()
    assert ran.rstrip().endswith("auth status --json")
    lines = ran.splitlines()
    for line in (
        "HTTPS_PROXY=http://127.0.0.1:9",
        "https_proxy=http://127.0.0.1:9",
        "NO_PROXY=",
        f"HOME={home}",
    ):
        assert line in lines


# What it says


@pytest.mark.parametrize(
    ("said", "status", "state", "logged_in", "method"),
    [
        (
            '{"loggedIn": true, "authMethod": "claude.ai", "email": "somebody@x"}',
            0,
            "pass",
            True,
            "claude.ai",
        ),
        ('{"loggedIn": false, "authMethod": "none"}', 1, "fail", False, "none"),
        ('{"loggedIn": true, "authMethod": "third_party"}', 0, "pass", True, "third_party"),
        ('{"loggedIn": true, "authMethod": "somebody@example.test"}', 0, "pass", True, None),
        ('{"loggedIn": "yes"}', 0, "na", None, None),
        ("", 1, "na", None, None),
        ("Somewhere went wrong", 1, "na", None, None),
        ("[1]", 0, "na", None, None),
    ],
)
def test_answers(
    tmp_path: Path, home: Path, said: str, status: int, state: str, logged_in: Any, method: Any
) -> None:
    has_run(home)
    found = ask(claude(tmp_path, "2.1.330", said, status), home)
    assert (found.state, found.evidence["status"]) == (state, status)
    assert (found.evidence["logged_in"], found.evidence["method"]) == (logged_in, method)


@pytest.mark.parametrize(
    ("value", "expires"),
    [
        ("2026-12-01T10:00:00Z", "2026-12-01T10:00:00.000Z"),
        (1700000000000, "2023-11-14T22:13:20.000Z"),
        (None, None),
        ("soon", None),
        (1e300, None),
        (True, None),
    ],
)
def test_the_end_of_a_login(value: Any, expires: str | None) -> None:
    said = json.dumps({"loggedIn": True, "loginExpiresAt": value})
    assert signin.parse_status(said)["expires_at"] == expires


@pytest.mark.parametrize(("end", "state"), [(-3600, "warn"), (3600, "pass")])
def test_a_login_that_has_ended(tmp_path: Path, home: Path, end: float, state: str) -> None:
    """Of a client that still calls it a login: the end is seen here, by this machine's clock."""
    has_run(home)
    said = {"loggedIn": True, "authMethod": "claude.ai", "loginExpiresAt": (time.time() + end) * 1000}
    found = ask(claude(tmp_path, "2.1.330", json.dumps(said)), home)
    assert (found.state, found.evidence["logged_in"]) == (state, True)


def test_a_key_beside_a_login(tmp_path: Path, home: Path) -> None:
    has_run(home)
    (home / ".claude").mkdir()
    (home / ".claude" / ".credentials.json").touch()
    found = ask(claude(tmp_path, "2.1.330"), home, ANTHROPIC_API_KEY=KEY)
    assert (found.state, found.evidence["conflict"], found.evidence["env_key"]) == ("warn", True, True)
    assert found.evidence["key_sources"] == {"ANTHROPIC_API_KEY": "environment"}


def test_a_key_beside_a_login_in_the_keychain(tmp_path: Path, home: Path) -> None:
    """On macOS only the client can tell."""
    has_run(home)
    said = '{"loggedIn": true, "authMethod": "api_key", "storedClaudeAiLogin": true}'
    where = asking(claude(tmp_path, "2.1.330", said), home, ANTHROPIC_API_KEY=KEY)
    found = look(signin.PROBES, "signin", replace(where, facts=context("macos").facts))
    assert (found.state, found.evidence["conflict"], found.evidence["asked"]) == ("warn", True, True)


@pytest.mark.parametrize(
    ("environ", "settings", "method"),
    [
        ({"ANTHROPIC_API_KEY": KEY}, {}, "api_key"),
        ({"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_AUTH_TOKEN": KEY}, {}, "oauth_token"),
        ({"CLAUDE_CODE_OAUTH_TOKEN": KEY}, {}, "oauth_token"),
        ({"CLAUDE_CODE_USE_BEDROCK": "1"}, {}, "third_party"),
        ({}, {"apiKeyHelper": "cat somebody"}, "api_key_helper"),
        ({}, {"env": {"ANTHROPIC_AUTH_TOKEN": KEY}}, "oauth_token"),
    ],
)
@pytest.mark.parametrize("version", ["1.0.120", "2.1.330"])
def test_what_is_configured_needs_no_asking(
    tmp_path: Path, home: Path, environ: dict[str, str], settings: dict[str, Any], method: str, version: str
) -> None:
    """In the client's own words for it (measured on 2.1.330)."""
    has_run(home)
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").write_text(json.dumps(settings))
    found = ask(claude(tmp_path, version), home, CLAUDE_CONFIG_DIR=str(home / ".claude"), **environ)
    assert (found.state, found.evidence["logged_in"], found.evidence["method"]) == ("pass", True, method)
    assert (found.evidence["asked"], found.evidence["conflict"]) == (False, False)
    assert found.evidence["helper"] == ("apiKeyHelper" in settings)
    assert not (tmp_path / "ran").exists()


def test_it_does_not_answer(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    has_run(home)
    monkeypatch.setattr(signin, "_TIMEOUT_S", 0.3)
    program = claude(tmp_path, "2.1.330")
    script(program, "sleep 30 & sleep 30")
    os.utime(home / ".claude.json", (time.time() + 60,) * 2)
    started = time.monotonic()
    found = ask(program, home)
    assert (found.state, found.evidence["asked"]) == ("na", True)
    assert time.monotonic() - started < 5


@given(st.text() | st.binary().map(tools.decoded))
def test_no_text_is_too_odd(text: str) -> None:
    signin.parse_status(text)


@given(
    st.dictionaries(
        st.sampled_from(["loggedIn", "authMethod", "loginExpiresAt", "storedClaudeAiLogin"]),
        st.text() | st.floats() | st.booleans() | st.none(),
    )
)
def test_no_value_is_too_odd(row: dict[str, Any]) -> None:
    signin.parse_status(json.dumps(row))


# The real client


@pytest.fixture
def open_proxy() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy, and what it was asked."""
    asked: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(1000))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


def state_of(home: Path) -> dict[str, str]:
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in home.rglob("*")
        if path.is_file()
    }


@pytest.mark.client
@pytest.mark.parametrize("version", ["2.1.330"])
def test_an_expired_login_is_not_renewed(
    home: Path, open_proxy: tuple[str, list[bytes]], version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left alone, this version asks the proxy of the settings file for platform.claude.com."""
    monkeypatch.setattr(signin, "_TIMEOUT_S", 20.0)
    program = installed(version)
    proxy, asked = open_proxy
    (home / ".claude").mkdir()
    login = {"claudeAiOauth": {**LOGIN, "expiresAt": 1_700_000_000_000}}
    (home / ".claude" / ".credentials.json").write_text(json.dumps(login))
    (home / ".claude" / "settings.json").write_text(json.dumps({"env": {"HTTPS_PROXY": proxy}}))
    state = {"hasCompletedOnboarding": True, "numStartups": 5, "oauthAccount": ACCOUNT}
    (home / ".claude.json").write_text(json.dumps(state))
    environ = clean_environment(home)
    ask(program, home, **environ)  # sets the home up
    before = state_of(home)
    found = ask(program, home, **environ)
    assert (found.state, found.evidence["method"], found.evidence["stored"]) == ("pass", "claude.ai", True)
    assert asked == []
    assert state_of(home) == before

    both = ask(program, home, **environ, ANTHROPIC_API_KEY=KEY)
    assert (both.state, both.evidence["conflict"]) == ("warn", True)


@pytest.mark.client
@pytest.mark.parametrize("version", ["2.1.330"])
def test_signed_out(home: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signin, "_TIMEOUT_S", 20.0)
    has_run(home)
    found = ask(installed(version), home, **clean_environment(home))
    assert (found.state, found.evidence["logged_in"], found.evidence["status"]) == ("fail", False, 1)


# Whether it is worth waiting for


@pytest.mark.parametrize("stored", [True, False])
def test_a_login_that_is_there_need_not_be_waited_for(home: Path, stored: bool) -> None:
    """Where none is there, that is what is wrong."""
    if stored:
        (home / ".claude").mkdir()
        (home / ".claude" / ".credentials.json").touch()
    probe = next(iter(signin.PROBES))
    assert probe.spare(context("linux", environ={"HOME": str(home)})) is stored
    assert not probe.spare(context("macos", environ={"HOME": str(home)}))
