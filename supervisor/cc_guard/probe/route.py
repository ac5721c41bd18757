"""The client's configured way to its API: endpoint and proxy, from its environment and settings.

Claude Code lays the `env` block of its settings files over its own environment; later files win:
user, project, local, `--settings`, managed (code.claude.com/docs/en/settings, "Settings precedence").
Only the variables named here are looked at, and never a key or token.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

DEFAULT_URL = "https://api.anthropic.com"

_VARIABLES = (
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_BEDROCK_BASE_URL",
    "ANTHROPIC_VERTEX_BASE_URL",
    "AWS_REGION",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLOUD_ML_REGION",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)


@dataclass(frozen=True)
class Proxy:
    host: str
    port: int
    tls: bool


@dataclass(frozen=True)
class Route:
    """Where requests go. `proxy` is None for a direct connection."""

    host: str
    port: int
    tls: bool
    proxy: Proxy | None = None

    def __str__(self) -> str:
        way = f" via proxy {self.proxy.host}:{self.proxy.port}" if self.proxy else ""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}{way}"


class InvalidRoute(ValueError):
    """The configured URL can't be used; the text says which and why."""


def settings_files(environ: Mapping[str, str], cwd: str, extra: Iterable[str] = ()) -> list[str]:
    """The client's settings files, the strongest last. `extra` is what `--settings` named."""
    home = environ.get("CLAUDE_CONFIG_DIR") or os.path.join(os.path.expanduser("~"), ".claude")
    managed = "/Library/Application Support/ClaudeCode" if sys.platform == "darwin" else "/etc/claude-code"
    return [
        os.path.join(home, "settings.json"),
        os.path.join(cwd, ".claude", "settings.json"),
        os.path.join(cwd, ".claude", "settings.local.json"),
        *extra,
        os.path.join(managed, "managed-settings.json"),
    ]


def effective_environment(environ: Mapping[str, str], files: Iterable[str]) -> dict[str, str]:
    """The variables that decide the route, as the client sees them. A file that can't be read or parsed
    counts as empty, as it does for the client."""
    found = {name: environ[name] for name in _VARIABLES if name in environ}
    for path in files:
        try:
            with open(path, encoding="utf-8") as file:
                block = json.load(file).get("env", {})
            found.update({name: str(block[name]) for name in _VARIABLES if name in block})
        except (OSError, ValueError, AttributeError, TypeError):
            continue
    return found


def effective_route(variables: Mapping[str, str]) -> Route:
    """Raises InvalidRoute when the endpoint or the proxy is not a usable URL."""
    url = _endpoint(variables)
    scheme, host, port = _parse(url, "endpoint")
    tls = scheme == "https"
    return Route(host, port, tls, _proxy(variables, tls, host, port))


def _endpoint(variables: Mapping[str, str]) -> str:
    if _on(variables.get("CLAUDE_CODE_USE_BEDROCK")):
        region = variables.get("AWS_REGION") or "us-east-1"
        default = f"https://bedrock-runtime.{region}.amazonaws.com"
        return variables.get("ANTHROPIC_BEDROCK_BASE_URL") or default
    if _on(variables.get("CLAUDE_CODE_USE_VERTEX")):
        region = variables.get("CLOUD_ML_REGION") or "us-east5"
        prefix = "" if region == "global" else f"{region}-"
        return variables.get("ANTHROPIC_VERTEX_BASE_URL") or f"https://{prefix}aiplatform.googleapis.com"
    return variables.get("ANTHROPIC_BASE_URL") or DEFAULT_URL


def _on(value: str | None) -> bool:
    return (value or "").strip().lower() in ("1", "true", "yes", "on")


def _proxy(variables: Mapping[str, str], tls: bool, host: str, port: int) -> Proxy | None:
    names = ("https_proxy", "HTTPS_PROXY") if tls else ("http_proxy", "HTTP_PROXY")
    url = next((variables[name] for name in names if variables.get(name)), "")
    if not url or _excluded(variables.get("no_proxy") or variables.get("NO_PROXY") or "", host, port):
        return None
    if "://" not in url:
        url = f"http://{url}"
    scheme, proxy_host, proxy_port = _parse(url, "proxy")
    return Proxy(proxy_host, proxy_port, scheme == "https")


def _excluded(rules: str, host: str, port: int) -> bool:
    """NO_PROXY: comma or space separated; `*`, exact names, domain suffixes, an optional port."""
    for rule in rules.replace(",", " ").split():
        name, _, wanted = rule.partition(":") if rule.count(":") == 1 else (rule, "", "")
        if wanted and wanted != str(port):
            continue
        suffix = name.lower().lstrip("*").lstrip(".")
        if name == "*" or host == suffix or (suffix and host.endswith(f".{suffix}")):
            return True
    return False


def _parse(url: str, what: str) -> tuple[str, str, int]:
    parts: SplitResult
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise InvalidRoute(f"the {what} URL is not valid: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRoute(f"the {what} URL must be http:// or https:// with a host name")
    return parts.scheme, parts.hostname.lower(), port or (443 if parts.scheme == "https" else 80)
