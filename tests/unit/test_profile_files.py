"""Every mistake in a file of the user's: its line, what is wrong in words, and the nearest that is right."""

import os
from pathlib import Path

import pytest

from cc_guard.profile import files, library, policies
from cc_guard.profile.files import Mistake
from tests.unit.profile_home import Home, made_up


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    return made_up(tmp_path, monkeypatch)


def mistakes(home: Home, text: str, name: str = "mine") -> list[Mistake]:
    home.write(name, text)
    return library.load().mistakes


def mistake(home: Home, text: str, name: str = "mine") -> tuple[int | None, str, str]:
    (found,) = mistakes(home, text, name)
    assert found.path == str(home.own / f"{name}.toml")
    assert 1 <= len(str(found).splitlines()) <= 2
    return found.line, found.text, found.advice


def test_a_file_with_everything(home: Home) -> None:
    text = """
        title = "at work"
        extends = "generic"
        priority = 3
        [match]
        os = ["linux", "macos"]
        arch = "arm64"
        wsl = 0
        wsl_network = "nat"
        container = [false, "docker"]
        commands = "tart"
        processes = ["dockerd|podman"]
        [hold]
        enabled = false
        after_attempt = 4
        [remedies]
        dns.flush = "auto"
        "tart.suspend" = "auto"
        proxy.advise = "off"
        [parameters]
        tart.names = ["sonoma"]
        docker = {names = ["db"]}
        orbstack = {names = []}
        colima = {names = []}
        dns = {servers = ["192.0.2.1", "2001:db8::1"]}
        ports = {start = 1024, count = 64512}
        mtu = {bytes = 1280}
        [warn]
        ports_used = 1
        time_wait = false
        memory_available_mb = 1.5
        macos_uptime_days = 40
    """
    assert mistakes(home, text) == []


# Keys


@pytest.mark.parametrize(
    ("text", "line", "key", "advice"),
    [
        ("\nprioryty = 1", 2, "prioryty", "Did you mean priority?"),
        ("[hold]\n\nenable = true", 3, "hold.enable", "Did you mean hold.enabled?"),
        ("after_attempt = 1", 1, "after_attempt", "Did you mean hold.after_attempt?"),
        (
            "hold = {enabled = true,\tafter_attemp = 1}",
            1,
            "hold.after_attemp",
            "Did you mean hold.after_attempt?",
        ),
        ("[match]\nos = 'linux'\ncommand = 'x'", 3, "match.command", "Did you mean match.commands?"),
        ("[parameters]\nprots.start = 2000", 2, "parameters.prots", "Did you mean parameters.ports.start?"),
        (
            "[parameters.ports]\nstrat = 2000",
            2,
            "parameters.ports.strat",
            "Did you mean parameters.ports.start?",
        ),
        ("x = 1\n[parameters]\ndocker = {names = [\n'a'], nams = []}", 4, "parameters.docker.nams", ""),
        ("[warn]\nports_use = 0.5", 2, "warn.ports_use", "Did you mean warn.ports_used?"),
        ("[remedy]\ndns.flush = 'off'", 1, "remedy", "Did you mean remedies?"),
        ("xyz = 1", 1, "xyz", "There are: extends, hold.after_attempt,"),
        ('"a\\nb" = 1', 1, "a\\nb", "There are:"),
    ],
)
def test_an_unknown_key(home: Home, text: str, line: int, key: str, advice: str) -> None:
    found = [one for one in mistakes(home, text) if one.text == f"unknown key {key}"]
    assert [one.line for one in found] == [line]
    assert found[0].advice.startswith(advice)


def test_a_very_long_key_is_cut(home: Home) -> None:
    _, text, _ = mistake(home, f"{'k' * 5000} = 1")
    assert len(text) < 120


# Values


