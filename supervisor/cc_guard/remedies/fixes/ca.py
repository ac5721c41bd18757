"""The certificates of a company's or anti-virus' inspection: which bundle on this machine vouches for them.

code.claude.com/docs/en/network-config: NODE_EXTRA_CA_CERTS is read by every version. Checks are never
switched off.
"""

import os
import shlex

from cc_guard.diagnose import certificates, target
from cc_guard.diagnose.certificates import Shake
from cc_guard.diagnose.probe import Context
from cc_guard.remedies.remedy import Plan, Remedy, Step, Unfit, everywhere
from cc_guard.remedies.world import World

_VARIABLE = "NODE_EXTRA_CA_CERTS"
# Where other programs are told of such a bundle: curl(1), Python's requests, git-config(1), pip, AWS' tools.
_OTHERS = (
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "AWS_CA_BUNDLE",
)
# What an administrator adds goes here: update-ca-certificates(8), update-ca-trust(8).
_FOLDERS = (
    "/usr/local/share/ca-certificates",
    "/etc/pki/ca-trust/source/anchors",
    "/etc/ca-certificates/trust-source/anchors",
)
_SYSTEM = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_KEYCHAIN = "/Library/Keychains/System.keychain"
_MOST = 40
_SHAKE_S = 2.0


async def _plan(world: World) -> Plan:
    wrong = _unusable(world)
    if wrong:
        text = f"{_VARIABLE} names {wrong}, which can't be read: unset it, or put the file there."
        return Plan(text, advice=(Step(("unset", _VARIABLE)),), check=(f"ls -l {shlex.quote(wrong)}",))
    finding = (await world.find("tls"))[0]
    if finding.state in ("na", "skip"):
        raise Unfit(finding.summary)
    if finding.evidence.get("error") in (None, "expired", "not_yet_valid", "wrong_host"):
        raise Unfit("its authority is not what is wrong with the certificate")
    issuer = str(finding.evidence.get("issuer") or "an unknown issuer")
    helps = await _bundle(world)
    whose = (
        f"The certificate was issued by {issuer}. If that is your company or anti-virus, and you trust it:"
    )
    if helps:
        start = Step(("env", f"{_VARIABLE}={helps}", "claude", "--continue"))
        return Plan(
            f"{whose} {helps} vouches for it.", advice=(start,), check=_check(world), env={_VARIABLE: helps}
        )
    where = Step(("security", "find-certificate", "-a", "-p", _KEYCHAIN), "as ca.pem: … > ~/ca.pem")
    start = Step(("env", f"{_VARIABLE}=/path/to/ca.pem", "claude", "--continue"))
    steps = (where, start) if world.facts.system == "macos" else (start,)
    return Plan(
        f"{whose} no bundle on this machine vouches for it; ask for its CA file.",
        advice=steps,
        check=_check(world),
    )


def _check(world: World) -> tuple[str, ...]:
    route = world.configuration.route
    host = route.host if route else "api.anthropic.com"
    return (
        f"openssl s_client -connect {host}:443 -servername {host} </dev/null | openssl x509 -noout -issuer "
        "-dates",
    )


def _unusable(world: World) -> str:
    path = world.configuration.value(_VARIABLE)
    return path if path and not os.access(path, os.R_OK) else ""


async def _bundle(world: World) -> str:
    """The first file whose authorities a handshake accepts; "" without one."""
    context = Context(world.environ, world.cwd, world.facts, world.configuration, findings=dict(world.looked))
    addresses = target.connected(context)
    route = world.configuration.route
    for path in _candidates(world) if addresses and route else ():
        store = await certificates.store(path)
        if store is None or route is None:
            continue
        shake: Shake = await certificates.shake(route, addresses[0], store, _SHAKE_S)
        if shake.error is None:
            return path
    return ""


def _candidates(world: World) -> list[str]:
    named = [world.environ[name] for name in _OTHERS if world.environ.get(name)]
    added = [
        os.path.join(folder, name)
        for folder in _FOLDERS
        if os.path.isdir(folder)
        for name in sorted(os.listdir(folder))
        if name.endswith((".crt", ".pem", ".cer"))
    ]
    return [path for path in dict.fromkeys([*named, *added[:_MOST], *_SYSTEM]) if os.path.isfile(path)]


REMEDY = Remedy(
    "ca.trust",
    "Trust the company's certificate",
    "Says whose certificate it is, which bundle on this machine vouches for it, and how to name it by "
    f"{_VARIABLE}.",
    ("tls.untrusted_ca",),
    everywhere(0),
    _plan,
    policy="suggest",
)
