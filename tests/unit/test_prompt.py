"""The input box of real clients, in every state it can be in, and what imitates it.

What tests/data/prompts says of itself was written by who pressed the keys (`python -m tests.support.prompts`
makes it anew).
"""

import functools
import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from cc_guard.detect.prompt import PromptBox, read_prompt, shows, uses_vim
from cc_guard.detect.signatures import shipped
from cc_guard.replay.cast import Cast, read
from cc_guard.screen.model import Screen
from tests.support import prompts, replay

LABELLED = sorted(path.name.removesuffix(".cast.gz") for path in prompts.FOLDER.glob("*.cast.gz"))
RECORDED = sorted(path.name.removesuffix(".cast.gz") for path in replay.FOLDER.glob("*.cast.gz"))
_LATE_S = 0.2  # a recording's markers of what happened elsewhere
_FRAME_S = 0.005  # a frame that comes in two reads comes within this time
# Where nothing can be proven: the old frame of lines, no colours, no glyphs.
_OLD, _BLIND = (1, 0, 100), ("mono", "no-color", "reader")
_NOT_AT_THE_BOX = ("menu", "view")


@functools.cache
def labelled(name: str) -> Cast:
    return read(os.fspath(prompts.FOLDER / f"{name}.cast.gz"))


def looks(cast: Cast) -> Iterator[tuple[dict[str, Any], Screen]]:
    """The labels, each with the screen that it is about."""
    screen = Screen(cast.columns, cast.rows)
    for _, code, data in cast.events:
        if code == "o":
            screen.feed(data.encode("utf-8", "surrogateescape"))
        elif code == "m" and data.startswith("prompt "):
            yield json.loads(data.removeprefix("prompt ")), screen


def version_of(cast: Cast) -> tuple[int, ...]:
    return tuple(map(int, cast.notes["version"].split(".")))


def complaint(label: dict[str, Any], box: PromptBox, provable: bool) -> str:
    state, text = label["state"], label.get("text")
    if not provable:
        return "typed where nothing is proven" if box.safe else ""
    if state in _NOT_AT_THE_BOX:
        return "" if box.state in (*_NOT_AT_THE_BOX, "unknown") else "the keys do not go into the box"
    if not label.get("focus", True) and box.no_cursor:
        return "" if state in ("empty", "busy") or text is None else "the draft is lost"
    if box.state != state:
        return f"should be {state}"
    if text is not None and box.text != (text if label["exact"] else None):
        return f"the draft is {text!r}"
    if text is not None and not text.endswith(box.shown):
        return f"the draft is {text!r}"
    return "" if box.holds_pastes == label.get("pastes", False) else "can the draft be typed again?"


@pytest.mark.parametrize("name", LABELLED)
def test_what_was_done_is_what_is_read(name: str) -> None:
    cast = labelled(name)
    provable = version_of(cast) >= _OLD and cast.notes["variant"] not in _BLIND
    wrong = []
    for label, screen in looks(cast):
        box = read_prompt(screen, shipped(), label.get("vim", False))
        if said := complaint(label, box, provable):
            wrong.append(f"{label['did']}: {said}, but {box}\n{screen.text()}")
    assert not wrong, "\n".join(wrong)


def test_every_state_is_there_for_every_era() -> None:
    seen: dict[str, set[str]] = {}
    for name in LABELLED:
        cast = labelled(name)
        seen.setdefault(cast.notes["version"], set()).update(label["state"] for label, _ in looks(cast))
    for version in ("1.0.120", "2.0.60", "2.1.132", "2.1.330"):
        assert seen[version] >= {"empty", "draft", "menu", "mode", "view", "busy", "vim-normal"}, version


@pytest.mark.parametrize("name", LABELLED)
def test_nothing_is_safe_while_vim_is_not_known(name: str) -> None:
    for label, screen in looks(labelled(name)):
        inserting = "-- INSERT" in screen.text()
        assert inserting or not read_prompt(screen, shipped(), None).safe, label


@pytest.mark.parametrize("name", [name for name in LABELLED if "-typing-" in name])
def test_a_word_shows_when_the_box_holds_it_and_nothing_else(name: str) -> None:
    if version_of(labelled(name)) < _OLD:
        pytest.skip("this client's box is not read")
    for label, screen in looks(labelled(name)):
        at_end = label["did"] != "cursor at the start"
        assert shows(screen, "continue", shipped(), False) == (label.get("text") == "continue" and at_end)


# Every frame of tests/recordings: at work it is never empty, at rest it is.


@dataclass
class Sight:
    t: float
    box: PromptBox