@pytest.mark.parametrize(
    ("text", "line", "what", "why"),
    [
        ("title = 1", 1, "title = 1", "Input should be a valid string."),
        ("title = ''", 1, "title = ''", "String should have at least 1 character."),
        ("extends = ['linux']", 1, "extends = ['linux']", "Input should be a valid string."),
        ("priority = 1001", 1, "priority = 1001", "Input should be less than or equal to 1000."),
        ("priority = 1.5", 1, "priority = 1.5", "Input should be a valid integer."),
        (
            "[match]\nos = 'windows'",
            2,
            "match.os = 'windows'",
            "Input should be 'linux', 'macos' or 'other'.",
        ),
        ("[match]\nos = [\n'linux',\n'x']", 4, "match.os[1] = 'x'", "Input should be 'linux', 'macos' or"),
        ("match.wsl = 3", 1, "match.wsl = 3", "Input should be 0, 1 or 2."),
        ("match.wsl = true", 1, "match.wsl = True", "It has to be 0, 1 or 2."),
        ("match.wsl = '2'", 1, "match.wsl = '2'", "Input should be 0, 1 or 2."),
        ("match.wsl_network = 'x'", 1, "match.wsl_network = 'x'", "Input should be 'nat', 'mirrored',"),
        ("match.container = 1", 1, "match.container = 1", "It has to be true, false, or the kind"),
        ("match.commands = [1]", 1, "match.commands[0] = 1", "Input should be a valid string."),
        ("match.commands = ['']", 1, "match.commands[0] = ''", "String should have at least 1 character."),
        ("match.processes = true", 1, "match.processes = True", "Input should be a valid string."),
        ("match = 3", 1, "match = 3", "It has to be a table: [match]."),
        ("[hold]\nenabled = 'yes'", 2, "hold.enabled = 'yes'", "Input should be a valid boolean."),
        (
            "[hold]\nafter_attempt = 0",
            2,
            "hold.after_attempt = 0",
            "Input should be greater than or equal to 1.",
        ),
        ("[hold]\nafter_attempt = true", 2, "hold.after_attempt = True", "Input should be a valid integer."),
        ("parameters.ports.start = 80", 1, "parameters.ports.start = 80", "Input should be greater than or"),
        (
            "parameters = {ports = {count = 1}}",
            1,
            "parameters.ports.count = 1",
            "Input should be greater than",
        ),
        ("parameters.mtu.bytes = 9000", 1, "parameters.mtu.bytes = 9000", "Input should be less than or"),
        ("parameters.tart.names = 'x'", 1, "parameters.tart.names = 'x'", "Input should be a valid list."),
        (
            "[parameters.dns]\nservers = [\n  '192.0.2.1',\n  'dns.example']",
            4,
            "parameters.dns.servers[1] = 'dns.example'",
            "It has to be an IP address.",
        ),
        ("parameters.tart = ['x']", 1, "parameters.tart = ['x']", "It has to be a table: [parameters.tart]."),
        ("warn.ports_used = 80", 1, "warn.ports_used = 80", "Input should be less than or equal to 1."),
        ("warn.ports_used = 0", 1, "warn.ports_used = 0", "Input should be greater than 0."),
        ("warn.ports_used = true", 1, "warn.ports_used = True", "Input should be a valid number."),
        ("warn.ports_used = nan", 1, "warn.ports_used = nan", "Input should be a finite number."),
        ("warn.swap_used = '0.5'", 1, "warn.swap_used = '0.5'", "Input should be a valid number."),
        ("[[warn]]\nports_used = 0.5", 1, "warn = [{'ports_used': 0.5}]", "It has to be a table: [warn]."),
        (f"title = ['{'x' * 500}']", 1, f"title = ['{'x' * 38}…", "Input should be a valid string."),
        ('title = ["a\\u001b\\nb"]', 1, r"title = ['a\x1b\nb']", "Input should be a valid string."),
    ],
)
def test_a_wrong_value(home: Home, text: str, line: int, what: str, why: str) -> None:
    at, said, advice = mistake(home, text)
    assert (at, said) == (line, f"{what} is not allowed")
    assert advice.startswith(why)


# Remedies


@pytest.mark.parametrize(
    ("text", "line", "said", "advice"),
    [
        ("[remedies]\n\ndns.flsh = 'auto'", 3, "unknown remedy dns.flsh", "Did you mean dns.flush?"),
        ("[remedies]\nflush = 'auto'", 2, "unknown remedy flush", "Did you mean dns.flush?"),
        ("[remedies.tart]\nsuspnd = 'ask'", 2, "unknown remedy tart.suspnd", "Did you mean tart.suspend?"),
        (
            "remedies = {dns = {\tflush = 'of'}}",
            1,
            "dns.flush = 'of' is not allowed",
            "It has to be auto, ask,",
        ),
        ("[remedies]\ndns = 'auto'", 2, "unknown remedy dns", "There are: dns.flush."),
        ("[remedies]\nzzz = 'auto'", 2, "unknown remedy zzz", "There are: auth.login, client.nudge,"),
        (
            "[remedies]\ndns.flush = true",
            2,
            "dns.flush = True is not allowed",
            "It has to be auto, ask, sugg",
        ),
        ("[remedies]\ndns.flush = ['auto']", 2, "dns.flush = ['auto'] is not allowed", "It has to be auto,"),
        ("[remedies]\ndns.flush = {}", 2, "dns.flush = {} is not allowed", "It has to be auto, ask, suggest"),
        ("[remedies]\ndns.flush.now = 'auto'", 2, "unknown remedy dns.flush.now", "Did you mean dns.flush?"),
        ("[remedies]\ndns.flush = 'off'\n'dns.flush' = 'ask'", 3, "dns.flush is there twice", ""),
        ("remedies = 'off'", 1, "remedies has to be a table", "Write [remedies] above its keys."),
        ("[[remedies]]\ndns.flush = 'off'", 1, "remedies has to be a table", "Write [remedies] above its"),
    ],
)
def test_a_wrong_remedy(home: Home, text: str, line: int, said: str, advice: str) -> None:
    at, found, why = mistake(home, text)
    assert (at, found) == (line, said)
    assert why.startswith(advice)


