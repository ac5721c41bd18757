"""What may be shown of values that hold secrets."""

import re
from urllib.parse import urlsplit

from cc_guard.probe.route import reads_like_key
from cc_guard.redact import MASK, redact

# Prefixes that Anthropic's own keys and tokens begin with; they say what kind it is, and no more.
_KINDS = ("sk-ant-api03-", "sk-ant-api", "sk-ant-oat01-", "sk-ant-oat", "sk-ant-admin", "sk-ant-", "sk-")
_PLACEHOLDERS = ("your-api-key", "your_api_key", "none", "null", "undefined", "xxx", "changeme")
_QUOTES = "\"'`“”‘’"


def of_key(value: str) -> str:
    """Of a key or token: the kind, the length, and what is wrong with its form."""
    bare = value.strip().strip(_QUOTES)
    if not bare:
        return "empty"
    kind = next((prefix for prefix in _KINDS if bare.startswith(prefix)), "")
    parts = [f"{kind}…" if kind else "no known prefix", f"{len(bare)} characters"]
    if value != value.strip() or re.search(r"\s", bare):
        parts.append("with blanks")
    if value.strip() != bare:
        parts.append("in quotes")
    if (
        not bare.isascii()
        or any(c in bare for c in "<>*…")
        or bare.lower() in ("your-api-key", "none", "null")
    ):
        parts.append("a placeholder")
    return ", ".join(parts)


def of_url(value: str) -> str:
    """A URL without userinfo, query and fragment; of what is no URL only that."""
    try:
        text = value if "://" in value else f"http://{value}"
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "not a URL"
    if (
        reads_like_key(host)
        or not re.fullmatch(r"[\w.:%-]+", host)
        or not re.fullmatch(r"[a-z][a-z0-9+.-]*", parts.scheme)
    ):
        return "not a URL"
    host = f"[{host}]" if ":" in host else host
    number = f":{port}" if port else ""
    # Only a path without `@`: a password with a slash in it would stand there.
    path = of_path(parts.path) if "@" not in value.partition(host)[2] else ""
    return f"{parts.scheme}://{host}{number}{path}"


def of_file(path: str) -> str:
    """A file's path, which is none when a key was put into its variable; hashes in it are no secrets."""
    return re.sub(r"sk-ant-[\w-]*", MASK, path)


def of_path(path: str) -> str:
    """A URL's path, without those parts of it that read like a key, a password or an account's number."""
    return "/".join(MASK if _is_odd(part) else redact(part) for part in path.split("/"))


def _is_odd(part: str) -> bool:
    """Names change between letters and digits once or twice, random ones all the time."""
    if "@" in part or "sk-ant-" in part.lower():
        return True
    return len(part) >= 16 and len(re.findall(r"[0-9](?=[A-Za-z])|[A-Za-z](?=[0-9])", part)) >= 4
