"""What a user does at the input box, and what stands there then: the labels of prompts.py.

A label is what was done: what was typed, which dialog was opened (and shows the words that a person knows it
by), what the client was asked to work on. Where versions differ, the difference was seen by eye.
"""

import json
from collections.abc import Iterator

from tests.standin.answers import FINISHED
from tests.support.prompts import Capture, Guest, Tour

EMPTY, DRAFT, MENU, MODE, VIEW, BUSY, NORMAL = "empty", "draft", "menu", "mode", "view", "busy", "vim-normal"

_PNG = (
    "hex:89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d4944415478da63f8ffff3f0005fe02fea735810e0000000049454e44ae426082"
)
_RULE = "─" * 80
_MANY_WORDS = " ".join(f"word{n}" for n in range(60))


def typing(g: Guest) -> None:
    g.look("started", EMPTY)
    g.type("hello there")
    g.look("typed", DRAFT, "hello there")
    g.press("\x01")
    g.look("cursor at the start", DRAFT, "hello there")
    g.press("\x05")
    g.press("  ")
    g.look("two blanks more", DRAFT, "hello there  ")
    g.clear()
    g.look("cleared", EMPTY)
    g.type("   ")
    g.look("three blanks", DRAFT, "   ")
    g.press("\x01")
    g.look("three blanks, cursor at the start: nobody sees them", EMPTY)
    g.clear()
    g.press(" a")
    g.look("a blank first", DRAFT, " a")
    g.clear()
    g.press("T")
    g.look("one letter", DRAFT, "T")
    g.press("\x01")
    g.look("cursor on the only letter", DRAFT, "T")
    g.clear()
    for text in (
        "> quoted",
        "❯ pointed",
        "continue",
        'Try "edit <filepath> to..."',
        "Resend your message to try again",
    ):
        g.type(text)
        g.look("typed", DRAFT, text)
        g.press("\x01")
        g.look("cursor at the start", DRAFT, text)
        g.clear()
    g.type("日本語 한국 é")
    g.look("wide characters", DRAFT, "日本語 한국 é")
    g.press("\x01")
    g.look("cursor on a wide character", DRAFT, "日本語 한국 é")
    g.clear()
    g.look("cleared again", EMPTY)


def lines(g: Guest) -> None:
    g.write("first\nsecond one\n\nfourth")
    g.look("four lines", DRAFT, "first\nsecond one\n\nfourth")
    g.clear(lines=True)
    g.write("\nbelow a blank line")
    g.look("an empty line first", DRAFT, "\nbelow a blank line")
    g.clear(lines=True)
    g.write("above\n")
    g.look("an empty line last", DRAFT, "above\n")
    g.clear(lines=True)
    g.type(_MANY_WORDS)
    g.look("many words", DRAFT, _MANY_WORDS, exact=False)
    g.clear(lines=True)
    g.type("x" * 200)
    g.look("a long word", DRAFT, "x" * 200, exact=False)
    g.clear(lines=True)
    tall = "\n".join(f"line {n}" for n in range(1, 31))
    g.write(tall)
    g.look("thirty lines", DRAFT, tall, exact=False)
    g.clear(lines=True)
    g.look("cleared", EMPTY)
    g.write("first\nsecond one\n\nfourth")
    g.press("\x1b[A")
    g.look("cursor in the empty line", DRAFT, "first\nsecond one\n\nfourth")


def focus(g: Guest) -> None:
    g.focused(False)
    g.look("another window has the focus", EMPTY)
    g.focused(True)
    g.look("focus is back", EMPTY)
    g.press("  ")
    g.look("two blanks", DRAFT, "  ")
    g.focused(False)
    g.look("two blanks, no focus", DRAFT)
    g.focused(True)
    g.clear()
    g.type("words")
    g.focused(False)
    g.look("words, no focus", DRAFT, "words")
    g.focused(True)
    g.clear()
    g.send("say hello")
    g.answered("hello")
    g.focused(False)
    g.look("answered, no focus", EMPTY)
    g.focused(True)
    g.look("answered, focus is back", EMPTY)


def pastes(g: Guest) -> None:
    long = "\n".join(f"line {n}" for n in range(1, 15))
    g.paste(long if g.numbers >= (2, 1) else "\n".join(f"line {n}" for n in range(1, 15)) * 60)
    g.look("a long paste", DRAFT, pastes=True, shows=["[Pasted text #1"])
    g.type(" and words")
    g.look("words behind it", DRAFT, pastes=True)
    g.clear(lines=True)
    g.paste(str(g.folder / "work" / "pixel.png"))
    g.look("an image", DRAFT, pastes=True, shows=["[Image #"])
    g.clear()
    g.paste("one line")
    g.look("a short paste", DRAFT, "one line")
    g.clear()
    g.type("see @notes.md")
    g.look("choosing a file", MENU, pastes=True)
    g.press("\t")
    g.type(" now")
    g.look("a file is mentioned", DRAFT, pastes=True, shows=["@notes.md now"])
    g.clear()
    g.type("mail me@example.com")
    g.look("an address", DRAFT, "mail me@example.com")
    g.clear()