@pytest.mark.parametrize(
    ("match", "policy", "why"),
    [
        ("", "proxy.advise = 'ask'", "it changes nothing, so there is nothing to ask (level 0)"),
        ("", "auth.login = 'auto'", "it is never done without a question"),
        ("", "tart.stop = 'auto'", "it is never done without a question"),
        ("", "mtu.lower = 'auto'", "it needs root (level 3)"),
        ("", "ports.widen = 'auto'", "it needs root (level 3)"),
        ("", "wsl.dns = 'auto'", "it is done outside of this system (level 4)"),
        ("", "wsl.dns = 'ask'", "it is done outside of this system (level 4)"),
        ("wsl = 2", "ports.widen = 'ask'", "it is done outside of this system (level 4)"),
        ("wsl_network = 'nat'", "ports.widen = 'ask'", "it is done outside of this system (level 4)"),
        ("os = 'macos'", "dns.flush = 'auto'", "it needs root (level 3)"),
    ],
)
def test_a_policy_that_no_machine_of_the_profile_can_have(
    home: Home, match: str, policy: str, why: str
) -> None:
    line, text, advice = mistake(home, f"[match]\n{match}\n[remedies]\n{policy}")
    id_, _, quoted = policy.partition(" = ")
    assert (line, text) == (4, f"{id_} can't be {quoted[1:-1]}: {why}")
    assert advice.startswith("It can be ")
    assert quoted[1:-1] not in advice


@pytest.mark.parametrize(
    ("match", "policy"),
    [
        ("", "dns.flush = 'auto'"),
        ("os = ['linux', 'macos']", "dns.flush = 'auto'"),
        ("os = 'macos'", "dns.flush = 'ask'"),
        ("os = 'linux'", "ports.widen = 'ask'"),
        ("container = 'lxc'", "dns.flush = 'auto'"),
        ("wsl = 2\ncontainer = false", "ports.widen = 'suggest'"),
        ("", "mtu.lower = 'ask'"),
        ("", "proxy.advise = 'auto'"),
        ("", "proxy.advise = 'suggest'"),
        ("", "wsl.dns = 'suggest'"),
        ("", "wsl.dns = 'off'"),
        ("", "auth.login = 'ask'"),
        ("", "client.nudge = 'auto'"),
    ],
)
def test_a_policy_that_some_machine_of_the_profile_can_have(home: Home, match: str, policy: str) -> None:
    assert mistakes(home, f"[match]\n{match}\n[remedies]\n{policy}") == []


@pytest.mark.parametrize(
    ("match", "systems"),
    [
        ({}, {("linux", 0, ""), ("linux", 2, "docker"), ("macos", 0, ""), ("other", 0, "")}),
        ({"os": "macos"}, {("macos", 0, "")}),
        ({"wsl": 2}, {("linux", 2, ""), ("linux", 2, "docker")}),
        ({"wsl_network": "nat", "container": False}, {("linux", 2, "")}),
        ({"container": "lxc", "wsl": [0, 1]}, {("linux", 0, "docker"), ("linux", 1, "docker")}),
        ({"os": "macos", "wsl": 2}, set()),
    ],
)
def test_the_machines_that_a_profile_can_be_for(
    match: dict[str, object], systems: set[tuple[str, int, str]]
) -> None:
    found = {(facts.system, facts.wsl, facts.container) for facts in policies.machines(match)}
    assert found >= systems
    assert not match or found == systems


def test_the_match_of_the_file_below_counts_for_the_policy(home: Home) -> None:
    home.ship("mac", "[match]\nos = 'macos'")
    assert mistake(home, "[remedies]\ndns.flush = 'auto'", "mac")[0] == 2


