"""The command line that goes on with a session: the user's options, and nothing that began the session."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cc_guard.launch import options
from cc_guard.launch.options import scan
from cc_guard.launch.resume import _DROPPED, _REFUSED, resume_arguments

ID = "0b5c9a34-9d2e-4c3e-8f57-3a1f0d5c1a11"
OTHER = "7d2f0a51-3b6c-4e0f-9a1d-2c5b8e9f0a22"
NEW = (2, 1, 330)
VERSIONS = ((1, 0, 120), (2, 0, 60), NEW, (3, 0, 0))


def resumed(*args: str, version: tuple[int, int, int] = NEW) -> list[str] | None:
    return resume_arguments(args, ID, version)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("args", "kept"),
    [
        ([], []),
        (["fix the bug"], []),
        (["--session-id", OTHER, "--settings", "{}", "fix the bug"], ["--settings", "{}"]),
        (["--settings", "/run/s.json", "--model", "opus"], ["--settings", "/run/s.json", "--model", "opus"]),
        (["--model=opus", "--session-id=" + OTHER], ["--model=opus"]),
        (["-c"], []),
        (["--continue", "--verbose", "go on"], ["--verbose"]),
        (["-r"], []),
        (["-r", "some name", "go on"], []),
        (["-rname"], []),
        (["--resume", OTHER, "--fork-session", "--ide"], ["--ide"]),
        (["--resume=name"], []),
        (["--allowedTools", "Bash", "Edit", "--", "fix", "it"], ["--allowedTools", "Bash", "Edit"]),
        (["--add-dir", "../a", "../b", "--verbose", "go"], ["--add-dir", "../a", "../b", "--verbose"]),
        (["--append-system-prompt", "-p", "hello"], ["--append-system-prompt", "-p"]),
        (["--append-system-prompt", "--"], ["--append-system-prompt", "--"]),
        (["-d", "api"], ["-d", "api"]),
        (["-dapi"], ["-dapi"]),
        (["-cdapi"], ["-dapi"]),
        (["-cd", "api", "prompt"], ["-d", "api"]),
        (["-dc"], ["-dc"]),  # the debug filter `c`
        (["-cr", "name"], []),
        (["-xcr", "name"], ["-x"]),
        (["-xc"], ["-x"]),
        (["--", "-p", "--resume"], []),
        (["--", "fix"], []),
        (["--"], []),
        (["--prefill", "text", "-n", "my name"], ["-n", "my name"]),
        (["-"], []),
        ([""], []),
    ],
)  # fmt: skip
def test_what_is_kept(args: list[str], kept: list[str], version: tuple[int, int, int]) -> None:
    assert resumed(*args, version=version) == [*kept, "--resume", ID]


@pytest.mark.parametrize(
    "args",
    [
        ["-p", "hello"],
        ["hello", "--print"],
        ["-cp", "hello"],
        ["--help"],
        ["-v"],
        ["mcp", "list"],
        ["--model", "opus", "doctor"],
        ["--", "update"],
        ["--from-pr", "17"],
        ["--teleport"],
        ["--cloud", "a task"],
        ["--bg", "fix the bug"],
        ["-w"],
        ["--worktree", "name", "fix"],
        ["--resume", OTHER, "--resume-session-at", "x"],
        ["--rewind-files", "x"],
        ["--no-session-persistence"],
        ["--desktop"],
        ["hello", "--model"],  # its value is missing: it would take ours
        ["--settings"],
        ["--add-dir"],
    ],
)
def test_what_can_not_be_done(args: list[str]) -> None:
    assert resumed(*args) is None


@pytest.mark.parametrize("version", [None, (1, 0, 84), (0, 2, 126)])
def test_not_for_a_program_that_is_unknown(version: tuple[int, int, int] | None) -> None:
    assert resume_arguments(["hello"], ID, version) is None


@pytest.mark.parametrize(
    "session", ["", "x", "--print", ID[:-1], ID + "0", ID.replace("-", "_"), ID[:-1] + "g"]
)
def test_not_for_a_session_that_is_none(session: str) -> None:
    assert resume_arguments([], session, NEW) is None


def test_a_word_behind_an_option_of_a_later_version() -> None:
    """It may be the option's value, and without it the client would not start."""
    assert resumed("--brand-new", "word") == ["--brand-new", "--resume", ID]  # no option of 2.1.330 has one
    assert resumed("--brand-new", "word", version=(2, 1, 331)) is None
    assert resumed("--brand-new", "--verbose", "prompt", version=(2, 1, 331)) == [
        "--brand-new",
        "--verbose",
        "--resume",
        ID,
    ]
    assert resumed("--brand-new=word", "prompt", version=(2, 1, 331)) == ["--brand-new=word", "--resume", ID]


_KNOWN = sorted(options.ONE_VALUE | options.MANY_VALUES | options.MAYBE_VALUE | _DROPPED | _REFUSED)
_WORDS = st.lists(
    st.one_of(
        st.sampled_from(_KNOWN),
        st.sampled_from(
            ["--verbose", "--ide", "-x", "--", "-", "", "-cd", "-rNAME", "-xc", "--model=opus", "mcp"]
        ),
        st.text("abc-= /ü", max_size=6),
        st.text(max_size=8),
    ),
    max_size=9,
)


@given(_WORDS, st.sampled_from(VERSIONS))
@example(["-d", "--session-id", "x", "filter"], NEW)
@example(["--allowedTools", "--", "x"], NEW)
def test_whatever_was_on_the_line(args: list[str], version: tuple[int, int, int]) -> None:
    """Read as the client reads it, the new line has the same options with the same values, but those that
    began the session, and no operand. Made from itself it is the same."""
    found = resume_arguments(args, ID, version)
    if found is None:
        return
    before, _ = scan(args)
    after, operand = scan(found)
    assert operand is None
    values = [(option.name, option.value, _values(args, option)) for option in before]
    kept = [(option.name, option.value, _values(found, option)) for option in after]
    assert kept == [entry for entry in values if entry[0] not in _DROPPED] + [("--resume", ID, [ID])]
    assert resume_arguments(found, ID, version) == found
    assert resume_arguments(found, OTHER, version) == [*found[:-1], OTHER]


def _values(args: list[str], option: options.Option) -> list[str]:
    """All the words behind the option's own."""
    return args[option.start + 1 : option.end]
