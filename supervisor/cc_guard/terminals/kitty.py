"""sw.kovidgoyal.net/kitty/remote-control and /launch: `kitten @ launch --keep-focus`, over the socket that
`listen_on` opens. Without a password kitty refuses or obeys, and asks nobody: hence `--use-password never`.

`--location vsplit` and `--bias` (percent of the window that is divided) mean what is wanted in the layout
`splits` alone (/layouts); in others the client could lose its place."""

import json
from collections.abc import Mapping
from typing import Any

from cc_guard.diagnose import tools
from cc_guard.terminals.terminal import Place, Refused, Split, Terminal, program, run


def _here(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("KITTY_WINDOW_ID", "").isdigit() and environ.get("KITTY_LISTEN_ON"))


async def _open(place: Place, split: Split, panel: list[str]) -> None:
    window = place.environ["KITTY_WINDOW_ID"]
    to = place.environ["KITTY_LISTEN_ON"]
    kitten = (program("kitten", place), "@", "--to", to, "--use-password", "never")
    listed = await run(place, *kitten, "ls", "--match", f"id:{window}")
    layout = _layout(tools.decoded(listed.out), int(window), place.relay)
    if layout is None:
        raise Refused("this terminal has been started from kitty, but is not in it")
    if layout != "splits":
        raise Refused(f"kitty's layout is {layout!r}; only `splits` leaves Claude Code its place")
    side = "vsplit" if split.side == "right" else "hsplit"
    where = ("--type", "window", "--next-to", f"id:{window}", "--location", side)
    size = ("--bias", str(round(split.share * 100)))
    await run(place, *kitten, "launch", "--keep-focus", *where, *size, "--cwd", "/", *panel)


def _layout(listed: str, window: int, relay: int) -> str | None:
    """Of the tab in which `window` is and runs `relay`; None when there is none."""
    try:
        tabs = [tab for system in json.loads(listed) for tab in system["tabs"]]
        for tab in tabs:
            for one in tab["windows"]:
                if one["id"] == window and _runs(one, relay):
                    return str(tab["layout"])
    except (ValueError, TypeError, KeyError):
        raise Refused("kitty's answer is not understood") from None
    return None


def _runs(window: Mapping[str, Any], relay: int) -> bool:
    return any(process["pid"] == relay for process in window["foreground_processes"])


KITTY = Terminal("kitty", _here, _open)