def sights(name: str) -> tuple[Cast, list[Sight]]:
    cast = read(os.fspath(replay.FOLDER / f"{name}.cast.gz"))
    screen = Screen(cast.columns, cast.rows)
    times = [t for t, code, _ in cast.events if code == "o"]
    following = iter([*times[1:], float("inf")])
    found: list[Sight] = []
    for t, code, data in cast.events:
        if code == "r":
            screen.resize(*map(int, data.split("x")))
        elif code == "o":
            screen.feed(data.encode("utf-8", "surrogateescape"))
            if next(following) - t > _FRAME_S and screen.at_rest and not screen.synchronized:
                found.append(Sight(t, read_prompt(screen, shipped(), False)))
    return cast, found


def at_work(cast: Cast) -> list[tuple[float, float]]:
    """From a prompt to the last words of its answer, to the failure or to Escape, by hooks and transcript."""
    said = [(t, *data.partition(" ")[::2]) for t, code, data in cast.events if code == "m"]
    hooks = [(t, json.loads(text)) for t, kind, text in said if kind == "hook"]
    started = max((hook["t"] - t for t, hook in hooks), default=0.0)
    began = [t for t, hook in hooks if hook["event"] == "UserPromptSubmit"]
    ended = [t for t, code, data in cast.events if code == "i" and data == "\x1b"]
    for t, kind, text in said:
        row = json.loads(text) if kind == "transcript" else {}
        if row.get("type") == "assistant" and not row.get("isSidechain"):
            ended.append(min(t, datetime.fromisoformat(row["timestamp"]).timestamp() - started))
    spans = []
    for start, following in pairwise([*began, cast.seconds]):
        escaped = [t for t, code, data in cast.events if code == "i" and data == "\x1b" and t > start]
        last = max((t for t in ended if start < t < following), default=None)
        if last is not None:
            spans.append((start + _LATE_S, min([last, *escaped]) - _LATE_S))
    return spans


@pytest.mark.parametrize("name", RECORDED)
def test_every_frame_of_a_recording(name: str) -> None:
    cast, seen = sights(name)
    spans = [*at_work(cast), *retrying(cast)]
    safe = [sight for sight in seen if sight.box.safe]
    assert [sight for sight in safe if any(since < sight.t < until for since, until in spans)] == []
    if version_of(cast) < _OLD or cast.notes["variant"] in _BLIND:
        assert safe == []
        return
    first_key = next((t for t, code, _ in cast.events if code == "i"), cast.seconds)
    rest = [sight for sight in seen if sight.t < first_key][-1]
    assert rest.box.safe, rest.box


def retrying(cast: Cast) -> Iterator[tuple[float, float]]:
    """By the labels, which may stretch beyond the answer."""
    for told in cast.notes["expect"]:
        if told["phase"] in ("retrying", "waiting"):
            ends = [end for _, end in at_work(cast) if end > told["since"]]
            yield told["since"] + _LATE_S, min([told["until"], *ends]) - _LATE_S


# Pictures that are drawn by hand

GREY, DIM, CURSOR, END = "\x1b[38;2;136;136;136m", "\x1b[2m", "\x1b[7m", "\x1b[m"
COLUMNS, ROWS = 60, 16
RULE = f"{GREY}{'─' * COLUMNS}{END}"
FOOTER = f"  {DIM}? for shortcuts{END}"


def drawn(
    *rows: str, park: tuple[int, int] | None = None, columns: int = COLUMNS, height: int = ROWS
) -> Screen:
    """`park`: column and row of the terminal's cursor; else it is below the last row, as up to 2.0."""
    screen = Screen(columns, height)
    screen.feed(("\x1b[?25l" + "\r\n".join(rows) + "\r\n").encode())
    if park is not None:
        screen.feed(f"\x1b[{park[1] + 1};{park[0] + 1}H".encode())
    return screen


def box(*inside: str, below: tuple[str, ...] = (FOOTER,), rule: str = RULE) -> tuple[str, ...]:
    return (rule, *inside, rule, *below)


def state(screen: Screen, vim: bool | None = False) -> str:
    return read_prompt(screen, shipped(), vim).state


EMPTY = f"❯\xa0{CURSOR} {END}"


def test_an_empty_box_as_such() -> None:
    assert state(drawn(*box(EMPTY))) == "empty"
    assert state(drawn("● hello", "", *box(EMPTY), park=(2, 3))) == "empty"
    assert state(drawn(*box(EMPTY), height=4)) == "view", "its upper rule is not on the screen"


