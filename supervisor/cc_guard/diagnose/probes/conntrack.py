"""The connection tracking of this machine's firewall, and connections that nobody answers.

A full table drops the first packet of every new connection, and connect() times out; a router's table can't
be seen from here, but then connections pile up in SYN_SENT.
"""

from typing import Any

from cc_guard.diagnose import tools
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.incident.record import Finding

# The kernel's networking/nf_conntrack-sysctl. The table is the machine's, the count a network namespace's.
_COUNT = "/proc/sys/net/netfilter/nf_conntrack_count"
_MAX = "/proc/sys/net/netfilter/nf_conntrack_max"
# The kernel drops at max; it may make room before by dropping connections that never saw an answer.
_FULL, _FILLING = 0.98, 0.8
# A try that is not answered stays for 1 + 2 + 4 … s, 127 s on Linux by default (tcp_syn_retries = 6, tcp(7)).
# A busy machine has a handful; thirty at once means that hardly any is answered.
_PILE = 30


async def _conntrack(context: Context) -> list[Finding]:
    """Evidence: count, max (entries; None where there is no table or it can't be read), share (0 to 1 or
    None), syn_sent (connections without an answer yet; None when sockets can't be listed)."""
    count, most = (tools.read_int(path) for path in (_COUNT, _MAX))
    share = count / most if count is not None and most else None
    states = context.value("ports.use", "by_state")
    waiting = None if states is None else int(states.get("SYN_SENT", 0))
    evidence: dict[str, Any] = {
        "count": count,
        "max": most,
        "share": None if share is None else round(share, 4),
        "syn_sent": waiting,
    }
    if share is not None and share >= _FILLING:
        text = f"the firewall tracks {count} of at most {most} connections"
        return [Finding("conntrack", "fail" if share >= _FULL else "warn", text, evidence)]
    if waiting is not None and waiting >= _PILE:
        text = f"{waiting} connections wait for a first answer"
        return [Finding("conntrack", "warn", text, evidence)]
    if share is None and waiting is None:
        return [Finding("conntrack", "na", "neither the table nor the sockets can be read", evidence)]
    text = "no connection tracking to be seen" if share is None else f"{count} of {most} tracked connections"
    return [Finding("conntrack", "pass", text, evidence)]


PROBES = (Probe("conntrack", "Machine", _conntrack, ("ports.use?",), deadline_s=1.0),)
