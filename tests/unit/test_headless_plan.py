"""Which runs of `claude -p` are ours to repeat, and with which arguments."""

import uuid

import pytest

from cc_guard.headless import plan
from cc_guard.headless.plan import REMINDER

NEW, OLD = (2, 1, 330), (1, 0, 120)
RANDOM = bytes(range(16))


def made(args: list[str], version: tuple[int, int, int] = NEW) -> plan.Plan:
    found = plan.make(args, version, RANDOM)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "args",
    [
        ["hello"],
        ["hello", "--", "-p"],
        ["--append-system-prompt", "-p", "hello"],
        ["-p", "hello", "--input-format", "stream-json", "--output-format", "stream-json"],
        ["-p", "hello", "--output-format=yaml"],
        ["-p", "hello", "--no-session-persistence"],
        ["-p", "-w", "--", "hello"],
        ["-p", "--resume", "x", "--resume-session-at", "y", "hello"],
        ["-p", "--from-pr", "12"],
        ["-p", "--help"],
        ["mcp", "list", "-p"],
    ],
)
def test_left_alone(args: list[str]) -> None:
    assert plan.make(args, NEW, RANDOM) is None


@pytest.mark.parametrize("version", [None, (1, 0, 84), (0, 2, 126)])
def test_a_client_that_is_not_known_or_too_old(version: tuple[int, int, int] | None) -> None:
    assert plan.make(["-p", "hello"], version, RANDOM) is None


@pytest.mark.parametrize("output", ["json", "stream-json"])
def test_the_first_run_is_as_the_user_wants_it(output: str) -> None:
    args = ["-p", "hello", "--output-format", "text", "--output-format", output, "--verbose"]
    found = made(args)
    assert (found.args, found.output, found.session) == (args, output, None)


def test_text_tells_no_session_so_it_gets_one() -> None:
    found = made(["-p", "hello"])
    assert found.args == ["--session-id", found.session, "-p", "hello"]
    assert uuid.UUID(found.session).version == 4


@pytest.mark.parametrize(
    ("args", "session"),
    [
        (["-p", "hello", "--session-id", "x"], "x"),
        (["-p", "hello", "--session-id=x"], "x"),
        (["-p", "hello", "--continue", "--fork-session", "--session-id", "x"], "x"),
        (["-p", "hello", "-c"], None),
        (["-cp", "hello"], None),
        (["-p", "hello", "--resume", "x"], None),  # 1.0.120 gives it another id
        (["-p", "hello", "-r", "x", "--fork-session"], None),
    ],
)
def test_a_session_of_the_users_choice(args: list[str], session: str | None) -> None:
    found = made(args)
    assert (found.args, found.session) == (args, session)


@pytest.mark.parametrize(
    ("args", "kept"),
    [
        (["-p", "hello"], ["-p"]),
        (["hello", "--print", "--model", "opus"], ["--print", "--model", "opus"]),
        (["-p", "--allowedTools", "Bash", "Read", "--", "hello"], ["-p", "--allowedTools", "Bash", "Read"]),
        (["-p", "--allowedTools=Bash", "hello", "again"], ["-p", "--allowedTools=Bash"]),
        (["-cp", "hello"], ["-p"]),
        (["-pc", "hello"], ["-p"]),
        (["-pr", "x", "hello"], ["-p"]),
        (["-prx", "hello"], ["-p"]),
        (["-c", "-p", "hello"], ["-p"]),
        (["-p", "--resume", "x", "--fork-session", "hello"], ["-p"]),
        (["-p", "--session-id", "x", "hello", "--max-turns", "3"], ["-p", "--max-turns", "3"]),
        (["-p", "--session-id=x", "--settings", "{}", "hello"], ["-p", "--settings", "{}"]),
    ],
)
def test_going_on(args: list[str], kept: list[str]) -> None:
    assert plan.resumed(made(args), "s", "row") == [
        *("--resume", "s", "--resume-session-at", "row"),
        REMINDER,
        *kept,
    ]


def test_going_on_with_a_client_that_can_not_choose_the_row() -> None:
    assert plan.resumed(made(["-p", "hello"], OLD), "s", "row") == ["--resume", "s", REMINDER, "-p"]


@pytest.mark.parametrize("limit", [["--max-turns", "3"], ["--max-budget-usd", "1"]])
def test_a_limit_of_the_user(limit: list[str]) -> None:
    assert made(["-p", "hello", *limit]).limited
    assert not made(["-p", "hello"]).limited
