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
from urllib.parse import SplitResult, quote, urlsplit

from cc_guard.diagnose import shape
from cc_guard.probe.route import spelled_out
from cc_guard.redact import MASK

_BLANKS = re.compile("[\\s\u200b-\u200d\u2060\ufeff]")  # those without a width, too, as web pages have them
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

_OTHER_PORT = (("https", 80), ("http", 443))

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
    bare = _BLANKS.sub("", url)
    if bare != url:
        found.append("blank")
    if bare.strip(_QUOTES) != bare:
        found.append("quotes")
        bare = bare.strip(_QUOTES).strip()
    if "://" not in bare:
        found.append("no_scheme")
        bare = f"https://{bare.lstrip('/')}"
    try:
        parts = urlsplit(bare)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return tuple(found)
    return (*found, *_of_parts(parts, host, port))


def suggested(url: str) -> str:
    """What was probably meant by an address of a gateway that is odd or can't be used; "" when there is no
    telling, and for an address of the provider's own, which needs none."""
    bare = _BLANKS.sub("", url).strip(_QUOTES).rstrip(",;)]}>")
    local = re.match(r"(localhost|127\.|\[::1\])", bare)
    if "://" not in bare:
        bare = f"{'http' if local else 'https'}://{bare}"
    shown = shape.of_url(bare)
    if shown == "not a URL" or not shown.startswith(("http://", "https://")) or MASK in shown:
        return ""
    parts = urlsplit(shown)
    if (parts.hostname or "") in _WEBSITES:
        return ""
    path = re.sub(r"(/v1)*(/messages)?$", "", re.sub(r"/{2,}", "/", parts.path).rstrip("/"))
    host = parts.netloc
    if (parts.scheme, parts.port) in _OTHER_PORT:
        host = host.rpartition(":")[0]
    return f"{parts.scheme}://{host}{path}"


def path_of(url: str) -> str:
    """The path that the client puts `/v1/messages` behind, as it goes over the wire; "" when there is none.
    Not to be shown: some gateways want their key in it, and it may be the rest of a password."""
    try:
        parts = urlsplit(spelled_out(url))
    except ValueError:
        return ""
    known = parts.scheme in ("http", "https")
    return quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~-._", errors="replace") if known else ""


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
        "double_slash": "//" in path,
        "junk": parts.query or parts.fragment or re.search(r"[,;)\]}>]$", path or parts.netloc.rstrip("]")),
        "plain_http": parts.scheme == "http" and is_public(host),
        "scheme_port": (parts.scheme, port) in _OTHER_PORT,
        "other_host": host in _WEBSITES,
    }
    return [code for code, there in found.items() if there]
