"""Who the client is signed in as: only whether, and by what; never a token, a name or an organisation.

`claude auth status` is not the quiet command that it seems to be. With a stored login whose access token has
expired it renews the token over the network (measured on 2.1.228 and 2.1.330: platform.claude.com), which no
probe may do beside a running session. So it gets a proxy that does not exist, in its environment and by
`--settings`, which wins over the `env` of the user's settings files (measured: nothing is sent, the login
stays as it is). It never runs apiKeyHelper (measured). A version that never ran in a home sets that up, and
from then on leaves it alone (measured): so it is not run where that may still be to come. And it takes 0.4 s
of a processor: where the configuration says it all, the client is not asked.
"""

import json
import os
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cc_guard.diagnose import client, tools
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.route import place
from cc_guard.incident.record import Finding, iso

# Older versions take `auth` for a prompt. The command came with 2.1.41 (the client's CHANGELOG); seen in
# 2.1.90 and later, not in 2.1.30.
_SINCE = (2, 1, 41)
# 2.1.330 answers in 0.3 to 0.8 s; builds up to 2.1.112 run on Node and take 1.5 to 3.5 s (measured, two busy
# cores).
_TIMEOUT_S = 1.8

# The discard port, which nothing listens on (RFC 863); even a server there would see a CONNECT line alone.
_NOWHERE = "http://127.0.0.1:9"
_SEAL = {
    **dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), _NOWHERE),
    **dict.fromkeys(("ALL_PROXY", "all_proxy"), _NOWHERE),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), ""),
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
}
# Both take the place of an account's login: code.claude.com/docs/en/authentication, "precedence".
_KEYS = ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY")
_ODD_KEYS = ("with blanks", "in quotes", "a placeholder")  # of cc_guard.diagnose.shape
_OAUTH = "CLAUDE_CODE_OAUTH_TOKEN"
_HELPER = "apiKeyHelper"


async def _signin(context: Context) -> list[Finding]:
    """Evidence: logged_in (bool, None when not asked), method (none, claude.ai, api_key, api_key_helper,
    oauth_token, third_party; None), expires_at (ISO 8601 UTC of the stored login's end, None when unknown),
    env_key (whether a key or token is configured that overrides the account), key_sources, stored (whether
    the account's login is stored, None when unknown), conflict (a key beside a stored login), helper (whether
    apiKeyHelper is configured), status (of `claude auth status`: 0 signed in, 1 not, None not asked), asked.

    A login or key counts as such until the server says otherwise: expired or revoked is what a 401 tells.
    """
    settings = context.configuration.settings
    keys = [name for name in _KEYS if name in settings or context.environ.get(name)]
    evidence: dict[str, Any] = {
        "logged_in": None,
        "method": None,
        "expires_at": None,
        "env_key": bool(keys),
        "key_sources": {name: settings[name].source for name in keys if name in settings},
        "stored": None,
        "conflict": False,
        "helper": _HELPER in settings,
        "status": None,
        "asked": False,
    }
    evidence["stored"] = _is_stored(context)
    evidence["method"] = _configured(context, keys)
    if evidence["method"] and (evidence["stored"] is not None or not keys):
        evidence["logged_in"] = True
        evidence["conflict"] = bool(keys) and bool(evidence["stored"])
        return [_judged(evidence, keys, context)]
    why = _not_asked(context)
    if why:
        return [Finding("signin", "na", why, evidence)]
    ran = await tools.run(
        *(client.program(context), "--settings", json.dumps({"env": _SEAL}), "auth", "status", "--json"),
        timeout_s=_TIMEOUT_S,
        environ=sealed(context.environ),
        cwd=context.cwd,
    )
    evidence["asked"] = True
    evidence["status"] = ran.status
    if ran.status is None:
        return [Finding("signin", "na", f"Claude Code did not say in {_TIMEOUT_S:g} s", evidence)]
    evidence |= parse_status(ran.text)
    evidence["conflict"] = bool(keys) and bool(evidence["stored"])
    return [_judged(evidence, keys, context)]


