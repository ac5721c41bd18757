"""Takes the README's picture: a real session in a real terminal while something is wrong with the network.

    python -m tests.docs.picture [--out docs/pictures] [--size 132x40] [--panel 58]

The real Claude Code runs under the real cc-guard, with the real panel beside it, in a tmux window on a
machine of its own (a network namespace) where IPv6 connects and then breaks. Only the API is a stand-in. What
the window shows when cc-guard asks, and after the answer, goes into two SVG files, asks and recovered; the
list of incidents is printed. Needs root, for the namespace.
"""

import argparse
import io
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.netns.scenario import FOLDER, load
from tests.proofs.script import Script, says
from tests.support.guarded import CC_GUARD, Guarded, guarded
from tests.support.terminal import Terminal

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
_SCENARIO, _ASKED = "ipv6_first_resets", "ipv6.prefer_v4"
_TITLE = "cc-guard claude"
_BORDER = "│"
# Nobody who looks at the picture fetches a font for it.
_WEB_FONT = re.compile(r" *@font-face \{.*?\}\n", re.DOTALL)
_FONTS = "Fira Code, Menlo, Consolas, DejaVu Sans Mono, monospace"
_TALK = {
    "why does the upload test fail now and then?": (
        "The test waits for a fixed second before it looks for the file. On a busy machine the upload takes "
        "longer.\n\nIt should wait until the file is there, with a limit of ten seconds."
    ),
    "good, change it like that": "Changed. The test waits for the file now, for ten seconds at most.",
}
# The panel's own dark colours (cc_guard.panel.theme), so that both halves have one background.
_COLOURS = TerminalTheme(
    (13, 17, 23),
    (230, 237, 243),
    [
        *((72, 79, 88), (255, 123, 114), (74, 194, 107), (227, 179, 65)),
        *((110, 168, 254), (210, 168, 255), (86, 212, 221), (177, 186, 196)),
    ],
    [
        *((110, 118, 129), (255, 161, 152), (111, 221, 139), (242, 204, 96)),
        *((145, 195, 255), (226, 197, 255), (125, 226, 232), (240, 246, 252)),
    ],
)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.docs.picture", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=PICTURES)
    parser.add_argument("--size", default="132x40")
    parser.add_argument("--panel", type=int, default=58, help="columns of the panel")
    options = parser.parse_args(argv)
    columns, rows = map(int, options.size.split("x"))
    script = Script()
    for prompt, answer in _TALK.items():
        script[prompt] = ((says(answer),),)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, script.played():
        scenario = load(FOLDER / f"{_SCENARIO}.toml")
        with guarded(Path(folder), scenario, "linux") as session:
            _take(session, options.out, columns, rows, options.panel)
    return 0


def _take(session: Guarded, out: Path, columns: int, rows: int, panel: int) -> None:
    first, second = _TALK
    terminal = session.terminal
    terminal.resize(columns, rows)
    session.ready()
    beside = _beside(session, panel)
    client = _panes(terminal)[0]
    terminal.prompt(first)
    terminal.wait_for("ten seconds", 40)
    time.sleep(1.0)
    session.turn_into(_SCENARIO)
    terminal.prompt(second)
    session.until(lambda: session.asked() == _ASKED, "nobody asks")
    _save(terminal, client, beside, rows, out / "asks.svg")
    session.answer("yes")
    terminal.wait_for("at most", 90)
    session.until(lambda: session.incidents()[0]["outcome"] == "recovered", "it is not over")
    _save(terminal, client, beside, rows, out / "recovered.svg")
    print(session.cc_guard("incidents").stdout, end="")
    session.leave()


def _beside(session: Guarded, panel: int) -> str:
    """The panel's pane: where it does not open by itself, it is opened."""
    terminal = session.terminal
    if len(_panes(terminal)) == 1:
        argv = session.here.place.before
        command = [*argv, str(CC_GUARD), "panel", "--colours", "dark"]
        terminal._tmux("split-window", "-d", "-h", "-l", str(panel), shlex.join(command))
    session.until(lambda: len(_panes(terminal)) == 2, "no panel")
    beside = _panes(terminal)[1]
    session.until(lambda: "OK" in "\n".join(_shown(terminal, beside)), "the panel shows nothing")
    return beside


def _panes(terminal: Terminal) -> list[str]:
    """From left to right."""
    return terminal._tmux("list-panes", "-F", "#{pane_id}").split()


def _columns(terminal: Terminal, pane: str) -> int:
    return int(terminal._tmux("display-message", "-p", "-t", pane, "#{pane_width}"))


def _shown(terminal: Terminal, pane: str) -> list[str]:
    """The rows of a pane with their colours."""
    return terminal._tmux("capture-pane", "-e", "-p", "-t", pane).splitlines()


def _save(terminal: Terminal, client: str, beside: str, rows: int, path: Path) -> None:
    time.sleep(2.0)  # until the panel has drawn what the answer has not waited for
    left, right = (_shown(terminal, pane) for pane in (client, beside))
    widths = _columns(terminal, client), _columns(terminal, beside)
    console = Console(
        width=sum(widths) + len(_BORDER),
        file=io.StringIO(),
        record=True,
        force_terminal=True,
        color_system="truecolor",
    )
    for row in range(rows):
        line = Text(no_wrap=True, end="")
        for half, width, border in zip((left, right), widths, (_BORDER, ""), strict=True):
            text = Text.from_ansi(half[row] if row < len(half) else "")
            text.pad_right(max(0, width - text.cell_len))
            line.append(text).append(border, "#30363d")
        console.print(line, soft_wrap=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = console.export_svg(title=_TITLE, theme=_COLOURS, unique_id=f"cc-guard-{path.stem}")
    path.write_text(_WEB_FONT.sub("", picture).replace("Fira Code, monospace", _FONTS))
    print(f"written: {path}")


if __name__ == "__main__":
    sys.exit(main())
