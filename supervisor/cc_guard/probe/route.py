"""The client's configured way to its API: endpoint and proxy, from its environment and settings.

Claude Code lays the `env` block of its settings files over its own environment; later files win:
user, project, local, `--settings`, managed (code.claude.com/docs/en/settings, "Settings precedence"), and
since 2.1.83 the files of managed-settings.d by name (its CHANGELOG). The local settings of a repository's
top folder win over those of the folder inside that it starts in (measured: 2.1.228 and later).
Only the variables named here are looked at, and never a key or token.
"""

import ipaddress
import json
import os
import re
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

DEFAULT_URL = "https://api.anthropic.com"

# The first that is set serves both http and https; the last two since 2.1 only (measured on 1.0.120, 2.0.60
# and 2.1.330).
PROXIES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
# Ways to the API whose endpoint can't be told from variables.
UNKNOWN_WAYS = (
    "ANTHROPIC_UNIX_SOCKET",
    "CLAUDE_CODE_USE_ANTHROPIC_AWS",
    "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
    "CLAUDE_CODE_USE_GATEWAY",
    "CLAUDE_CODE_USE_MANTLE",
)
VARIABLES = (
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_BEDROCK_BASE_URL",
    "ANTHROPIC_FOUNDRY_BASE_URL",
    "ANTHROPIC_FOUNDRY_RESOURCE",
    "ANTHROPIC_VERTEX_BASE_URL",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_VERTEX",
    "CLOUD_ML_REGION",
    "NO_PROXY",
    "no_proxy",
    *PROXIES,
    *UNKNOWN_WAYS,
)
_MANAGED = "/Library/Application Support/ClaudeCode" if sys.platform == "darwin" else "/etc/claude-code"
_MOST_DROP_INS = 200
_SETTINGS_LIMIT = 2 * 1024 * 1024  # larger files are refused by the client itself since 2.1.214


@dataclass(frozen=True)
class Proxy:
    host: str
    port: int
    tls: bool


@dataclass(frozen=True)
class Route:
    """Where requests go. `proxy` is None for a direct connection. Names are ASCII, as the wire wants them."""

    host: str
    port: int
    tls: bool
    proxy: Proxy | None = None

    def __str__(self) -> str:
        way = f" via proxy {bracketed(self.proxy.host)}:{self.proxy.port}" if self.proxy else ""
        return f"{'https' if self.tls else 'http'}://{bracketed(self.host)}:{self.port}{way}"


def bracketed(host: str) -> str:
    """A host as it stands before a port: RFC 3986, section 3.2.2."""
    return f"[{host}]" if ":" in host else host


class InvalidRoute(ValueError):
    """The configured URL can't be used; the text says which and why. `about` is endpoint, proxy or, where it
    can't be told what the endpoint is, unknown."""

    def __init__(self, text: str, about: str) -> None:
        super().__init__(text)
        self.about = about


def settings_files(environ: Mapping[str, str], cwd: str, extra: Iterable[str] = ()) -> list[str]:
    """The client's settings files, the strongest last. `extra` is what `--settings` named."""
    home = environ.get("CLAUDE_CONFIG_DIR") or os.path.join(os.path.expanduser("~"), ".claude")
    return [
        os.path.join(home, "settings.json"),
        os.path.join(cwd, ".claude", "settings.json"),
        *(os.path.join(folder, ".claude", "settings.local.json") for folder in _with_top_folder(cwd)),
        *extra,
        os.path.join(_MANAGED, "managed-settings.json"),
        *_drop_ins(os.path.join(_MANAGED, "managed-settings.d")),
    ]


def _with_top_folder(cwd: str) -> list[str]:
    """The folder, and that of the git repository that it is inside of."""
    top = cwd
    while not os.path.exists(os.path.join(top, ".git")):
        above = os.path.dirname(top)
        if above == top:
            return [cwd]
        top = above
    return [cwd, top] if top != cwd else [cwd]


def _drop_ins(folder: str) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    chosen = sorted(name for name in names if name.endswith(".json") and not name.startswith("."))
    return [os.path.join(folder, name) for name in chosen[:_MOST_DROP_INS]]


