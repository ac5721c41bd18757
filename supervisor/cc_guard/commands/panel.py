"""`cc-guard panel`: what the guard of a session sees and does, beside it."""

import argparse
import contextlib
import io
import sys
import termios
from collections.abc import Sequence

from cc_guard.commands.output import plain
from cc_guard.panel import sessions
from cc_guard.panel.sessions import Session

_EPILOG = """\
It closes by itself when the session ends; q closes it, ? shows all keys.

examples:
  cc-guard panel                       in any other window, also over ssh
  cc-guard panel --session 3f2a        where several sessions run
  tmux split-window -h -d -l 42 cc-guard panel
"""


def main(argv: list[str]) -> int:
    """Exit status: 0 closed, or the session is over; 1 there is no such session; 2 wrong usage."""
    try:
        options = _parse(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    found: Sequence[Session] = sessions.running()
    if not found:
        return _fail("no guarded session is running. Start one with: cc-guard claude", 1)
    if options.session is not None:
        named = sessions.named(found, options.session)
        if len(named) != 1:
            return _fail(_not_one(options.session, named, found), 1)
        found = named
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty()):
        return _fail("the panel needs a terminal; `cc-guard answer` works without one.", 2)
    return _run(found, options.colours)


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="cc-guard panel",
        description="Show beside a guarded session what is wrong, why, what is done about it and what\n"
        "you can do. Where several sessions run, you pick one.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--session", metavar="ID", help="the session's id, its beginning, or the process id of its cc-guard"
    )
    parser.add_argument(
        "--colours", choices=("auto", "dark", "light"), default="auto", help="default: as the terminal is"
    )
    return parser.parse_args(argv)


def _not_one(word: str, named: Sequence[Session], found: Sequence[Session]) -> str:
    ids = ", ".join(plain(one.now.session) or str(one.relay) for one in named or found)
    if named:
        return f"more than one session begins with {plain(word)!r}: {ids}."
    return f"no guarded session is called {plain(word)!r}. Running: {ids}."


def _run(found: Sequence[Session], colours: str) -> int:
    # Imported here: they cost a quarter of a second, which nobody wants to wait for a usage error.
    from cc_guard.panel import theme
    from cc_guard.panel.app import PanelApp

    # Where Textual draws. Terminals speak UTF-8, whatever the variables of a locale say.
    if isinstance(sys.__stderr__, io.TextIOWrapper):
        sys.__stderr__.reconfigure(encoding="utf-8", errors="replace")
    chosen = {"dark": theme.DARK, "light": theme.LIGHT}.get(colours) or theme.suited()
    with contextlib.suppress(termios.error):
        termios.tcflush(0, termios.TCIFLUSH)  # keys that were meant for another pane
    app = PanelApp(found, chosen)
    said = app.run()
    if app.return_code:
        return _fail("the panel has failed; the session goes on. Open it again, or do without it.", 1)
    if said:
        print(said)
    return 0


def _fail(text: str, status: int) -> int:
    sys.stderr.write(f"cc-guard: {text}\n")
    return status