def modes(g: Guest) -> None:
    g.press("!")
    g.look("shell mode", MODE, shows=["! for"])
    g.press("ls")
    g.look("shell mode, a command", MODE)
    g.clear()
    g.press("\x7f")
    g.look("left", EMPTY)
    g.press("#")
    if g.numbers < (2, 0, 70):
        g.look("memory mode", MODE)
        g.type("note")
        g.look("memory mode, a note", MODE)
    else:
        g.look("a hash", DRAFT, "#")
    g.clear()
    g.press("\x7f")
    g.look("left again", EMPTY)
    g.type("& later")
    g.look("an ampersand", DRAFT, "& later")
    g.clear()
    g.press("/", 3.0)
    g.look("the list of commands", MENU, shows=["/add-dir"])
    g.press("co")
    g.look("the list of commands, narrowed", MENU, shows=["/co"])
    g.clear()
    g.press("\x7f\x7f")
    g.press("@", 3.0)
    g.look("the list of files", MENU)
    g.press("\x7f")
    g.look("the list is gone", EMPTY)
    g.press("?")
    g.look("the list of keys; what is typed goes into the box", EMPTY, shows=["for commands"])
    g.type("words")
    g.look("words, typed at the list of keys", DRAFT, "words")
    g.clear()
    g.look("the list of keys is gone", EMPTY)
    if g.numbers >= (2, 0):
        g.press("\x12")
        g.look("searching the history", VIEW, shows=["earch"])
        g.press("he")
        g.look("searching the history for something", VIEW)
        g.press("\x1b")
        g.clear()
        g.look("searched", EMPTY)
    g.send("say hello")
    g.answered("hello")
    g.press("\x0f")
    g.look("the transcript", VIEW, shows=["transcript"])
    g.press("\x0f" if g.numbers < (2, 1) else "\x1b")
    g.look("back from the transcript", EMPTY)
    g.press("\x14")
    g.look("the list of tasks", EMPTY)
    g.press("\x14")
    g.press("\x03")
    g.look("Ctrl-C once", EMPTY, shows=["again to exit"])
    g.rest(3.0)
    g.press("\x1b[A")
    g.look("the last prompt, taken from the history", DRAFT, "say hello")
    g.clear()
    if g.numbers >= (2, 1, 100):
        g.type("a thought")
        g.press("\x13")
        g.look("the draft is put aside", EMPTY, shows=["tashed"])
        g.press("\x13")
        g.look("the draft is back", DRAFT, "a thought")
        g.clear()


def editor(g: Guest) -> None:
    """One that takes the terminal and draws nothing, or one with a window of its own, with an empty draft."""
    g.look("started", EMPTY)
    g.press("\x07", 3.0)
    g.look("the editor is open", VIEW)


_DIALOGS: dict[str, tuple[str, str]] = {
    "/help": (VIEW, ""),
    "/config": (VIEW, "Esc to"),
    "/status": (VIEW, ""),
    "/model": (MENU, "1. Default"),
    "/theme": (MENU, "Dark mode"),
    "/permissions": (MENU, "Allow"),
    "/memory": (MENU, "memory"),
    "/hooks": (MENU, "ooks"),
    "/mcp": (VIEW, "MCP"),
    "/agents": (MENU, "gents"),
    "/resume": (MENU, ""),
    "/export": (MENU, "Copy to clipboard"),
    "/bashes": (VIEW, "ackground"),
}


def dialogs(g: Guest) -> None:
    g.send("say hello")
    g.answered("hello")
    for name, (state, words) in _DIALOGS.items():
        if not g.command(name):
            g.idle()
            g.look(f"{name} has said what it has to say", EMPTY)
            continue
        g.look(f"{name} is open", state, shows=[words] if words else [])
        g.close("\x1b", "\x1b", "\r", "\x1b")
        g.clear()
    if g.numbers >= (2, 0):
        g.rest(2.0)
        g.screen.type("\x1b")
        g.screen.watch(0.3)
        g.press("\x1b", 1.0)
        g.look("what to go back to", MENU, shows=["(current)"])


