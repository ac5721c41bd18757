"""What the environment holds that must not be shown."""

import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from cc_guard.redact import is_secret_name

SHORTEST = 6
"""Characters of a secret; what is shorter (`test`) is a word as well, and stays."""

_NAME = re.compile(
    r"(?i)(?:(?:^|[_-])(?:KEY|TOKEN|SECRETS?|PASS|PASSWORDS?|PASSWD|PASSPHRASE|CREDENTIALS?|AUTH|PAT)"
    r"|[_-]PWD|APIKEY)(?:[_-]?\d+)?$|SECRET|PASSWORD"
)
# The second form is for an unescaped / in the password, which is no port number.
_USERINFO = re.compile(r"://(?:([^\s/?#]{1,300})|([^\s/@:\[]{1,200}:(?!\d*[/?#])[^\s@]{1,200}))@")
_HEADERS = re.compile(r"(?i)[_-]HEADERS$")
_OWN = "CC_GUARD_"


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """Values that must not be shown: of variables whose names say so, and what stands before the @ of a URL.

    A path of an existing file is none (`SSH_KEY=/home/me/.ssh/id`), whatever the variable is called.
    """
    found: set[str] = set()
    for name, value in environ.items():
        if name.upper().startswith(_OWN):
            continue
        if _HEADERS.search(name):
            found.update(_of_headers(value))
        elif (is_secret_name(name) or _NAME.search(name)) and not _is_file(value):
            found.add(value.strip())
        if "://" in value and "@" in value:
            found.update(_of_urls(value))
    return sorted(secret for secret in found if len(secret) >= SHORTEST)


def _is_file(value: str) -> bool:
    try:
        return os.path.isabs(os.path.expanduser(value)) and os.path.exists(os.path.expanduser(value))
    except ValueError:
        return False


def _of_headers(value: str) -> Iterable[str]:
    """`Name: value` a line, or `name=value` with commas between; of `Bearer x` it is the x."""
    for item in re.split(r"[,\n]", value):
        name, *rest = re.split(r"[:=]", item, maxsplit=1)
        if rest and (is_secret_name(name.strip()) or _NAME.search(name.strip())):
            yield from rest[0].split()[-1:]


def _of_urls(value: str) -> Iterable[str]:
    for match in _USERINFO.finditer(value):
        user, colon, password = (match[1] or match[2]).partition(":")
        secret = password if colon else user
        yield from (secret, unquote(secret))
        if colon:
            yield f":{password}@"  # a short one is masked only where it stands in its URL
