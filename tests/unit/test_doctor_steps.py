"""What the doctor tells people to do: the file, and how it is filled."""

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

from cc_guard.diagnose import rules, steps
from cc_guard.diagnose.rules.case import Case
from cc_guard.diagnose.steps import Step
from cc_guard.explain.machine import FALLBACKS, Platform
from cc_guard.incident.record import Cause, Finding, ProbeState

FILE = Path(steps.__file__).parent / "data" / "steps.toml"
TABLES: dict[str, dict[str, str]] = tomllib.loads(FILE.read_text())
PLATFORMS: tuple[Platform, ...] = get_args(Platform)
LINES = [line for table in TABLES.values() for text in table.values() for line in text.splitlines()]


def finding(probe: str, state: ProbeState = "pass", **evidence: Any) -> Finding:
    return Finding(probe, state, "", evidence)


def case(*found: Finding) -> Case:
    by_probe: dict[str, list[Finding]] = {}
    for one in found:
        by_probe.setdefault(one.probe, []).append(one)
    return Case(by_probe)


def told(name: str, platform: Platform = "linux", **values: str) -> tuple[Step, ...]:
    return steps.steps(name, platform, values)


def commands(found: tuple[Step, ...]) -> list[str]:
    return [command for step in found for command in step.commands]


# The file


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("cause", get_args(Cause))
def test_there_is_something_to_do_about_every_cause(cause: str, platform: Platform) -> None:
    everything = dict.fromkeys(_names(), "x")
    found = [step for step in steps.steps(cause, platform, everything) if not step.note]
    assert found
    assert all(step.text for step in found)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("cause", [cause for cause in get_args(Cause) if cause != "vm.interference"])
def test_also_when_hardly_anything_is_known(cause: str, platform: Platform) -> None:
    found = steps.steps(cause, platform, {"host": "api.anthropic.com", "port": "443"})
    assert [step for step in found if not step.note]


def test_rules_name_tables_that_are_there() -> None:
    source = "\n".join(file.read_text() for file in Path(rules.__file__).parent.glob("*.py"))
    named = set(re.findall(r'steps="([a-z_.]+)"', source)) | set(re.findall(r'steps = "([a-z_.]+)"', source))
    named |= set(re.findall(r'"((?:base_url|hosts|tls|proxy|server|dns)\.[a-z_]+)" if', source))
    assert len(named) > 10
    assert named <= TABLES.keys()


def test_no_line_names_a_value_that_nobody_knows() -> None:
    names = _names()
    assert len(names) > 30
    assert names <= _all_values()


def test_platforms_and_included_tables_are_known() -> None:
    for table in TABLES.values():
        assert table.keys() <= {step for names in FALLBACKS.values() for step in names}
    included = {line.rpartition("+ ")[2] for line in LINES if re.fullmatch(r"(.*: )?\+ [a-z_.]+", line)}
    assert included
    assert included <= TABLES.keys()


def test_nothing_dangerous_is_advised() -> None:
    text = "\n".join(line for line in LINES if line.startswith(("$", "<$")))
    for never in (
        "NODE_TLS_REJECT_UNAUTHORIZED",
        "rm -rf",
        "--no-verify",
        "curl -k",
        "pkill",
        "DisabledComponents",
    ):
        assert never not in text


def test_what_changes_something_can_be_undone() -> None:
    changing = re.compile(
        r"^\$ .*\b(sysctl -w|ip link set|ifconfig \S+ mtu|networksetup -set|set dynamicport)"
    )
    for name, table in TABLES.items():
        for platform, text in table.items():
            lines = text.splitlines()
            for number, line in enumerate(lines):
                if changing.match(line):
                    rest = lines[number + 1 :]
                    assert any(one.startswith("<") for one in rest[:3]), (name, platform, line)


def _names() -> set[str]:
    """All values that the file asks for."""
    text = "\n".join(LINES)
    asked = re.findall(r"(?:^|: )(?:if|unless) ([a-z_0-9]+)(?=: )", text, re.MULTILINE)
    return {*re.findall(r"(?<!%)\{([a-z_0-9]+)\}", text), *asked}


def _all_values() -> set[str]:
    return {name for part in steps.PARTS for name in part(Case({}))}


# How a text is read


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "steps.toml"
    monkeypatch.setattr(steps, "_FILE", str(path))
    return path


def test_steps_commands_undo_and_notes(tables: Path) -> None:
    tables.write_text("""[x]
any = '''
First:
$ one
$ two
<$ back
Second.
< the other way round
! Note.
'''
""")
    first, second, note = told("x")
    assert first == Step("First:", ("one", "two"), "", ("back",))
    assert second == Step("Second.", undo="the other way round")
    assert note == Step("Note.", note=True)
    assert str(first) == "First: one; two   (undo: back)"
    assert str(second) == "Second.   (undo: the other way round)"
    assert str(note) == "Note."


def test_a_platform_takes_its_own_text_first(tables: Path) -> None:
    tables.write_text("[x]\nany = 'Any'\nlinux = 'Linux'\nwsl2 = 'WSL'\n")
    texts = {platform: told("x", platform)[0].text for platform in PLATFORMS}
    assert texts == {"macos": "Any", "tart": "Any", "linux": "Linux", "wsl2": "WSL", "container": "Linux"}


