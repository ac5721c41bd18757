"""`cc-guard profiles`, as a person and as a program sees it."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cc_guard import cli, settings_cache
from cc_guard.commands.profiles import main
from tests.unit.profile_home import LINUX, MAC, NO_ANSWER, Home, be, empty, made_up

TART = replace(MAC, commands={"tart": True})


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The profiles that came with cc-guard, on Linux."""
    for name in settings_cache.variables():
        monkeypatch.delenv(name)
    found = empty(tmp_path, monkeypatch)
    monkeypatch.setenv("COLUMNS", "80")
    be(monkeypatch, LINUX)
    return found


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A made-up `generic` alone."""
    return made_up(tmp_path, monkeypatch)


def output(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(list(argv)) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert widest(captured.out) <= 80
    return captured.out


def widest(text: str) -> int:
    """Paths are never broken."""
    return max(len(line) for line in text.splitlines() if "/" not in line)


def document(capsys: pytest.CaptureFixture[str], *argv: str, status: int = 0) -> Any:
    assert main([*argv, "--json"]) == status
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


# list


def test_the_list_marks_the_one_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys) == (
        "   PROFILE      FROM      FOR\n"
        "   container    cc-guard  inside of a container\n"
        "   generic      cc-guard  any machine that no other profile knows\n"
        "*  linux        cc-guard  Linux\n"
        "   macos        cc-guard  macOS\n"
        "   macos-tart   cc-guard  macOS with virtual machines of Tart\n"
        "   wsl2         cc-guard  WSL 2\n"
        "   wsl2-docker  cc-guard  WSL 2 with Docker\n"
        "\n"
        "* linux is the one for this machine (os: linux).\n"
    )
    assert output(capsys, "list") == output(capsys)


def test_the_list_says_whose_a_profile_is(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.write("linux", "")
    home.write("work", 'title = "at work"')
    text = output(capsys)
    assert "*  linux        you + cc-guard  Linux\n" in text
    assert "   work         you             at work\n" in text


def test_the_list_as_json(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    own = home.write("linux", "")
    found = document(capsys, "list")
    assert list(found) == ["active", "profiles", "problems"]
    assert (found["active"], found["problems"], len(found["profiles"])) == ("linux", [], 7)
    linux = next(one for one in found["profiles"] if one["name"] == "linux")
    assert linux == {
        "name": "linux",
        "title": "Linux",
        "active": True,
        "matches": True,
        "extends": ["generic"],
        "files": [
            {"file": str(own), "own": True},
            {"file": str(home.shipped / "linux.toml"), "own": False},
        ],
    }
    assert [one["name"] for one in found["profiles"] if one["active"]] == ["linux"]
    assert [one["name"] for one in found["profiles"] if one["matches"]] == ["generic", "linux"]


# which


def test_which_says_why_and_why_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    be(monkeypatch, TART)
    assert output(capsys, "which") == (
        "The profile of this machine is macos-tart.\n"
        "  ✓ os: macos\n"
        "  ✓ command tart: on the PATH\n"
        "\n"
        "Not taken\n"
        "  container    os: macos, not linux; container: none, not any\n"
        "  generic      matches, but macos-tart demands more (2 facts, and this 0)\n"
        "  linux        os: macos, not linux\n"
        "  macos        matches, but macos-tart demands more (2 facts, and this 1)\n"
        "  wsl2         wsl: none, not 2\n"
        "  wsl2-docker  wsl: none, not 2; command docker: not on the PATH\n"
    )


def test_which_with_an_unknown_fact(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    be(monkeypatch, replace(TART, commands=NO_ANSWER))
    text = output(capsys, "which")
    assert text.startswith("The profile of this machine is macos.\n  ✓ os: macos\n\n")
    assert "  macos-tart   command tart: unknown (no answer within 2 s)\n" in text


def test_which_where_nothing_matches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    be(monkeypatch, replace(LINUX, os="other"))
    text = output(capsys, "which")
    assert text.startswith("The profile of this machine is generic.\n  nothing more special matches\n")


def test_which_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "which", "--profile", "macos-tart")
    assert text.startswith(
        "The profile of this machine is macos-tart.\n"
        "  asked for by name: --profile, CC_GUARD_PROFILE, or profile in config.toml\n"
        "  ✗ os: linux, not macos\n"
        "  ✗ command tart: not on the PATH\n"
    )
    assert "  linux        matches, but macos-tart was asked for by name\n" in text


def test_which_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    be(monkeypatch, TART)
    found = document(capsys, "which")
    assert list(found) == ["profile", "why", "by_name", "profiles", "problems"]
    assert (found["profile"], found["by_name"]) == ("macos-tart", False)
    assert found["why"] == "os: macos; command tart: on the PATH"
    first, *others = found["profiles"]
    assert first == {
        "name": "macos-tart",
        "taken": True,
        "matches": True,
        "why": "os: macos; command tart: on the PATH",
        "rules": [
            {"fact": "os", "wanted": "macos", "found": "macos", "holds": True},
            {"fact": "command", "wanted": "tart", "found": "on the PATH", "holds": True},
        ],
    }
    assert {one["name"] for one in others if one["matches"]} == {"generic", "macos"}
    assert not any(one["taken"] for one in others)


@pytest.mark.parametrize("argv", [["which"], ["list"]])
def test_the_setting_counts(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    home.config.mkdir(parents=True)
    (home.config / "config.toml").write_text("profile = 'wsl2'")
    key = "profile" if argv == ["which"] else "active"
    assert document(capsys, *argv)[key] == "wsl2"
    monkeypatch.setenv("CC_GUARD_PROFILE", "macos")
    assert document(capsys, *argv)[key] == "macos"
    assert main([*argv, "--json"], {"profile": "container"}) == 0
    assert json.loads(capsys.readouterr().out)[key] == "container"
    assert document(capsys, *argv, "--profile", "auto")[key] == "linux"


@pytest.mark.parametrize("argv", [["which"], ["list"], ["which", "--json"]])
def test_a_profile_that_does_not_exist(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    assert main(argv, {"profile": "wsl2-dokcer"}) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "cc-guard: There is no profile wsl2-dokcer.\nDid you mean wsl2-docker?\n"


def test_a_profile_that_is_wrong(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    path = home.write("mine", "\nx = 1\ny = 2")
    assert main(["which", "--profile", "mine"]) == 2
    captured = capsys.readouterr().err
    assert captured.startswith(f"cc-guard: The profile mine can't be used.\n{path}, line 2: unknown key x.\n")
    assert captured.endswith("2 mistakes.\n")


def test_settings_that_are_wrong(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.config.mkdir(parents=True)
    (home.config / "config.toml").write_text("profil = 'wsl2'")
    assert main(["which"]) == 2
    assert "config.toml, line 1: unknown key profil.\nDid you mean profile?" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["list"], ["which"], ["show", "linux"]])
def test_a_file_with_a_mistake_is_told_beside_the_answer(
    home: Home, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    path = home.write("linux", "[hold]\nafter_attempt = 0")
    assert main(argv) == 0
    captured = capsys.readouterr()
    assert "linux" in captured.out
    assert captured.err.startswith(f"cc-guard: {path}, line 2: hold.after_attempt = 0 is not allowed.\n")
    assert captured.err.endswith("That file is not used.\n")
    assert main([*argv, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["file"], one["line"], one["key"]) for one in found["problems"]] == [
        (str(path), 2, "hold.after_attempt")
    ]


# show


def test_show_says_where_each_value_comes_from(small: Home, capsys: pytest.CaptureFixture[str]) -> None:
    small.ship(
        "mac",
        'title = "a Mac"\n[match]\nos = "macos"\ncommands = ["tart"]\narch = []\n[hold]\nafter_attempt = 3',
    )
    small.write("mac", 'priority = 2\n[remedies]\ndns.flush = "ask"\n[parameters]\ntart.names = ["a b", "ü"]')
    own, shipped = small.own / "mac.toml", small.shipped / "mac.toml"
    text = output(capsys, "show", "mac")
    assert text == (
        "mac: a Mac\n"
        "  extends   generic\n"
        '  matches   os = "macos", commands = ["tart"]\n'
        "  priority  2\n"
        f"  yours     {own}\n"
        f"  file      {shipped}\n"
        "\n"
        "[hold]\n"
        "  enabled        true  generic\n"
        "  after_attempt  3     mac\n"
        "\n"
        "[remedies]\n"
        "  client.nudge  auto  generic\n"
        "  dns.flush     ask   mac (yours)\n"
        "  tart.suspend  off   generic\n"
        "\n"
        "[parameters]\n"
        "  ports.start     32768         generic\n"
        "  ports.count     1000          generic\n"
        '  tart.names      ["a b", "ü"]  mac (yours)\n'
        "  docker.names    []            generic\n"
        "  orbstack.names  []            generic\n"
        "\n"
        "[warn]\n"
        "  ports_used  0.8  generic\n"
    )


@pytest.mark.parametrize(
    ("content", "demands"),
    [("", "nothing by itself: it is taken by name, or extended"), ("[match]\nos = []", "nothing: it always")],
)
def test_show_says_what_is_matched(
    small: Home, capsys: pytest.CaptureFixture[str], content: str, demands: str
) -> None:
    small.write("mine", content)
    assert f"  matches   {demands}" in output(capsys, "show", "mine")


@pytest.mark.parametrize("name", ["macos-tart", "wsl2-docker", "generic", "container"])
def test_show_fits_the_terminal(capsys: pytest.CaptureFixture[str], name: str) -> None:
    text = output(capsys, "show", name)
    assert text.startswith(name)
    assert "  hold.wait" in text
    for columns in ("40", "79", "200"):
        os.environ["COLUMNS"] = columns
        assert main(["show", name]) == 0
        assert widest(capsys.readouterr().out) <= int(columns)


def test_long_values_and_names_are_broken(small: Home, capsys: pytest.CaptureFixture[str]) -> None:
    small.write(
        "n" * 60, f'[match]\ncommands = ["{"c" * 90}"]\n[parameters]\ntart.names = ["{"x" * 300}", "y"]'
    )
    for argv in (["show", "n" * 60], ["list"], ["which"]):
        text = output(capsys, *argv)
        assert text.replace(" ", "").replace("\n", "").count("n" * 12) > 0


def test_show_as_json(small: Home, capsys: pytest.CaptureFixture[str]) -> None:
    own = small.write("mine", 'title = "x"\n[match]\nos = "linux"\n\n[remedies]\n"dns.flush" = "auto"')
    found = document(capsys, "show", "mine")
    assert found["name"] == "mine"
    assert found["hold"] == {"enabled": True, "after_attempt": 2}
    assert found["remedies"]["dns.flush"] == "auto"
    assert found["match"] == {"os": "linux"}
    assert found["extends"] == ["generic"]
    assert found["from"]["remedies.dns.flush"] == {
        "profile": "mine",
        "file": str(own),
        "line": 6,
        "own": True,
    }
    assert found["from"]["parameters.ports.start"] == {
        "profile": "generic",
        "file": str(small.shipped / "generic.toml"),
        "line": 10,
        "own": False,
    }
    assert "why" not in found


def test_show_of_what_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "macos-trat"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "cc-guard: There is no profile macos-trat.\nDid you mean macos-tart?\n"


def test_show_of_auto_is_no_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "auto"]) == 1
    assert "There is no profile auto" in capsys.readouterr().err


def test_show_of_what_is_wrong(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    path = home.write("mine", "x = 1")
    assert main(["show", "mine"]) == 1
    assert f"The profile mine can't be used.\n{path}, line 1: unknown key x." in capsys.readouterr().err


# check


def test_a_file_that_is_right(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('extends = "wsl2"\n[remedies]\ndns.flush = "ask"')
    assert output(capsys, "check", str(path)) == (
        f"{path} is right.\n"
        "The profile mine extends wsl2, then linux, then generic.\n"
        f"It is used when it is in {home.own}\n"
    )
    own = home.write("mine", path.read_text())
    assert "It is used when" not in output(capsys, "check", str(own))


def test_a_file_that_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("extends = 'linus'\n[hold]\nafter_attemp = 2\n[remedies]\nmtu.lower = 'auto'\n")
    assert main(["check", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out == (
        f"{path}, line 3: unknown key hold.after_attemp.\nDid you mean hold.after_attempt?\n"
    )
    path.write_text("extends = 'linus'")
    assert main(["check", str(path)]) == 1
    assert f"{path}, line 1: mine extends linus, which does not exist.\nDid you mean linux?\n" == (
        capsys.readouterr().out
    )
    path.write_text("[remedies]\nmtu.lower = 'auto'\nwsl.dns = 'ask'\n")
    assert main(["check", str(path)]) == 1
    assert capsys.readouterr().out == (
        f"{path}, line 2: mtu.lower can't be auto: it needs root (level 3).\nIt can be ask, suggest or off.\n"
        f"{path}, line 3: wsl.dns can't be ask: it is done outside of this system (level 4).\n"
        "It can be suggest or off.\n2 mistakes.\n"
    )


def test_check_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("parameters = {ports = {start = 2000, coutn = 3000}}")
    found = document(capsys, "check", str(path), status=1)
    assert found == {
        "file": str(path),
        "name": "mine",
        "ok": False,
        "mistakes": [
            {
                "file": str(path),
                "line": 1,
                "key": "parameters.ports.coutn",
                "text": "unknown key parameters.ports.coutn",
                "advice": "Did you mean parameters.ports.count?",
            }
        ],
    }
    path.write_text("")
    assert document(capsys, "check", str(path)) == {
        "file": str(path),
        "name": "mine",
        "ok": True,
        "mistakes": [],
    }


def test_check_says_nothing_of_other_files(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write("other", "x = 1")
    path = tmp_path / "mine.toml"
    path.write_text("")
    assert "is right" in output(capsys, "check", str(path))


def test_a_check_of_the_users_file_that_makes_a_circle(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write("a", 'extends = "b"')
    path = tmp_path / "b.toml"
    path.write_text('# b\nextends = "a"')
    assert main(["check", str(path)]) == 1
    assert f"{path}, line 2: b extends a extends b: a circle." in capsys.readouterr().out


def test_check_from_a_pipe(tmp_path: Path) -> None:
    """As bash's <(…) gives it."""
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m cc_guard profiles check <(echo 'x = 1')"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "line 1: unknown key x." in done.stdout