# Several, and the whole file


def test_all_mistakes_in_the_order_of_their_lines(home: Home) -> None:
    text = "[warn]\nx = 1\n[remedies]\ny.z = 'auto'\n[hold]\nafter_attempt = 0\n[match]\nos = 'x'"
    assert [one.line for one in mistakes(home, text)] == [2, 4, 6, 8]


@pytest.mark.parametrize(
    ("content", "line", "text"),
    [
        (b"a = 1\nb = = 1", 2, "it is not valid TOML: Invalid value (column 5)"),
        (
            b"[hold]\nenabled = true\nenabled = false",
            3,
            "it is not valid TOML: Cannot overwrite a value (at end",
        ),
        (b"a = 1\nb = 'x", 2, "it is not valid TOML:"),
        (b"[hold", None, "it is not valid TOML:"),
        (b"\xef\xbb\xbfpriority = 1", 1, "it is not valid TOML:"),
        (b"\xff\xfe", None, "it is not UTF-8 text"),
        (b"a = 1\0", 1, "it is not valid TOML:"),
        (b"priority = 0x" + b"f" * 3900, 1, "priority = a number of thousands of digits is not allowed"),
        (b"warn.swap_used = 0x" + b"f" * 3900, 1, "warn.swap_used = a number of thousands of digits is not"),
        (b"title = 0x" + b"f" * 3900, 1, "title = a number of thousands of digits is not allowed"),
        (b"a = " + b"[" * 3000, None, "it is nested too deeply"),
        (b"remedies." + b".".join([b"a"] * 1900) + b" = 1", None, "it is nested too deeply"),
        (b".".join([b"a"] * 900) + b" = 1", 1, "unknown key a"),
        (b"a = 1\nb" + b".a" * 30_000 + b" = 1", 2, "the line has more than 4000 characters"),
        (b"#" * 70_000, None, "it can't be read: it has more than 64 KB"),
    ],
)
def test_a_file_that_is_no_profile_at_all(home: Home, content: bytes, line: int | None, text: str) -> None:
    home.write("mine", "").write_bytes(content)
    (found,) = library.load().mistakes
    assert found.line == line or line is None
    assert found.text.startswith(text)
    assert len(str(found).splitlines()) <= 2


def test_what_is_no_readable_file(home: Home, tmp_path: Path) -> None:
    (home.own / "folder.toml").mkdir(parents=True)
    os.mkfifo(home.own / "pipe.toml")
    (home.own / "gone.toml").symlink_to(tmp_path / "nowhere")
    (home.own / ".#hidden.toml").write_text("x = = 1")
    (home.own / "notes.txt").write_text("x = = 1")
    found = {Path(one.path).name: one.text for one in library.load().mistakes}
    assert found == {
        "folder.toml": "it is not a file",
        "pipe.toml": "it is not a file",
        "gone.toml": "it can't be read: No such file or directory",
    }


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("auto", "A profile can't be called auto: that stands for the one that matches"),
        ("my own", "The name of a profile's file has letters, digits, - _ and . alone"),
        ("mein-büro", "The name of a profile's file has letters, digits, - _ and . alone"),
    ],
)
def test_names_that_no_profile_can_have(home: Home, name: str, why: str) -> None:
    assert mistake(home, "", name) == (None, why, "")


@pytest.mark.parametrize("name", ["work", "a.b", "X_1-2"])
def test_names_that_a_profile_can_have(home: Home, name: str) -> None:
    assert mistakes(home, "", name) == []


def test_the_words_of_a_mistake() -> None:
    assert (
        str(Mistake("/x", 3, "k", "it is wrong", "Put it right."))
        == "/x, line 3: it is wrong.\nPut it right."
    )
    assert str(Mistake("/x", None, "", "it is wrong")) == "/x: it is wrong."
    assert str(Mistake("/a\nb", None, "", "it is wrong")) == "/a\\nb: it is wrong."


def test_what_is_nested_deeper_than_lines_are_kept_has_the_line_of_its_beginning(home: Home) -> None:
    line, text, _ = mistake(home, f"title = 'x'\nremedies{'.a' * 30} = 'off'")
    assert (line, text) == (2, f"unknown remedy {'a' + '.a' * 29}")


def test_lines_are_where_the_keys_are_whatever_the_line_ends(home: Home) -> None:
    path = home.write("mine", "")
    path.write_bytes(b"title = 'x'\r\n\r\n[hold]\r\nafter_attempt = 0\r\n")
    assert files.read(str(path), "mine", own=True)[1][0].line == 4