def test_what_is_not_known_is_left_out_with_its_commands(tables: Path) -> None:
    tables.write_text("""[x]
any = '''
Know {a}.
$ run {a}
Know {b}.
$ run it
Run:
$ run {b}
Undo:
$ run
< {b}
curl -w '%{http_code}'
'''
""")
    found = told("x", a="1")
    assert [step.text for step in found] == ["Know 1.", "Undo:", "curl -w '%{http_code}'"]
    assert commands(found) == ["run 1", "run"]
    assert found[1].undo == ""


def test_conditions(tables: Path) -> None:
    tables.write_text("""[x]
any = '''
if a: With a.
$ one
unless a: Without a.
$ two
if a: if b: Both.
unless b: + y
'''
[y]
any = '''
Included {c}.
$ three
'''
""")
    assert [step.text for step in told("x", a="1", b="1", c="1")] == ["With a.", "Both."]
    assert commands(told("x", a="1", c="1")) == ["one", "three"]
    assert commands(told("x", c="1")) == ["two", "three"]
    assert commands(told("x")) == ["two"]


def test_tables_that_include_each_other_come_to_an_end(tables: Path) -> None:
    tables.write_text("[x]\nany = '''\nStep.\n+ x\n'''\n")
    assert len(told("x")) < 10


def test_a_table_that_is_not_there(tables: Path) -> None:
    tables.write_text("")
    assert told("x") == ()


# What is filled in


def test_a_gateway_of_this_machine() -> None:
    found = case(
        finding("config.route", base="ANTHROPIC_BASE_URL", base_url="http://127.0.0.1:8082", port=8082,
                host="127.0.0.1", source="environment", default=False),
        finding("gateway", "fail", kind="loopback"),
    )  # fmt: skip
    text = _text("base_url.dead", found)
    assert "http://127.0.0.1:8082" in text
    assert "':8082 '" in text
    assert "env -u ANTHROPIC_BASE_URL claude --continue" in text
    assert "settings" not in text


def test_a_gateway_from_a_settings_file() -> None:
    found = case(
        finding("config.route", base="ANTHROPIC_BASE_URL", base_url="http://gw:8082",
                source="/x/settings.json", default=False),
        finding("gateway", "fail", kind="private"),
    )  # fmt: skip
    text = _text("base_url.dead", found)
    assert 'take ANTHROPIC_BASE_URL out of "env" in /x/settings.json' in text
    assert "env -u" not in text
    assert "ss -ltn" not in text


@pytest.mark.parametrize(
    ("sources", "helps"),
    [
        ({"HTTPS_PROXY": "environment", "http_proxy": "environment"}, True),
        # What a file sets comes back in the client, whatever the environment says.
        ({"HTTPS_PROXY": "environment", "http_proxy": "/x/settings.json"}, False),
    ],
)
def test_leaving_a_proxy_out(sources: dict[str, str], helps: bool) -> None:
    found = case(
        finding("config.route", host="api.anthropic.com", proxy="p:1", proxy_variable="HTTPS_PROXY",
                proxy_source="environment", settings=sources),
        finding("proxy", "fail", direct="connected"),
    )  # fmt: skip
    text = _text("proxy.dead", found)
    assert ("env -u HTTPS_PROXY -u http_proxy claude --continue" in text) == helps
    assert ("env -u" in text) == helps


def test_leaving_a_proxy_out_is_not_advised_where_it_does_not_help() -> None:
    known = finding("config.route", host="h", proxy="p:1", proxy_variable="HTTPS_PROXY",
                    proxy_source="environment", settings={"HTTPS_PROXY": "environment"})  # fmt: skip
    text = _text("proxy.dead", case(known, finding("proxy", "fail", direct="timeout")))
    assert "env -u" not in text
    assert "does not help" in text
    assert "does not help" not in _text("proxy.dead", case(known))


def test_undoing_leads_back_to_what_was() -> None:
    found = case(
        finding("ports.range", first=60700, last=61000), finding("ports.use", in_range=301, time_wait_share=1)
    )
    text = _text("ports.exhausted", found)
    assert "undo: sudo sysctl -w net.ipv4.ip_local_port_range='60700 61000'" in text
    assert "of the 301 ports in use, 301 belong" in text
    mtu = case(finding("config.route", host="h"), finding("link.route", device="wlan0", mtu=1420))
    assert "undo: sudo ip link set dev wlan0 mtu 1420" in _text("mtu.blackhole", mtu)


def test_the_line_of_the_hosts_file() -> None:
    found = case(finding("dns.system", host="api.anthropic.com", hosts_file="line 7 of /etc/hosts"))
    text = _text("hosts.line", found)
    assert "sed -n 7p /etc/hosts" in text
    assert "'7s/^/# /'" in text


def _text(name: str, found: Case, platform: Platform = "linux") -> str:
    return "\n".join(map(str, steps.steps(name, platform, steps.values(found))))