def test_check_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path)]) == 1
    assert "it is a folder" in capsys.readouterr().out


def test_check_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "x.toml")]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"cc-guard: {tmp_path / 'x.toml'} does not exist.\n")


# Usage, and the outside


@pytest.mark.parametrize(
    "argv",
    [
        ["bogus"],
        ["list", "x"],
        ["which", "x"],
        ["show"],
        ["show", "a", "b"],
        ["check"],
        ["check", "a", "b"],
        ["show", "a", "--profile", "b"],
        ["--what"],
        ["--profile"],
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) <= 3


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "show NAME" in capsys.readouterr().out


def test_options_may_stand_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "show", "linux"]) == 0
    assert main(["show", "--json", "linux"]) == 0
    first, second = capsys.readouterr().out.split("\n}\n")[:2]
    assert first == second


def test_the_word_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--profile", "macos", "profiles", "which", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["profile"] == "macos"
    assert cli.main(["profiles", "which", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["profile"] == "linux"
    assert cli.main(["profile"]) == 2
    assert "Did you mean 'profiles'?" in capsys.readouterr().err
    assert "cc-guard profiles" in cli.USAGE


def test_what_is_in_a_file_does_not_steer_the_terminal(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write("mine", 'title = "a\\u001b[2Jb"\n[match]\narch = "\\u001b]0;x\\u0007"')
    for argv in (["list"], ["which"], ["show", "mine"]):
        assert main(argv) == 0
        assert "\x1b" not in capsys.readouterr().out


def test_colours_only_for_people(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["which"]) == 0
    assert "\033[32m✓\033[m os: linux" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["which"]) == 0
    assert "\033" not in capsys.readouterr().out


def test_a_reader_that_has_gone() -> None:
    command = f"{sys.executable} -m cc_guard profiles show linux | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, check=False)
    assert done.returncode in (0, 141)
    assert done.stderr == b""


def test_the_real_machine(tmp_path: Path) -> None:
    environ = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "cc_guard", "profiles", "which", "--json"],
        capture_output=True,
        env=environ,
        timeout=60,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["profile"] in ("linux", "container", "macos", "macos-tart", "wsl2", "wsl2-docker")
    assert all(rule["holds"] for rule in found["profiles"][0]["rules"])
