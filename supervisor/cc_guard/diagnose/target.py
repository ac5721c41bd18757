"""What the network probes look at: the first hop of the configured route, and its addresses."""

from cc_guard.diagnose.probe import Context
from cc_guard.diagnose.quirks import is_public
from cc_guard.incident.record import Finding
from cc_guard.probe.route import Proxy, Route

FAMILIES = (4, 6)


def route(context: Context) -> Route:
    """For probes that need `config.route` to have passed. Raises ValueError when it has not."""
    if context.configuration.route is None:
        raise ValueError("there is no route")
    return context.configuration.route


def hop(context: Context) -> Route | Proxy:
    """What the client dials: its proxy, or the API itself."""
    whole = route(context)
    return whole.proxy or whole


def path(context: Context) -> str:
    """What the client asks for to get an answer of the model."""
    return f"{context.configuration.path}/v1/messages"


def is_ours(host: str) -> bool:
    """Whether this is a host of Anthropic's, which never has a private address or a private CA."""
    return any(
        host == end or host.endswith(f".{end}") for end in ("anthropic.com", "claude.com", "claude.ai")
    )


def is_remote(context: Context) -> bool:
    """Whether the API is on the internet, and dialled without a proxy."""
    whole = route(context)
    return whole.proxy is None and is_public(whole.host)


def addresses(context: Context, family: int) -> list[str]:
    """Those that the system's resolver gave."""
    return list(context.value("dns.system", f"v{family}") or [])


def connected(context: Context) -> list[str]:
    """One address of each family that accepted a connection, in the system's order of preference."""
    best = [context.value(f"tcp.v{family}", "best") for family in FAMILIES]
    order = list(context.value("dns.system", "addresses") or [])
    return sorted((address for address in best if address), key=lambda a: order.index(a) if a in order else 0)


def unknown(context: Context) -> str:
    """Why nothing can be dialled, for probes that can't apply without a route."""
    return "it is not known where the API is" if context.configuration.route is None else ""


def nobody(probe: str) -> Finding:
    """For a probe that needs a connection over one family, whichever."""
    text = "not checked: no address accepts a connection"
    return Finding(probe, "skip", text, {"because": "tcp.v4"})
