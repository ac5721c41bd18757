"""`cc-guard explain` from the outside: input, output, exit status, the user's own wordings, advice."""

import json
import os
import pty
import re
import resource
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

from cc_guard.detect.signatures import shipped
from cc_guard.explain import advice, machine, report
from cc_guard.incident.record import Cause, Kind

ROOT = Path(__file__).parents[2]
CAUSES = tomllib.loads(Path(advice.__file__).with_name("causes.toml").read_text())
PLATFORMS = get_args(machine.Platform)
RESET = "API Error: Unable to connect to API (ECONNRESET)"
KEYS = {
    "kind", "phase", "code", "http_status", "attempt", "max_attempts", "retry_in_s", "causes", "signature",
    "request_id", "summary", "text",
}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def run(home: Path, *args: str, stdin: bytes = b"", **variables: str) -> "subprocess.CompletedProcess[bytes]":
    environ = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
    environ.pop("ANTHROPIC_BASE_URL", None)
    environ |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), **variables}
    return subprocess.run(
        [sys.executable, "-m", "cc_guard", "explain", *args],
        input=stdin,
        capture_output=True,
        env=environ,
        cwd=home,
    )


def document(home: Path, *args: str, stdin: bytes = b"", **variables: str) -> dict[str, Any]:
    result = run(home, "--json", *args, stdin=stdin, **variables)
    found: dict[str, Any] = json.loads(result.stdout)
    assert found.keys() >= KEYS
    return found


# Input


@pytest.mark.parametrize(
    ("args", "stdin"),
    [
        ((RESET,), b""),
        (tuple(RESET.split()), b""),
        (("-",), RESET.encode()),
        ((), RESET.encode()),
        (("--", RESET), b""),
        ((f"- {RESET}",), b""),
        ((), b"\xff\xfe\n" + RESET.encode() + b"\r\n\xe2"),
    ],
)
def test_where_the_text_is_from(home: Path, args: tuple[str, ...], stdin: bytes) -> None:
    result = run(home, *args, stdin=stdin)
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"ECONNRESET" in result.stdout


def test_pasted_at_a_terminal(home: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(XDG_CONFIG_HOME=str(home), TERM="xterm")
        os.execv(sys.executable, [sys.executable, "-m", "cc_guard", "explain"])
    shown = b""
    try:
        while b"Ctrl-D" not in shown:
            shown += os.read(terminal, 4096)
        os.write(terminal, f"{RESET}\n".encode())
        os.write(terminal, b"\x04")
        while b"Recognised by" not in shown:
            shown += os.read(terminal, 4096)
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
    assert b"\x1b[1m" in shown  # colour, for people


# Output and status


def test_json(home: Path) -> None:
    found = document(home, "✻ Connection dropped (ECONNRESET) · retrying in 3s · attempt 3/10")
    assert (found["kind"], found["phase"], found["code"]) == ("connection", "retrying", "ECONNRESET")
    assert (found["attempt"], found["max_attempts"], found["retry_in_s"]) == (3, 10, 3.0)
    assert found["causes"]
    for cause in found["causes"]:
        assert cause["cause"] in get_args(Cause)
        assert all(cause[key] for key in ("title", "why", "check", "fix"))


def test_nothing_recognised(home: Path) -> None:
    result = run(home, "hello world")
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.count(b"\n") == 1
    found = document(home, "hello world")
    assert (found["kind"], found["causes"]) == (None, [])
    assert run(home, "--json", "hello world").returncode == 1
    assert run(home).returncode == 1


@pytest.mark.parametrize("args", [("--jsno", RESET), ("-x",)])
def test_wrong_usage(home: Path, args: tuple[str, ...]) -> None:
    result = run(home, *args)
    assert (result.returncode, result.stdout) == (2, b"")


def test_help(home: Path) -> None:
    assert b"usage: cc-guard explain" in run(home, "--help").stdout


def test_no_colour_in_a_pipe(home: Path) -> None:
    assert b"\x1b" not in run(home, RESET).stdout


def test_a_reader_that_goes_away(home: Path) -> None:
    command = f"set -o pipefail; {sys.executable} -m cc_guard explain 529 | true"
    environ = os.environ | {"XDG_CONFIG_HOME": str(home)}
    results = [subprocess.run(["bash", "-c", command], capture_output=True, env=environ) for _ in range(3)]
    assert {result.returncode for result in results} <= {0, 141}
    assert all(result.stderr == b"" for result in results)


def test_no_secret_is_shown(home: Path) -> None:
    key = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz"
    text = f'API Error: 401 {{"error":{{"type":"authentication_error","message":"x-api-key: {key}"}}}}'
    for result in (run(home, text), run(home, "--json", text)):
        assert key.encode() not in result.stdout
    result = run(home, RESET, HTTPS_PROXY="http://me:geheim@proxy.example:3128")
    assert b"proxy.example:3128" in result.stdout
    assert b"geheim" not in result.stdout


def test_it_starts_quickly(home: Path) -> None:
    def quickest(*args: str) -> float:
        """Seconds of CPU time: a busy machine must not fail this."""
        spent = []
        for _ in range(5):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, *args], capture_output=True, env={"XDG_CONFIG_HOME": str(home)})
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return min(spent)

    assert quickest("-m", "cc_guard", "explain", "529") - quickest("-c", "") < 0.3  # 0.09 on an idle machine


