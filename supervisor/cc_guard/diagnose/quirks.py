"""What looks wrong about a base URL, although it may parse.

blank         a blank or line end around it or in it
quotes        a quotation mark around it, as from a settings file edited by hand
no_scheme     no http:// or https:// before the host
v1_path       it ends in /v1: the client adds /v1/messages itself, and asks for /v1/v1/messages
message_path  it ends in /messages: the whole address of a request, not the base
double_slash  two slashes in its path
junk          a query, a fragment, or punctuation at its end
plain_http    not encrypted, and to a public host
scheme_port   https to port 80, or http to port 443
other_host    a website of Anthropic's, not its API
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from cc_guard.redact import redact

_QUOTES = "\"'`“”‘’«»"
_WEBSITES = (
    "anthropic.com",
    "claude.ai",
    "claude.com",
    "console.anthropic.com",
    "docs.anthropic.com",
    "docs.claude.com",
    "platform.claude.com",
    "status.anthropic.com",
    "status.claude.com",
    "www.anthropic.com",
    "www.claude.com",
)
# Top-level names that are never public: RFC 6761, RFC 6762, RFC 8375, ICANN's .internal (2024), and what home
# and company networks use.
_PRIVATE_ENDS = (
    "localhost",
    "local",
    "internal",
    "home.arpa",
    "lan",
    "home",
    "corp",
    "intranet",
    "private",
    "test",
)

TEXTS = {
    "blank": "there is a blank around it or in it",
    "quotes": "there are quotation marks around it",
    "no_scheme": "it does not begin with https://",
    "v1_path": "it ends in /v1, which Claude Code adds itself: requests go to /v1/v1/messages",
    "message_path": "it ends in /messages: Claude Code wants only what stands before /v1/messages",
    "double_slash": "there are two slashes in its path",
    "junk": "there is something behind its path that does not belong there",
    "plain_http": "requests and their key travel unencrypted over the internet",
    "scheme_port": "its port belongs to the other of http and https",
    "other_host": "this is a website, not the API",
}


def of_url(url: str) -> tuple[str, ...]:
    """The codes of all that is odd; nothing here raises."""
    found = []
    bare = url.strip()
    if bare != url or re.search(r"\s", bare):
        found.append("blank")
    if bare.strip(_QUOTES) != bare:
        found.append("quotes")
        bare = bare.strip(_QUOTES).strip()
    if "://" not in bare:
        found.append("no_scheme")
        bare = f"https://{bare}"
    try:
        parts = urlsplit(bare)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return tuple(found)
    return (*found, *_of_parts(parts, host, port))


def path_of(url: str) -> str:
    """The path that the client puts `/v1/messages` behind; "" when there is none, or when it could be the
    rest of a password."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    known = parts.scheme in ("http", "https") and "@" not in parts.path
    return redact(parts.path.rstrip("/")) if known else ""


def is_public(host: str) -> bool:
    """Whether a host name or address is meant for the internet, as far as its form tells."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        pass
    host = host.rstrip(".").lower()
    return "." in host and not any(host == end or host.endswith(f".{end}") for end in _PRIVATE_ENDS)


def _of_parts(parts: SplitResult, host: str, port: int | None) -> list[str]:
    path = parts.path.rstrip("/")
    found = {
        "v1_path": re.search(r"/v1$", path),
        "message_path": re.search(r"/messages$", path),
        "double_slash": "//" in parts.path,
        "junk": parts.query or parts.fragment or re.search(r"[,;)\]}>]$", path or parts.netloc.rstrip("]")),
        "plain_http": parts.scheme == "http" and is_public(host),
        "scheme_port": (parts.scheme, port) in (("https", 80), ("http", 443)),
        "other_host": host in _WEBSITES,
    }
    return [code for code, there in found.items() if there]
