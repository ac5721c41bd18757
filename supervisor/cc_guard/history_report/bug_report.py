"""One incident as Markdown, to be given to strangers: scrubbed, and with all that was recorded in code, where
nothing of it is taken for Markdown."""

import json
import platform
import re

from cc_guard import __version__
from cc_guard.commands.output import plain
from cc_guard.detect import signatures
from cc_guard.history_report import timeline, words
from cc_guard.history_report.anonymous import Scrubber
from cc_guard.incident.record import Incident, iso

_NOTE = "Written by `cc-guard incidents report`. Read it before you publish it"
_LEFT_OUT = "; paths in home, names of user and machine, and addresses are left out."
_WITH_ADDRESSES = "; paths in home and names of user and machine are left out, addresses are not."


def report(incident: Incident, scrubber: Scrubber, addresses: bool) -> str:
    """`addresses` says whether `scrubber` leaves addresses in."""
    kind = words.what(incident.kind, incident.code)
    lines = [
        f"# {_inline(scrubber, kind)}: {incident.outcome}",
        "",
        f"{_NOTE}{_WITH_ADDRESSES if addresses else _LEFT_OUT}",
        "",
        "## Versions",
        "",
    ]
    lines += [f"- {name}: {_inline(scrubber, value)}" for name, value in versions(incident)]
    lines += ["", "## Summary", "", *_block(scrubber, _facts(incident))]
    lines += ["", "## Timeline", "", *_block(scrubber, _events(incident))]
    lines += ["", "## Findings", ""]
    if not incident.evidence:
        lines.append("None: nothing was looked at, or the incident was over before.")
    for finding in incident.evidence:
        evidence = json.dumps(scrubber.value(finding.evidence), ensure_ascii=False, indent=1, sort_keys=True)
        summary = f"{finding.state} {finding.probe}: {finding.summary} ({finding.ms:.0f} ms)"
        lines += [*_fenced([plain(scrubber.text(summary)), *map(plain, evidence.splitlines())]), ""]
    ids = request_ids(incident)
    lines += ["", "## Request ids", ""]
    lines += [f"- {_inline(scrubber, one)}" for one in ids] or ["None were recorded."]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def versions(incident: Incident) -> list[tuple[str, str]]:
    """The client's is of the incident, all others are of now."""
    return [
        ("cc-guard", __version__),
        ("Claude Code", incident.client_version or "not known"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("System", _system()),
    ]


def request_ids(incident: Incident) -> list[str]:
    """Those that the client showed and those that the doctor's own request got."""
    read = signatures.shipped().read
    found = [read(one.text).request_id for one in incident.symptoms]
    found += [one.evidence.get("request_id") for one in incident.evidence]
    return list(dict.fromkeys(one for one in found if isinstance(one, str) and one))


def _system() -> str:
    """Without the machine's name, which is what `platform` has besides."""
    known = f"{platform.system()} {platform.release()} {platform.machine()}"
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}, {known}"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {known}"
    except (OSError, KeyError):
        return known


def _facts(incident: Incident) -> list[str]:
    facts = [("started", iso(incident.started_at)), *timeline.about(incident)]
    return [f"{label:<9} {value}" for label, value in facts]


def _events(incident: Incident) -> list[str]:
    return [f"{t - timeline.begun(incident):+8.1f} s  {text}" for t, text in timeline.events(incident)]


def _block(scrubber: Scrubber, lines: list[str]) -> list[str]:
    return _fenced([plain(scrubber.text(line)) for line in lines])


def _fenced(lines: list[str]) -> list[str]:
    """In a code block that its own text can't end."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *lines, fence]


def _inline(scrubber: Scrubber, text: str) -> str:
    return f"`{plain(scrubber.text(text)).replace('`', '')}`"
