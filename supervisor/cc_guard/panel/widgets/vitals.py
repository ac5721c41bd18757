"""How the client and this machine fare, in a few lines."""

from collections import Counter
from statistics import median

from cc_guard.panel.state import Snapshot, Vitals
from cc_guard.panel.widgets.page import DIM, Page
from cc_guard.panel.widgets.section import Section
from cc_guard.panel.words import seconds, size, spark

_LABEL = 12
_SCARCE = 0.1  # of the memory: below that a machine begins to swap
_FULL = 0.8  # of the local ports, as cc_guard.diagnose.probes.ports has it


class VitalsView(Section):
    TITLE = "Vitals"

    def write(self, page: Page, now: Snapshot, clock: float) -> None:
        vitals = now.vitals
        if vitals.warning and now.incident is not None:  # else it is the headline
            page.words(vitals.warning, "$warning", ("▲ ", "$warning"))
        _latency(page, "first words", vitals.first_words_s)
        _latency(page, "whole", vitals.request_s)
        _machine(page, vitals)


def _latency(page: Page, label: str, values: tuple[float, ...]) -> None:
    if not values:
        return
    last = seconds(values[-1])
    usual = f" usually {seconds(median(values))}" if len(values) > 3 else ""
    said = f" {last}{usual}"
    room = page.width - _LABEL - len(said)
    if room < 8:
        said, room = f" {last}", page.width - _LABEL - len(last) - 1
    page.line((label.ljust(_LABEL), DIM), (spark(values, room), "$primary"), (said, ""))


def _machine(page: Page, vitals: Vitals) -> None:
    if vitals.available_mb is not None and vitals.total_mb:
        scarce = vitals.available_mb < _SCARCE * vitals.total_mb
        _row(
            page,
            "memory",
            f"{size(vitals.available_mb)} free",
            "$warning" * scarce,
        )
    if vitals.client_mb is not None:
        _row(page, "Claude Code", f"{size(vitals.client_mb)}")
    if vitals.ports is not None and vitals.ports_of:
        full = vitals.ports > _FULL * vitals.ports_of
        _row(page, "ports used", f"{vitals.ports} of {vitals.ports_of}", "$warning" * full)
    if vitals.machines:
        counts = Counter(vitals.machines)
        _row(page, "VMs", ", ".join(f"{n} × {name}" if n > 1 else name for name, n in counts.items()))


def _row(page: Page, label: str, text: str, style: str = "") -> None:
    page.words(text, style, (label.ljust(_LABEL), DIM), most=2)