def work(g: Guest) -> None:
    g.api.set_fault("slow,first=15")
    g.send("say back")
    g.works()
    g.look("asked", BUSY, "")
    g.type("a draft")
    g.look("asked, and a draft is typed", BUSY, "a draft")
    g.api.set_fault("none")
    g.answered("back")
    g.look("answered, the draft is still there", DRAFT, "a draft")
    g.clear()
    g.look("cleared", EMPTY)
    g.send("long 100")
    g.works()
    g.screen.watch(2)
    g.look("an answer streams", BUSY, "")
    g.type("say more")
    g.press("\r")
    g.look("another prompt waits", BUSY)
    g.answered("more")
    g.look("all is answered", EMPTY)
    g.send("run touch one; sleep 8")
    g.wait("1. Yes")
    g.rest(0.5)
    g.look("may a tool run?", MENU, shows=["2. "])
    g.screen.type("\r")
    g.works()
    g.look("a tool runs", BUSY, "")
    g.answered(FINISHED)
    g.look("the tool has run", EMPTY)
    g.send("run touch two")
    g.wait("1. Yes")
    g.rest(0.5)
    g.look("may another tool run?", MENU)
    g.press("\x1b", 1.0)
    g.clear()
    g.look("it may not", EMPTY)
    _faults(g)
    _compacting(g)


def _faults(g: Guest) -> None:
    g.api.set_fault("status:400")
    g.send("say never")
    g.wait("API Error", 30)
    g.idle()
    g.look("failed", EMPTY)
    g.type("continue")
    g.look("failed, and a word is typed", DRAFT, "continue")
    g.clear()
    g.api.set_fault("reset")
    g.send("say never")
    g.works()
    g.screen.watch(5)
    g.look("it retries", BUSY, "")
    g.press("\x1b", 1.0)
    g.api.set_fault("none")
    if g.numbers >= (1, 0, 100):
        g.rest(2.0)
        g.clear()
        g.look("interrupted", EMPTY)


def _compacting(g: Guest) -> None:
    if g.numbers < (1, 0, 100):
        return
    g.api.set_fault("slow,first=15")
    g.press("/compact", 0.6)
    g.screen.type("\r")
    g.wait("ompacting")
    g.screen.watch(1)
    g.look("compacting", BUSY)
    g.api.set_fault("none")
    g.screen.watch(60, lambda: "ompacting" not in g.screen.screen())
    g.idle()
    g.rest(2.0)
    g.look("compacted", EMPTY)


def questions(g: Guest) -> None:
    options = [{"label": name, "description": f"It is {name}"} for name in ("Red", "Blue")]
    asked = {"question": "Which colour?", "header": "Colour", "options": options, "multiSelect": False}
    if g.numbers >= (2, 0, 50):
        g.send(f"call AskUserQuestion {json.dumps({'questions': [asked]})}")
        g.wait("Which colour?")
        g.wait("1. Red")
        g.rest(0.5)
        g.look("a question", MENU)
        g.press("\x1b[B")
        g.press("\x1b[B")
        g.type("green")
        g.look("a question, with an answer of one's own", MENU)
        g.press("\x1b", 1.0)
        g.clear()
        g.look("the question is gone", EMPTY)
    g.press("\x1b[Z")
    if g.numbers >= (1, 0, 50):
        g.press("\x1b[Z")
        g.look("plan mode", EMPTY, shows=["plan mode on"])
        plan = json.dumps({"plan": "1. Look\n2. Do"})
        g.send(f"call ExitPlanMode {plan}")
        g.wait("1. Yes")
        g.rest(0.5)
        g.look("a plan", MENU)
        g.press("\x1b", 1.0)
        g.clear()
        g.look("the plan is gone", EMPTY)


def background(g: Guest) -> None:
    call = {"command": "sleep 60", "description": "Wait", "run_in_background": True}
    g.send(f"call Bash {json.dumps(call)}")
    g.answered(FINISHED)
    g.look("a task in the background", EMPTY)
    g.type("abc")
    g.look("a task in the background and a draft", DRAFT, "abc")
    g.clear()
    g.press("\x1b[B")
    g.look("the footer has the keys", VIEW)
    g.press("\r", 1.0)
    g.look("the task", VIEW)


