"""The sign-in page of a network, opened in the user's browser."""

from urllib.parse import urlsplit

from cc_guard.remedies.hands import found
from cc_guard.remedies.remedy import Plan, Remedy, Step, Unfit, everywhere
from cc_guard.remedies.world import World

# A page over plain HTTP, which portals answer in the place of: Apple's, as the doctor's probe.
_PAGE = "http://captive.apple.com/hotspot-detect.html"


async def _plan(world: World) -> Plan:
    findings = await world.find("portal")
    if any(finding.state == "pass" for finding in findings):
        raise Unfit("another website answers as it should: there is no sign-in page")
    url = str(findings[0].evidence.get("url") or _PAGE)
    if urlsplit(url).scheme not in ("http", "https"):
        url = _PAGE
    text = f"Opens {url} in your browser; the network shows its sign-in page instead. Sign in there."
    return Plan(
        text, (Step((*_opener(world), url), deadline_s=10.0),), check=(f"curl -sS -m 10 {url}",), proof=""
    )


def _opener(world: World) -> tuple[str, ...]:
    """open(1) of macOS, xdg-open(1), and in WSL Windows' own (wslu's wslview, or explorer.exe)."""
    names = (
        ("open",) if world.facts.system == "macos" else ("wslview", "explorer.exe") if world.facts.wsl else ()
    )
    path = next((path for name in (*names, "xdg-open") if (path := found(name))), "")
    if not path:
        raise Unfit("no browser can be opened from here; open any http:// page on this network yourself")
    return (path,)


REMEDY = Remedy(
    "portal.open",
    "Open the network's sign-in page",
    "Opens a page in your browser that leads to the sign-in page of the network.",
    ("captive_portal",),
    everywhere(2),
    _plan,
    policy="ask",
)
