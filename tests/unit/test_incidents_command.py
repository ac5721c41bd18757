"""`cc-guard incidents`, as a person and as a program sees it."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cc_guard import paths
from cc_guard.commands.incidents import main
from cc_guard.history import History
from cc_guard.incident.record import Action, Finding, Incident, Symptom
from cc_guard.owner import Owner

# DESIGN §6.
KEYS = (
    "id session started_at ended_at kind code cause confidence symptoms evidence actions outcome held_s"
    " downtime_s recovery_s retries_spent client_version profile signals"
)
SYMPTOM_KEYS = "t kind phase code http_status attempt max_attempts retry_in_s text confirmed"
FINDING_KEYS = "probe state summary evidence ms"
ACTION_KEYS = "remedy status detail started_at duration_s"

NOW = 1_795_283_592.25
ID = "20261121-175312-3f2a"
LIVE = "20261121-180312-aaaa"
COMMAND = [
    sys.executable,
    "-c",
    "import sys; from cc_guard.commands.incidents import main; sys.exit(main(sys.argv[1:]))",
]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def two(environment: None) -> None:
    """One incident that is over and one that goes on."""
    with History() as store:
        store.save(
            Incident(
                id=ID,
                session="one",
                started_at=NOW,
                ended_at=NOW + 41.2,
                kind="connection",
                code="ECONNRESET",
                cause="tcp.blocked",
                confidence=0.8,
                symptoms=[
                    Symptom(
                        NOW,
                        "connection",
                        "retrying",
                        "ECONNRESET",
                        None,
                        2,
                        10,
                        1.0,
                        "Retrying\x1b[2J",
                        False,
                    )
                ],
                evidence=[Finding("tcp.v4", "fail", "refused by 192.0.2.1", {"port": 443}, 12.34)],
                actions=[Action("hold.wait", "ok", "", NOW + 2, 38.9)],
                outcome="recovered",
                held_s=38.9,
                downtime_s=41.2,
                recovery_s=0.3004,
                retries_spent=2,
                client_version="2.1.330",
                profile="generic",
                signals=["screen", "transcript"],
            ),
            Owner.current(),
        )
        store.save(Incident(id=LIVE, session="two", started_at=NOW + 600, kind="overloaded"), Owner.current())


def output(capsys: pytest.CaptureFixture[str], *argv: str, status: int = 0) -> str:
    assert main(list(argv)) == status
    return capsys.readouterr().out


def test_nothing_yet(capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys) == "No incidents so far: nothing has gone wrong under cc-guard.\n"
    assert json.loads(output(capsys, "--json")) == []


def test_the_table(two: None, capsys: pytest.CaptureFixture[str]) -> None:
    header, newest, oldest = output(capsys).splitlines()
    assert header.split() == [
        *("ID", "WHEN", "WHAT", "CAUSE", "HELPED", "OUTCOME", "DOWN", "HELD", "RETRIES", "SAVED")
    ]
    assert re.split("  +", newest) == [
        *(LIVE, "2026-11-21 18:03", "overloaded", "-", "-", "open", "-", "-", "0", "-")
    ]
    assert re.split("  +", oldest) == [
        *(ID, "2026-11-21 17:53", "connection ECONNRESET", "tcp.blocked", "pause", "recovered"),
        *("41s", "39s", "2", "5"),
    ]
    assert output(capsys, "list") == "\n".join([header, newest, oldest, ""])


def test_the_table_can_be_narrowed(two: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert [i["id"] for i in json.loads(output(capsys, "--json", "--limit", "1"))] == [LIVE]
    assert [i["id"] for i in json.loads(output(capsys, "--json", "list", "--session", "one"))] == [ID]


def test_json_has_the_keys_and_units_of_the_contract(two: None, capsys: pytest.CaptureFixture[str]) -> None:
    _, listed = json.loads(output(capsys, "list", "--json"))
    assert list(listed) == KEYS.split()
    assert list(listed["symptoms"][0]) == SYMPTOM_KEYS.split()
    assert list(listed["evidence"][0]) == FINDING_KEYS.split()
    assert list(listed["actions"][0]) == ACTION_KEYS.split()
    assert (listed["started_at"], listed["ended_at"]) == (
        "2026-11-21T17:53:12.250Z",
        "2026-11-21T17:53:53.450Z",
    )
    assert listed["symptoms"][0]["t"] == "2026-11-21T17:53:12.250Z"
    assert listed["actions"][0]["started_at"] == "2026-11-21T17:53:14.250Z"
    assert (listed["held_s"], listed["downtime_s"], listed["recovery_s"]) == (38.9, 41.2, 0.3)
    assert listed["evidence"][0]["evidence"] == {"port": 443}


def test_show_json_is_the_same_object(two: None, capsys: pytest.CaptureFixture[str]) -> None:
    _, listed = json.loads(output(capsys, "list", "--json"))
    for argv in (["show", ID, "--json"], ["--json", "show", ID], ["show", "20261121-17", "--json"]):
        assert json.loads(output(capsys, *argv)) == listed


def test_show_tells_the_story_in_order(two: None, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "show", ID)
    story = [
        "recovered",
        "tcp.blocked (80% sure)",
        "2.1.330, profile generic",
        "by its back-off it would have tried again 29s later, with 5 more retries",
        "17:53:12      +0.0 s  started",
        "retrying: connection ECONNRESET, attempt 2/10 (on the screen only) Retrying?[2J",
        "17:53:14      +2.0 s  paused",
        "17:53:53     +40.9 s  the API answers again",
        "17:53:53     +40.9 s  goes on after a pause of 39s",
        "17:53:53     +41.2 s  ended: recovered",
        "fail  tcp.v4: refused by 192.0.2.1 (12 ms)",
    ]
    places = [text.find(part) for part in story]
    assert -1 not in places
    assert places == sorted(places)
    assert "\x1b" not in text


def test_show_of_what_is_not_over(two: None, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "show", LIVE)
    assert "not known" in text
    assert "ended" not in text


def test_a_terminal_gets_what_fits(
    two: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "70")
    for argv in (["list"], ["show", ID], ["stats"]):
        assert max(map(len, output(capsys, *argv).splitlines())) <= 70
    header, newest, oldest, hint = output(capsys).splitlines()
    assert (header.split()[0], newest[:4], oldest[:4]) == ("ID", "aaaa", "3f2a")
    assert hint == "cc-guard incidents show aaaa tells one in order."
    assert "Incident " + LIVE in output(capsys, *hint.split()[2:4])


def test_stats_on_an_empty_history(capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, "stats") == "No incidents so far: nothing has gone wrong under cc-guard.\n"
    assert json.loads(output(capsys, "stats", "--json"))["incidents"] == 0
    assert output(capsys, "export") == ""
    assert json.loads(output(capsys, "export", "--json")) == []
    assert output(capsys, "export", "--format", "csv").startswith("id,session,started_at,")
    assert output(capsys, "list", "--days", "3").startswith("No incidents like that.")


def test_stats_for_people_and_for_programs(two: None, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "stats")
    for part in ("2 incidents from 2026-11-21 17:53 to", "Computed, not measured", "tcp.blocked", "17-18  "):
        assert part in text
    document = json.loads(output(capsys, "stats", "--json"))
    assert document["by_cause"]["tcp.blocked"] == {"count": 1, "recovered": 1, "downtime_s": 41.2}
    assert document["by_client_version"]["not recorded"]["count"] == 1
    assert document["by_hour"][17:19] == [1, 1]
    assert document["saved"]["sooner"] == 1
    assert document["saved"]["sooner_s"] == pytest.approx(70 - 41.2)
    assert document["saved"]["not_recovered"] == 1
    assert json.loads(output(capsys, "stats", "--json", "--session", "two"))["incidents"] == 1


def test_a_report_names_nobody(
    two: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = output(capsys, "report", "3f2a")
    for part in ("# `connection ECONNRESET`: recovered", "`2.1.330`", "## Timeline", "## Findings", "[2J"):
        assert part in text
    assert "192.0.2.1" not in text
    assert "192.0.2.1" in output(capsys, "report", "--with-addresses", ID)
    document = json.loads(output(capsys, "report", ID, "--json"))
    assert (document["id"], document["markdown"] + "\n") == (ID, text)


def test_export_tells_in_order(two: None, capsys: pytest.CaptureFixture[str]) -> None:
    lines = output(capsys, "export").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [ID, LIVE]
    assert json.loads(lines[0]) == json.loads(output(capsys, "show", ID, "--json"))
    assert output(capsys, "export", "--format", "json").splitlines() == lines
    assert [one["id"] for one in json.loads(output(capsys, "export", "--json"))] == [ID, LIVE]


def test_days_are_counted_back_from_now(two: None, capsys: pytest.CaptureFixture[str]) -> None:
    with History() as store:
        now = time.time()
        store.save(
            Incident(id="new", session="s", started_at=now, kind="tls", outcome="failed"), Owner.current()
        )
        store.save(
            Incident(id="old", session="s", started_at=now - 9e5, kind="tls", outcome="failed"),
            Owner.current(),
        )
    found = [one["id"] for one in json.loads(output(capsys, "--json", "--session", "s", "--days", "2"))]
    assert found == ["new"]


def test_what_a_dead_session_left_is_abandoned(capsys: pytest.CaptureFixture[str]) -> None:
    here = Owner.current()
    with History() as store:
        store.save(Incident(id="a", session="s", started_at=NOW, kind="tls"), Owner(here.pid, here.host, "1"))
    assert json.loads(output(capsys, "show", "a", "--json"))["outcome"] == "abandoned"


@pytest.mark.parametrize(
    "argv", [["show", "nope"], ["show", "2026"], ["report", "nope"], ["show", "nope", "--json"]]
)
def test_an_unknown_id_is_one_line(two: None, capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    assert main(argv) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert argv[1] in captured.err


@pytest.mark.parametrize(
    "argv",
    [
        ["bogus"],
        ["list", "x"],
        ["show"],
        ["show", "a", "b"],
        ["show", "a", "--limit", "1"],
        ["report"],
        ["report", "a", "--format", "csv"],
        ["stats", "a"],
        ["stats", "--limit", "3"],
        ["list", "--format", "csv"],
        ["export", "--format", "xml"],
        ["export", "--format", "csv", "--json"],
        ["show", "a", "--with-addresses"],
        ["--days", "-1"],
        ["--limit", "0"],
        ["--limit", "x"],
        ["--what"],
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) <= 2


def test_a_damaged_history_is_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    Path(paths.database()).write_bytes(b"no database" * 1000)
    assert main([]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 2


def test_colour_only_for_people(
    two: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b" not in output(capsys)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[32mrecovered\x1b[m" in output(capsys)
    assert "\x1b" not in output(capsys, "--json")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in output(capsys)


def test_a_closed_pipe_is_no_drama(two: None) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(COMMAND, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (result.returncode, result.stderr) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a device that is always full")
def test_a_full_disk_is_one_line(two: None) -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run(COMMAND, stdout=full, stderr=subprocess.PIPE, check=False)
    assert result.returncode == 1
    assert result.stderr == b"cc-guard: the output can't be written: No space left on device.\n"


def test_a_terminal_without_utf_8(two: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with History() as store:
        store.save(Incident(id="a", session="✻", started_at=NOW, kind="tls"), Owner.current())
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    result = subprocess.run([*COMMAND, "show", "a"], capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"session   ?" in result.stdout