def vim(g: Guest) -> None:
    g.look("started, inserting", EMPTY, shows=["-- INSERT --"])
    g.press("\x1b")
    g.look("normal mode", NORMAL)
    g.press("i")
    g.type("abc def")
    g.look("inserting", DRAFT, "abc def")
    g.press("\x1b")
    g.look("normal mode, a draft", NORMAL)
    g.press("0")
    g.press("d")
    g.press("d")
    g.look("normal mode, deleted", NORMAL)
    g.press("i")
    g.look("inserting, empty", EMPTY)
    if g.numbers >= (2, 1, 130):
        g.type("abc")
        g.press("\x1b")
        g.press("v")
        g.look("visual mode", NORMAL)
        g.press("\x1b")
        g.press("d")
        g.press("d")
        g.press("i")
    g.type("say hello")
    g.screen.watch(0.5)
    g.press("\r")
    g.answered("hello")
    g.look("answered", EMPTY)


def _fake(sign: str) -> tuple[str, ...]:
    return (_RULE, f"{sign}\xa0", _RULE, "  ? for shortcuts")


def imitations(g: Guest) -> None:
    sign = "❯" if g.numbers >= (2, 1) else ">"
    fake = _fake(sign)
    g.send("say It looks so:\\n" + "\\n".join(fake))
    g.answered("looks so:")
    g.look("the model prints an empty box", EMPTY)
    g.type("mine")
    g.look("the model prints an empty box, and a draft", DRAFT, "mine")
    g.clear()
    g.press("\x0f")
    g.look("the transcript ends with an empty box", VIEW, shows=["transcript"])
    g.press("\x0f" if g.numbers < (2, 1) else "\x1b")
    g.send("run ./fake.sh 8")
    g.works()
    g.screen.watch(2)
    g.look("a tool prints an empty box in the box's colours", BUSY, "")
    g.answered(FINISHED)
    g.look("a tool has printed an empty box in the box's colours", EMPTY)
    g.press("\x0f")
    g.look("the transcript, with the tool's box", VIEW, shows=["transcript"])
    g.press("\x0f" if g.numbers < (2, 1) else "\x1b")
    g.send(f"run cat <<E\\n{fake[0]}")
    g.look("may it print a box?", MENU, shows=["1. Yes"])
    g.press("\x1b", 1.0)
    g.clear()
    g.look("it may not", EMPTY)
    g.api.set_fault("slow,first=12")
    g.send("say done")
    g.works()
    g.look("it works, below all that", BUSY, "")
    g.api.set_fault("none")
    g.answered("done")
    g.look("done", EMPTY)


def status_line(g: Guest) -> None:
    g.look("a status line with signs and a box", EMPTY)
    g.type("mine")
    g.look("a status line, and a draft", DRAFT, "mine")
    g.clear()
    g.send("say hello")
    g.answered("hello")
    g.look("answered", EMPTY)
    g.api.set_fault("slow,first=15")
    g.send("say back")
    g.works()
    g.look("asked", BUSY, "")


def trust(g: Guest) -> None:
    g.look("may it trust the folder?", MENU, shows=["trust"])


def first_run(g: Guest) -> None:
    g.look("the first start", MENU, shows=["Dark mode"])


def own_key(g: Guest) -> None:
    g.look("may it use the key?", MENU, shows=["API key"])


def short(g: Guest) -> None:
    """For other sizes, themes and terminals: what matters most of all tours."""
    g.look("started", EMPTY)
    g.type("hello  ")
    g.look("typed, with two blanks", DRAFT, "hello  ")
    g.clear()
    g.press("  ")
    g.look("two blanks", DRAFT, "  ")
    g.clear()
    g.write("one\ntwo")
    g.look("two lines", DRAFT, "one\ntwo")
    g.clear(lines=True)
    g.type(_MANY_WORDS)
    g.look("many words", DRAFT, _MANY_WORDS, exact=False)
    g.clear(lines=True)
    if g.numbers >= (1, 0, 100):
        g.press("!")
        g.look("shell mode", MODE, shows=["! for"])
        g.press("\x7f")
        g.clear()
    g.press("/", 3.0)
    g.look("the list of commands", MENU)
    g.press("\x7f")
    g.look("left", EMPTY)
    g.focused(False)
    g.look("no focus", EMPTY)
    g.focused(True)
    g.api.set_fault("slow,first=15")
    g.send("say back")
    g.works()
    g.look("asked", BUSY, "")
    g.focused(False)
    g.look("asked, no focus", BUSY, "")
    g.focused(True)
    g.api.set_fault("none")
    g.answered("back")
    g.look("answered", EMPTY)
    g.send("long 20")
    g.works()
    g.screen.watch(1)
    g.look("an answer streams", BUSY, "")
    g.answered("part 20")
    g.look("answered again", EMPTY)
    g.send("run touch one; sleep 8")
    g.wait("1. Yes")
    g.rest(0.5)
    g.look("may a tool run?", MENU)
    g.screen.type("1")
    g.screen.watch(1)
    if "Enter to submit" in g.screen.screen():
        g.screen.type("\r")
    g.works()
    g.look("a tool runs", BUSY, "")
    g.answered(FINISHED)
    g.look("the tool has run", EMPTY)
    g.api.set_fault("status:400")
    g.send("say never")
    g.wait("API Error", 30)
    g.idle()
    g.look("failed", EMPTY)
    g.api.set_fault("reset")
    g.send("say never")
    g.works()
    g.screen.watch(3)
    g.look("it retries", BUSY, "")
    g.press("\x1b", 1.0)