def _configured(context: Context, keys: list[str]) -> str | None:
    """How requests are signed, in the client's words, where that does not depend on an account's login."""
    if context.configuration.provider not in ("anthropic", "unknown"):
        return "third_party"
    if keys:
        return "oauth_token" if keys[0] == "ANTHROPIC_AUTH_TOKEN" else "api_key"
    if _HELPER in context.configuration.settings:
        return "api_key_helper"
    is_token = _OAUTH in context.configuration.settings or context.environ.get(_OAUTH)
    return "oauth_token" if is_token else None


def _not_asked(context: Context) -> str:
    if not client.program(context):
        return client.MISSING
    version = client.version(context)
    if version is None:
        return "Claude Code is not asked: its version is not known"
    if version < _SINCE:
        return f"Claude Code {client.text(version)} can't be asked"
    return "" if _has_run(context) else "Claude Code is not asked: this version has not run in this home yet"


def _has_run(context: Context) -> bool:
    """Whether the client's own state (code.claude.com/docs/en/settings, "Global config") was written since
    its program came here, which a file's ctime tells and its mtime, out of a package, does not."""
    folder = context.environ.get("CLAUDE_CONFIG_DIR") or _home(context.environ)
    try:
        state = os.stat(os.path.join(folder, ".claude.json"))
        return state.st_mtime >= os.stat(client.program(context)).st_ctime
    except OSError:
        return False


def _is_stored(context: Context) -> bool | None:
    """Whether the file of the login is there; it is not opened. macOS keeps the login in its keychain:
    code.claude.com/docs/en/authentication, "Credential management"."""
    if context.facts.system == "macos":
        return None
    folder = context.environ.get("CLAUDE_CONFIG_DIR") or os.path.join(_home(context.environ), ".claude")
    return os.path.exists(os.path.join(folder, ".credentials.json"))


def _seems_signed_in(context: Context) -> bool:
    return _is_stored(context) is True


def _home(environ: Mapping[str, str]) -> str:
    return environ.get("HOME") or os.path.expanduser("~")


def sealed(environ: Mapping[str, str]) -> dict[str, str]:
    return {**environ, **_SEAL}


def parse_status(text: str) -> dict[str, Any]:
    """What may be told of the client's JSON. 2.1.330 adds loginExpiresAt and storedClaudeAiLogin."""
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        return {}
    found: dict[str, Any] = {"expires_at": _time(row.get("loginExpiresAt")), "method": None}
    if isinstance(row.get("loggedIn"), bool):
        found["logged_in"] = row["loggedIn"]
    method = row.get("authMethod")
    if isinstance(method, str) and re.fullmatch(r"[a-z][a-z0-9._]{1,30}", method):
        found["method"] = method
    if isinstance(row.get("storedClaudeAiLogin"), bool):
        found["stored"] = row["storedClaudeAiLogin"]
    elif found.get("method") == "claude.ai":
        found["stored"] = True
    return found


def _time(value: Any) -> str | None:
    """ISO 8601, or milliseconds since the epoch."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return iso((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        if isinstance(value, int | float) and not isinstance(value, bool):
            return iso(value / 1000)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _judged(evidence: dict[str, Any], keys: list[str], context: Context) -> Finding:
    if evidence["logged_in"] is None:
        return Finding("signin", "na", "Claude Code's answer is not understood", evidence)
    if not evidence["logged_in"]:
        return Finding("signin", "fail", "Claude Code is not signed in", evidence)
    by = f" by {evidence['method']}" if evidence["method"] else ""
    if evidence["expires_at"] and evidence["expires_at"] < iso(time.time()):  # both of one form
        text = f"signed in{by}, but the login ended on {evidence['expires_at'][:10]}"
        return Finding("signin", "warn", text, evidence)
    shape = context.configuration.value(keys[0]) if keys else ""
    if shape == "empty" or shape.endswith(_ODD_KEYS):
        place_ = place(evidence["key_sources"].get(keys[0]))
        return Finding("signin", "warn", f"{keys[0]}, set in {place_}, looks wrong: {shape}", evidence)
    if evidence["conflict"]:
        text = f"signed in{by}; {keys[0]} is set, and takes the place of the account's login"
        return Finding("signin", "warn", text, evidence)
    return Finding("signin", "pass", f"signed in{by}", evidence)


PROBES = (Probe("signin", "Claude Code", _signin, deadline_s=2.5, spare=_seems_signed_in),)
