"""learn.microsoft.com/windows/terminal/command-line-arguments: `wt -w 0` is the window in use, `split-pane -V
-s` takes a share of the pane in front, `move-focus` goes back to what is left of it; from WSL by cmd.exe.

Which pane is in front can't be asked, so the user has to have typed into ours just now."""

import re
from collections.abc import Mapping

from cc_guard.terminals.terminal import Place, Refused, Split, Terminal, program, run

_SYSTEM = "/mnt/c/Windows/System32"
# wt divides its words at semicolons, and cmd.exe has a dozen characters of its own.
_PLAIN = re.compile(r"[A-Za-z0-9_./:=,@+-]+")


def _here(environ: Mapping[str, str]) -> bool:
    # Editors on Windows run WSL's shells with what they have inherited, and name themselves.
    return bool(environ.get("WT_SESSION") and environ.get("WSL_DISTRO_NAME")) and not environ.get(
        "TERM_PROGRAM"
    )


async def _open(place: Place, split: Split, panel: list[str]) -> None:
    inside = ("wsl.exe", "-d", place.environ["WSL_DISTRO_NAME"], "--cd", "/", "--exec", *panel)
    if not all(_PLAIN.fullmatch(word) for word in inside):
        raise Refused("a path or the distribution's name has characters that cmd.exe would not leave alone")
    side, back = ("-V", "left") if split.side == "right" else ("-H", "up")
    words = ("-w", "0", "split-pane", side, "-s", f"{split.share:.2f}", *inside, ";", "move-focus", back)
    await run(place, program("cmd.exe", place, _SYSTEM), "/c", "wt.exe", *words)


WINDOWS_TERMINAL = Terminal("Windows Terminal", _here, _open, moves_focus=True, in_front=True)