def test_a_session_with_a_name_and_a_colour_and_a_selection() -> None:
    """2.1.330: /rename, /color, and the mouse in its fullscreen renderer."""
    pink = "\x1b[38;2;196;102;134m"
    rows = f"{pink}{'─' * 46}{END} my session {pink}──{END}", EMPTY, f"{pink}{'─' * COLUMNS}{END}", FOOTER
    assert state(drawn(*rows)) == "empty"
    selected = box(f"\x1b[48;2;38;79;120m❯\xa0some{END} words{CURSOR} {END}")
    assert read_prompt(drawn(*selected, park=(12, 1)), shipped(), False).text == "some words"


@pytest.mark.parametrize(
    ("why", "rows"),
    [
        ("the sign is grey", box(f"{GREY}❯\xa0{END}{CURSOR} {END}")),
        ("the sign is faint", box(f"{DIM}>\xa0{END}{CURSOR} {END}")),
        ("the sign has a colour", box(f"\x1b[38;2;200;0;200m❯\xa0{END}{CURSOR} {END}")),
        ("nothing has a colour", box(EMPTY, rule="─" * COLUMNS)),
        ("the rules differ", (RULE, EMPTY, f"\x1b[35m{'─' * COLUMNS}{END}", FOOTER)),
        ("the rule is short", box(EMPTY, rule=f"{GREY}{'─' * (COLUMNS - 1)}{END}")),
        ("two cursors", box(f"❯\xa0{CURSOR} {END} {CURSOR} {END}")),
        ("something is selected", box(f"❯\xa0{CURSOR}some words{END}")),
        ("no cursor", box("❯\xa0")),
        ("the cursor is in the footer", box("❯\xa0", below=(f"  search prompts: {CURSOR} {END}",))),
        (
            "another view below",
            box(EMPTY, below=(f"{DIM}{'─' * COLUMNS}{END}", "  Showing detailed transcript")),
        ),
        ("a menu below", box(EMPTY, below=("Do you want to proceed?", "❯ 1. Yes", "  2. No"))),
        ("it works, says the footer", box(EMPTY, below=("  esc to interrupt",))),
        ("it works, says a narrow footer", box(EMPTY, below=("  ⏸ manual mode on · esc to", "  interrupt"))),
        ("it works, says the spinner", ("✻ Brewing… (3s)", "", *box(EMPTY))),
        ("grey words that are not known", box(f"❯\xa0{CURSOR}M{END}{DIM}essage @helper…{END}")),
        ("what waits to be sent", box(f"❯\xa0{CURSOR}P{END}{DIM}ress up to edit queued messages{END}")),
        ("shell mode", box(f"!\xa0{CURSOR} {END}")),
        ("memory mode", box(f"#\xa0{CURSOR}A{END}{DIM}dd to memory.{END}")),
        ("grey words in two rows", box(f"❯\xa0{CURSOR}T{END}{DIM}ype{END}", f"  {DIM}here{END}")),
    ],
)
def test_not_safe(why: str, rows: tuple[str, ...]) -> None:
    assert state(drawn(*rows)) not in ("empty", "draft"), why


def test_where_the_terminals_cursor_is_matters() -> None:
    rows = box(EMPTY)
    assert state(drawn(*rows, park=(2, 1))) == "empty"
    assert state(drawn(*rows, park=(5, 1))) == "draft", "three blanks; what is inverse is a remnant"
    assert state(drawn(*rows, park=(18, 3))) == "unknown"
    assert state(drawn(*box("❯\xa0"), park=(2, 1))) == "empty", "without the focus, 2.1.330"
    assert state(drawn(*box("❯\xa0"), park=(18, 3))) == "view"
    blanks = read_prompt(drawn(*box("❯\xa0"), park=(4, 1)), shipped(), False)
    assert (blanks.state, blanks.text) == ("draft", "  ")


def test_words_of_a_placeholder_that_the_user_typed() -> None:
    words = "Resend your message to try again"
    assert state(drawn(*box(f"❯\xa0{CURSOR}R{END}{DIM}{words[1:]}{END}"))) == "empty"
    assert (
        state(drawn(*box(f"❯\xa0{CURSOR}R{END}{DIM}{words[1:11]}{END}", f"  {DIM}{words[12:]}{END}")))
        == "empty"
    )
    for typed in (f"❯\xa0{words}{CURSOR} {END}", f"❯\xa0{CURSOR}{words[0]}{END}{words[1:]}"):
        found = read_prompt(drawn(*box(typed)), shipped(), False)
        assert (found.state, found.text) == ("draft", words)


