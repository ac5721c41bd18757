"""The client's configured way to its API, each value with where it came from.

Never a secret: of keys and tokens only that they are there, and their shape; of URLs nothing that may hold a
password. How the client reads its files and variables is in cc_guard.probe.route.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from cc_guard.diagnose import quirks, shape
from cc_guard.probe.route import (
    DEFAULT_URL,
    PROXIES,
    VARIABLES,
    InvalidRoute,
    Route,
    bracketed,
    effective_route,
    endpoint,
    env_block,
    excluded,
    is_ignored,
    on,
    proxy_variable,
    settings,
    settings_files,
)

Provider = Literal["anthropic", "bedrock", "vertex", "foundry", "unknown"]

ENVIRONMENT = "environment"
OPTION = "--url"
DEFAULT = "default"
HELPER = "apiKeyHelper"  # a key of settings files: a command that prints the key

# What a request is signed with, in the client's order of precedence
# (code.claude.com/docs/en/authentication, "Authentication precedence").
KEYS = (
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_API_KEY",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK",
    "ANTHROPIC_FOUNDRY_API_KEY",
)
_SWITCHES: dict[str, Provider] = {
    "CLAUDE_CODE_USE_BEDROCK": "bedrock",
    "CLAUDE_CODE_USE_VERTEX": "vertex",
    "CLAUDE_CODE_USE_FOUNDRY": "foundry",
}
_OTHERS = (
    "API_TIMEOUT_MS",
    "CLAUDE_CODE_CERT_STORE",
    "CLAUDE_CODE_CLIENT_CERT",
    "NODE_EXTRA_CA_CERTS",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "SSL_CERT_FILE",
)
_READ = (*VARIABLES, *_OTHERS, *KEYS)


def place(source: str | None) -> str:
    """A Setting's source, for people."""
    return "the environment" if source in (None, ENVIRONMENT, DEFAULT) else tilde(source)


def tilde(path: str) -> str:
    """A path as people write it."""
    home = os.path.expanduser("~")
    return f"~{path[len(home) :]}" if home != "/" and path.startswith(f"{home}/") else path


@dataclass(frozen=True)
class Setting:
    """`source` is "environment", "--url" or the path of a settings file; a secret's value is its shape."""

    name: str
    value: str
    source: str


@dataclass(frozen=True)
class Configuration:
    """`route` is None when the configured URL can't be used, and `problem` says why; `about` is then
    endpoint, proxy or unknown. `base` names the variable that holds the base URL, "" when there is none.
    `path` is the base URL's, without a slash at its end, and not to be shown. `quirks` are codes of
    cc_guard.diagnose.quirks, and `suggested` is what a base URL with some was probably meant to be.
    `proxy` names the variable whose proxy counts, also where NO_PROXY takes the host out (`no_proxy`).
    `ignored` are settings files that the client passes over, because they are no JSON."""

    settings: dict[str, Setting] = field(default_factory=dict)
    route: Route | None = None
    problem: str = ""
    about: str = ""
    provider: Provider = "anthropic"
    base: str = ""
    path: str = field(default="", repr=False)
    quirks: tuple[str, ...] = ()
    suggested: str = ""
    proxy: str = ""
    no_proxy: bool = False
    ignored: tuple[str, ...] = ()

    @property
    def default(self) -> bool:
        """Whether this is the provider's own endpoint."""
        return not self.base

    @property
    def base_url(self) -> str:
        """As the client uses it, without userinfo and query; "" when it can't be used."""
        if self.route is None:
            return ""
        scheme, usual = ("https", 443) if self.route.tls else ("http", 80)
        port = "" if self.route.port == usual else f":{self.route.port}"
        return f"{scheme}://{bracketed(self.route.host)}{port}{shape.of_path(self.path)}"

    def source(self, name: str) -> str:
        """Where a value comes from; "default" for one that nobody set."""
        return self.settings[name].source if name in self.settings else DEFAULT

    def value(self, name: str) -> str:
        return self.settings[name].value if name in self.settings else ""


def read(
    environ: Mapping[str, str], cwd: str, extra: Iterable[str] = (), url: str | None = None
) -> Configuration:
    """The configuration of a client that starts in `cwd` with `environ` and the files that its `--settings`
    named. `url` stands in for its base URL (`cc-guard doctor --url`). Never raises for what is in them."""
    raw: dict[str, str] = {}
    sources: dict[str, str] = {}
    ignored: list[str] = []

    def lay(block: Mapping[str, str], source: str) -> None:
        for name in _READ:
            if name in block:
                raw[name], sources[name] = block[name], source

    lay(environ, ENVIRONMENT)
    for path in settings_files(environ, cwd, extra):
        found = settings(path)
        if not found and is_ignored(path):
            ignored.append(path)
        lay(env_block(found), path)
        if found.get(HELPER):
            raw[HELPER], sources[HELPER] = "a command", path
    if url is not None:
        for name in (*VARIABLES, *_SWITCHES):
            if name.startswith(("CLAUDE_CODE_USE_", "ANTHROPIC_")):
                raw.pop(name, None)
        lay({"ANTHROPIC_BASE_URL": url}, OPTION)
    shown = {name: Setting(name, _shown(name, value), sources[name]) for name, value in raw.items()}
    return replace(_configuration(raw, shown), ignored=tuple(ignored))


def _configuration(raw: Mapping[str, str], shown: dict[str, Setting]) -> Configuration:
    found = Configuration(shown, provider=_provider(raw), proxy=proxy_variable(raw))
    try:
        url, base = endpoint(raw)
    except InvalidRoute as error:
        return replace(found, problem=str(error), about=error.about, provider="unknown")
    odd = quirks.of_url(url) if base else ()
    # An endpoint that is spelled out but the usual one is no other endpoint.
    base = "" if url.strip().rstrip("/") == DEFAULT_URL else base
    found = replace(found, base=base, path=quirks.path_of(url), quirks=odd)
    if odd or base:
        found = replace(found, suggested=quirks.suggested(url))
    try:
        route = effective_route(raw)
    except InvalidRoute as error:
        return replace(found, problem=str(error), about=error.about)
    outside = bool(found.proxy) and excluded(raw, route.host, route.port)
    return replace(found, route=route, no_proxy=outside)


def _provider(raw: Mapping[str, str]) -> Provider:
    return next((provider for name, provider in _SWITCHES.items() if on(raw.get(name))), "anthropic")


def _shown(name: str, value: str) -> str:
    if name in KEYS:
        return shape.of_key(value)
    if name in PROXIES or name.endswith("_URL"):
        return shape.of_url(value)
    return value
