"""zellij.dev/documentation/zellij-run: `run --direction right|down --close-on-exit`; a size there is none for
panes that do not float. `--no-focus` is of 2026 (zellij-org/zellij#5346): the pane comes beside the one that
the command was issued from, and nobody's focus changes. A zellij that does not know it opens nothing."""

from collections.abc import Mapping

from cc_guard.diagnose import facts, processes
from cc_guard.terminals.terminal import Place, Refused, Split, Terminal, program, run


def _here(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("ZELLIJ") and environ.get("ZELLIJ_PANE_ID"))


async def _open(place: Place, split: Split, panel: list[str]) -> None:
    zellij = program("zellij", place)
    if not await _runs_us(place.relay):
        raise Refused("this terminal has been started from zellij, but is not in it")
    side = "right" if split.side == "right" else "down"
    words = ("run", "--no-focus", "--close-on-exit", "--direction", side, "--name", "cc-guard", "--cwd", "/")
    try:
        await run(place, zellij, *words, "--", *panel)
    except Refused as why:
        raise Refused(f"{why}; it has to be one that knows `zellij run --no-focus`") from None


async def _runs_us(relay: int) -> bool:
    """Whether zellij's server has started what has started cc-guard."""
    known = {process.pid: process for process in await processes.table(facts.read())}
    process = known.get(relay)
    while process is not None and process.pid != process.parent:
        if process.name == "zellij":
            return True
        process = known.get(process.parent)
    return False


ZELLIJ = Terminal("zellij", _here, _open, halves=True)