def test_a_proposal_behind_the_draft_is_not_a_part_of_it() -> None:
    for proposed in (f"{CURSOR}h{END}{DIM}e tests{END}", f"{DIM}he tests{END}"):
        found = read_prompt(drawn(*box(f"❯\xa0fix t{proposed}")), shipped(), False)
        assert (found.state, found.text) == ("draft", None)


def test_one_letter_under_the_cursor_is_a_draft() -> None:
    found = read_prompt(drawn(*box(f"❯\xa0{CURSOR}T{END}")), shipped(), False)
    assert (found.state, found.text) == ("draft", "T")


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (("one", "two"), "one\ntwo"),
        (("", "", "three"), "\n\nthree"),
        (("one", ""), "one\n"),
        (("a" * (COLUMNS - 4), "b"), None),
        (("word " * 10 + "end", "longword"), None),
        (("word " * 10 + "end", "", "x"), "word " * 10 + "end\n\nx"),
    ],
)
def test_lines_of_a_draft(rows: tuple[str, ...], text: str | None) -> None:
    first, *others = rows
    *others, last = [first, *others]
    lines = [f"  {row}" for row in others] + [f"  {last}{CURSOR} {END}"]
    lines[0] = f"❯\xa0{lines[0][2:]}"
    found = read_prompt(drawn(*box(*lines)), shipped(), False)
    assert found.state == "draft"
    assert found.text == text
    assert "".join(found.shown.split()) == "".join("".join(rows).split())


def test_a_draft_of_which_a_part_is_hidden() -> None:
    label = f"{GREY}{'─── ↓ 12 more ':─<{COLUMNS}}{END}"
    found = read_prompt(drawn(RULE, f"❯\xa0first{CURSOR} {END}", label, FOOTER), shipped(), False)
    assert (found.state, found.text, found.shown) == ("draft", None, "first")
    label = f"{GREY}{'─── ↑ 12 more ':─<{COLUMNS}}{END}"
    found = read_prompt(drawn(label, f"  last{CURSOR} {END}", RULE, FOOTER), shipped(), False)
    assert (found.state, found.text, found.shown) == ("draft", None, "last")


@pytest.mark.parametrize(
    ("text", "pastes"),
    [
        ("[Pasted text #1 +12 lines] why?", True),
        ("what is [Image #3]", True),
        ("read @src/main.py please", True),
        ("@~/notes.md now", True),
        ("mail me@example.com", False),
        ("a [link] #1", False),
    ],
)
def test_what_cannot_be_typed_again(text: str, pastes: bool) -> None:
    found = read_prompt(drawn(*box(f"❯\xa0{text}{CURSOR} {END}")), shipped(), False)
    assert found.holds_pastes == pastes


def test_keys_that_go_to_the_footer() -> None:
    """Without the focus and with the footer chosen nothing in the box says so."""
    chosen = box("❯\xa0", below=(f"  {CURSOR}1 background task{END} {DIM}· Enter to view{END}",))
    found = read_prompt(drawn(*chosen), shipped(), False)
    assert (found.state, found.no_cursor) == ("view", False)
    unfocused = read_prompt(drawn(*box("❯\xa0")), shipped(), False)
    assert (unfocused.state, unfocused.no_cursor) == ("unknown", True)


def test_vim_keys() -> None:
    insert = box(EMPTY, below=(f"  {DIM}-- INSERT --{END}",))
    normal = box(EMPTY)
    assert [state(drawn(*insert), vim) for vim in (True, False, None)] == ["empty"] * 3
    assert [state(drawn(*normal), vim) for vim in (True, False, None)] == ["vim-normal", "empty", "unknown"]


def test_which_files_say_vim() -> None:
    assert uses_vim({"editorMode": "vim"}, {})
    assert uses_vim({"editorMode": "normal"}, {}, {"editorMode": "vim"})
    assert not uses_vim({"editorMode": "emacs"}, {}, {"theme": "vim"})
    assert not uses_vim({})


@pytest.mark.parametrize("name", random.Random(5).sample(RECORDED, 12))
def test_bent_screens_are_read_without_an_error(name: str) -> None:
    chance = random.Random(name)
    cast = read(os.fspath(replay.FOLDER / f"{name}.cast.gz"))
    screen = Screen(cast.columns, cast.rows)
    for _, code, data in cast.events:
        if code != "o":
            continue
        if chance.random() < 0.05:
            screen.resize(chance.randint(1, 200), chance.randint(1, 60))
        kept = data if chance.random() < 0.9 else data[chance.randint(0, len(data)) :]
        screen.feed(kept.encode("utf-8", "surrogateescape"))
        if chance.random() < 0.3:
            read_prompt(screen, shipped(), chance.choice((True, False, None)))