_FAKE_BOX = (
    "#!/bin/sh\n"
    "cat <<E\n\033[38;2;136;136;136m{rule}\033[0m\n{sign}\xa0\033[7m \033[0m\n"
    "\033[38;2;136;136;136m{rule}\033[0m\nE\nsleep $1\n"
)
_STATUS_FAKE = (
    "#!/bin/sh\ncat >/dev/null\nprintf 'main > 42%%%% ❯ \\n'\n"
    "printf '\033[38;2;136;136;136m{rule}\033[0m\\n❯\xa0\\n\033[38;2;136;136;136m{rule}\033[0m\\n'\n"
)


def _files(sign: str) -> dict[str, str]:
    return {
        "work/fake.sh": _FAKE_BOX.format(rule=_RULE, sign=sign),
        "editor.sh": "#!/bin/sh\nsleep 30\n",
        "code": "#!/bin/sh\nsleep 30\n",
        "status.sh": _STATUS_FAKE.format(rule="─" * 76),
        "work/notes.md": "Notes\n",
        "work/pixel.png": _PNG,
    }


_ALL_FILES = _files("❯")
_STATUS = {"statusLine": {"type": "command", "command": "sh {folder}/status.sh", "padding": 0}}

TOURS: dict[str, Tour] = {
    "typing": Tour(typing),
    "lines": Tour(lines),
    "focus": Tour(focus),
    "pastes": Tour(pastes, files=_ALL_FILES),
    "modes": Tour(modes, files=_ALL_FILES),
    "editor": Tour(editor, files=_ALL_FILES, env={"EDITOR": "{folder}/editor.sh"}),
    "editor-window": Tour(editor, files=_ALL_FILES, env={"EDITOR": "{folder}/code"}),
    "dialogs": Tour(dialogs),
    "work": Tour(work),
    "questions": Tour(questions),
    "background": Tour(background, tools="Read,Bash"),
    "vim": Tour(vim, home={"editorMode": "vim"}, vim=True),
    "imitations": Tour(imitations, files=_ALL_FILES, tools="Read,Bash(./fake.sh:*)"),
    "status-line": Tour(status_line, files=_ALL_FILES, settings=_STATUS),
    "trust": Tour(trust, project={"hasTrustDialogAccepted": False}, ready=False),
    "first-run": Tour(first_run, home={"hasCompletedOnboarding": False}, ready=False),
    "own-key": Tour(own_key, home={"customApiKeyResponses": {"approved": [], "rejected": []}}, ready=False),
    "short": Tour(short),
}

FULL = ("2.1.330", "2.1.132", "2.0.60", "1.0.120")
_OTHERS = ("2.1.273", "2.1.197", "2.1.30", "2.0.14", "1.0.31", "0.2.126")
_SIZES = ("40x20", "120x40", "200x60")
_ALL_VARIANTS = (
    *("light", "dark-daltonized", "light-daltonized", "dark-ansi", "light-ansi", "256", "16"),
    *("mono", "no-color", "answers", "tmux", "fullscreen", "reader"),
)
_SOME_VARIANTS = ("light", "light-daltonized", "dark-ansi", "16", "mono", "tmux")


def _matrix() -> Iterator[Capture]:
    for version in FULL:
        for tour in TOURS:
            if not (version.startswith("1.") and tour.startswith("editor")):
                yield Capture(version, tour)
        for size in _SIZES:
            yield Capture(version, "short", size=size)
    for version in _OTHERS:
        yield Capture(version, "short")
    for version in ("2.1.273", "2.1.197"):
        yield Capture(version, "focus")
        yield Capture(version, "short", "fullscreen")
    for variant in _ALL_VARIANTS:
        yield Capture(FULL[0], "short", variant)
    for version in FULL[1:]:
        for variant in _SOME_VARIANTS:
            yield Capture(version, "short", variant)
    for tour in ("lines", "focus", "modes", "dialogs", "imitations"):
        yield Capture(FULL[0], tour, "fullscreen")


MATRIX = tuple(_matrix())