def effective_environment(environ: Mapping[str, str], files: Iterable[str]) -> dict[str, str]:
    """The variables that decide the route, as the client sees them. A file that can't be read or parsed
    counts as empty, as it does for the client."""
    found = {name: environ[name] for name in VARIABLES if name in environ}
    for path in files:
        block = env_block(settings(path))
        found.update({name: block[name] for name in VARIABLES if name in block})
    return found


def settings(path: str) -> dict[str, Any]:
    """A settings file of the client; empty where it can't be read, or is no JSON object."""
    try:
        return _parsed(content(path))
    except (OSError, ValueError, RecursionError):
        return {}


def is_ignored(path: str) -> bool:
    """Whether there is a settings file, and the client passes over it (2.1.330 silently, where it has no
    terminal): it is no JSON object. What can't be read without harm is not judged."""
    try:
        text = content(path)
    except UnicodeDecodeError:
        return True
    except (OSError, ValueError):
        return False
    try:
        _parsed(text)
    except (ValueError, RecursionError):
        return bool(text.strip())
    return False


def _parsed(text: str) -> dict[str, Any]:
    found = json.loads(text, parse_constant=_no_constant)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def _no_constant(name: str) -> None:
    """NaN and the infinities, which are no JSON. Raises ValueError."""
    raise ValueError(f"{name} is no JSON")


def env_block(found: Mapping[str, Any]) -> dict[str, str]:
    """The variables that a settings file sets, as the client sees them."""
    block = found.get("env")
    if not isinstance(block, dict):
        return {}
    return {str(name): _text(value) for name, value in block.items()}


def content(path: str) -> str:
    """The text of a settings file. A pipe is not opened: that would wait for its writer, and take what is
    meant for the client. Raises OSError and ValueError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{path} is not a regular file")
        with open(descriptor, encoding="utf-8-sig", closefd=False) as file:
            return file.read(_SETTINGS_LIMIT)
    finally:
        os.close(descriptor)


def _text(value: Any) -> str:
    """As JavaScript's String(): also null is a text."""
    if isinstance(value, dict):
        return "[object Object]"
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def effective_route(variables: Mapping[str, str]) -> Route:
    """Raises InvalidRoute when the endpoint or the proxy is not a usable URL."""
    scheme, host, port = _parse(endpoint(variables)[0], "endpoint")
    tls = scheme == "https"
    return Route(host, port, tls, _proxy(variables, host, port))


def endpoint(variables: Mapping[str, str]) -> tuple[str, str]:
    """The base URL as it is configured, and the variable that it comes from; "" for a provider's own. Raises
    InvalidRoute where variables can't tell."""
    for name in UNKNOWN_WAYS:
        if on(variables.get(name)) or (name == "ANTHROPIC_UNIX_SOCKET" and variables.get(name)):
            raise InvalidRoute(f"{name} is set, and where it leads can't be told", "unknown")
    name, default = _provider(variables)
    given = variables.get(name)
    return (given, name) if given else (default, "")


def _provider(variables: Mapping[str, str]) -> tuple[str, str]:
    """The variable that can name another endpoint, and the endpoint without it."""
    if on(variables.get("CLAUDE_CODE_USE_BEDROCK")):
        region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or "us-east-1"
        partition = ".cn" if region.startswith("cn-") else ""
        return "ANTHROPIC_BEDROCK_BASE_URL", f"https://bedrock-runtime.{region}.amazonaws.com{partition}"
    if on(variables.get("CLAUDE_CODE_USE_VERTEX")):
        return "ANTHROPIC_VERTEX_BASE_URL", _vertex(variables.get("CLOUD_ML_REGION") or "us-east5")
    if on(variables.get("CLAUDE_CODE_USE_FOUNDRY")):
        resource = variables.get("ANTHROPIC_FOUNDRY_RESOURCE", "")
        return "ANTHROPIC_FOUNDRY_BASE_URL", f"https://{resource}.services.ai.azure.com"
    return "ANTHROPIC_BASE_URL", DEFAULT_URL


def _vertex(region: str) -> str:
    if region == "global":
        return "https://aiplatform.googleapis.com"
    if region in ("us", "eu"):
        return f"https://aiplatform.{region}.rep.googleapis.com"
    return f"https://{region}-aiplatform.googleapis.com"