# The user's own wordings


def example() -> str:
    text = (ROOT / "docs" / "signatures.md").read_text()
    match = re.search(r"```toml\n(.+?)```", text, re.DOTALL)
    assert match
    return match[1]


def write(home: Path, text: str) -> Path:
    path = home / "config" / "cc-guard" / "signatures.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_the_example_of_the_documentation(home: Path) -> None:
    assert document(home, "API Error: 599 tenant sleeping")["signature"] != "acme.sleeping"
    path = write(home, example())
    found = document(home, "API Error: 599 tenant sleeping")
    assert (found["kind"], found["signature"], found["signature_file"]) == (
        "server_error",
        "acme.sleeping",
        str(path),
    )
    assert "asleep" in found["summary"]
    assert document(home, "API Error: Unable to connect to API (GATEWAY_NAP)")["code"] == "GATEWAY_NAP"
    lines = run(home, "API Error: 599 tenant sleeping").stdout.decode().splitlines()
    assert lines[-1] == f"Recognised by failure.api + acme.sleeping, {path}"


def test_a_mistake_in_the_users_file(home: Path) -> None:
    path = write(home, '[[meaning]]\nid = "mine"\npatern = "x"\n')
    result = run(home, RESET)
    assert (result.returncode, result.stdout) == (2, b"")
    assert str(path).encode() in result.stderr
    assert b"did you mean 'pattern'?" in result.stderr


# Advice


def test_every_cause_has_advice_on_every_platform() -> None:
    assert set(CAUSES) == set(get_args(Cause))
    for platform in PLATFORMS:
        for found in advice.advise(get_args(Cause), "", platform, {}):
            assert all((found.title, found.why, found.check, found.fix)), (found.cause, platform)
            assert "NODE_TLS_REJECT_UNAUTHORIZED" not in found.fix
            assert "rm -rf" not in found.fix


def test_every_signature_leads_to_causes_that_exist_here() -> None:
    known = [*shipped().status.values(), *shipped().codes.values()]
    causes = [entry.causes for entry in known] + [meaning.causes for meaning in shipped().meanings]
    for platform in PLATFORMS:
        assert all(advice.advise(some, "", platform, {}) for some in causes)


def test_every_kind_has_words() -> None:
    assert set(report._KINDS) == set(get_args(Kind))


def test_causes_of_other_platforms_are_left_out() -> None:
    causes: tuple[Cause, ...] = ("dns.resolver_down", "wsl.network", "container.network")
    assert [a.cause for a in advice.advise(causes, "", "macos", {})] == ["dns.resolver_down"]
    assert [a.cause for a in advice.advise(causes, "", "wsl2", {})] == ["dns.resolver_down", "wsl.network"]


def test_variables_decide_the_order() -> None:
    causes: tuple[Cause, ...] = ("base_url.dead", "vpn.path", "proxy.dead")

    def order(text: str = "", **variables: str) -> list[str]:
        return [a.cause for a in advice.advise(causes, text, "linux", variables)]

    assert order() == ["vpn.path", "base_url.dead", "proxy.dead"]
    assert order(HTTPS_PROXY="http://p:1") == ["proxy.dead", "vpn.path", "base_url.dead"]
    assert order(ANTHROPIC_BASE_URL="http://g:1") == ["base_url.dead", "vpn.path", "proxy.dead"]
    assert order("Check the gateway set in ANTHROPIC_BASE_URL")[0] == "base_url.dead"
    found = advice.advise(causes, "", "linux", {"HTTPS_PROXY": "http://u:pw@p:1"})
    assert "HTTPS_PROXY is set to http://***@p:1" in found[0].why


def test_the_clients_settings_count(home: Path) -> None:
    folder = home / ".claude"
    folder.mkdir()
    (folder / "settings.json").write_text('{"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}}')
    found = document(home, "API Error: Unable to connect to API (ConnectionRefused)")
    assert found["causes"][0]["cause"] == "base_url.dead"
    assert "http://127.0.0.1:9" in found["causes"][0]["why"]


def test_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.platform() == "macos"
    (tmp_path / "tart").touch(mode=0o755)
    assert machine.platform() == "tart"
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os.path, "exists", lambda path: path == "/run/.containerenv")
    assert machine.platform() == "container"
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    monkeypatch.setattr("platform.release", lambda: "6.6.87.2-microsoft-standard-WSL2")
    assert machine.platform() == "wsl2"
    monkeypatch.setattr("platform.release", lambda: "6.1.0-18-amd64")
    assert machine.platform() == "linux"