def on(value: str | None) -> bool:
    """Whether the client takes a switch for set."""
    return (value or "").strip().lower() in ("1", "true", "yes", "on")


def proxy_variable(variables: Mapping[str, str]) -> str:
    """The name of the variable whose proxy counts, or ""."""
    return next((name for name in PROXIES if variables.get(name)), "")


def _proxy(variables: Mapping[str, str], host: str, port: int) -> Proxy | None:
    name = proxy_variable(variables)
    if not name or excluded(variables, host, port):
        return None
    url = variables[name]
    if "://" not in url:
        url = f"http://{url}"
    scheme, proxy_host, proxy_port = _parse(url, "proxy")
    return Proxy(proxy_host, proxy_port, scheme == "https")


def excluded(variables: Mapping[str, str], host: str, port: int) -> bool:
    """Whether NO_PROXY says that the proxy is not for this host. As 2.1.330 reads it (measured): comma or
    space separated; `*`, a name for itself and all below it (with `.`, `*.` or nothing before it), an
    address, a network, an optional port. Up to 2.0 a name without a dot before it stands for itself alone,
    and networks are not known."""
    rules = variables.get("no_proxy") or variables.get("NO_PROXY") or ""
    for rule in rules.lower().replace(",", " ").split():
        name, wanted = _split_port(rule)
        if wanted and wanted != str(port):
            continue
        suffix = name.removeprefix("*").removeprefix(".")
        if name == "*" or host == suffix or (suffix and host.endswith(f".{suffix}")):
            return True
        if "/" in name and _in_network(host, name):
            return True
    return False


def _split_port(rule: str) -> tuple[str, str]:
    if rule.startswith("["):
        address, _, rest = rule[1:].partition("]")
        return address, rest.removeprefix(":")
    name, _, port = rule.partition(":") if rule.count(":") == 1 else (rule, "", "")
    return name, port


def _in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


# A URL as the client's parser takes it (url.spec.whatwg.org, "special scheme"; measured on 2.0.60, 2.1.116
# and 2.1.330): any number of slashes, of either kind, behind http: or https:. And `localhost:8080` is for the
# native builds, from 2.1.113 on, a host of plain HTTP (measured); the Node builds fail on it.
_SPECIAL = re.compile(r"(https?):[/\\]*([^?#]*)", re.IGNORECASE)
_HOST_AND_PORT = re.compile(r"[a-z][a-z0-9+.-]*:\d{1,5}(?=[/?#]|$)", re.IGNORECASE | re.ASCII)


def spelled_out(url: str) -> str:
    """A URL in the form that other parsers understand, too."""
    url = url.strip()
    special = _SPECIAL.match(url)
    if special is None:
        return f"http://{url}" if _HOST_AND_PORT.match(url) else url
    return f"{special[1]}://{special[2].replace(chr(92), '/')}{url[special.end() :]}"


def reads_like_key(host: str) -> bool:
    """Whether a key stands in the place of a host, as when it was put into the wrong variable."""
    return re.search(r"^sk-[\w-]{12}|sk-ant-", host, re.IGNORECASE) is not None


def _parse(url: str, what: str) -> tuple[str, str, int]:
    """Scheme, host and port. The reasons in the error quote nothing: there may be a password in the URL."""
    parts: SplitResult
    try:
        parts = urlsplit(spelled_out(url))
        host = parts.hostname or ""
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
    except ValueError:
        raise InvalidRoute(f"the {what} URL is not valid", what) from None
    try:
        port = parts.port
    except ValueError:
        raise InvalidRoute(f"the {what} URL is not valid: its port is no number up to 65535", what) from None
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidRoute(f"the {what} URL must be http:// or https:// with a host name", what)
    if reads_like_key(host):
        raise InvalidRoute(f"the {what} URL is not valid: what stands there reads like a key", what)
    if any(c <= " " for c in host):
        raise InvalidRoute(f"the {what} URL is not valid: there is a blank in its host name", what)
    return parts.scheme, host.lower(), port or (443 if parts.scheme == "https" else 80)
