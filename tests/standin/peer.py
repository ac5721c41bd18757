"""Which process is at the other end of a connection from this machine."""

import psutil


def is_older(port: int, t: float) -> bool:
    """Whether the client that connects from `port` was started before `t` (epoch seconds). cc-guard's own
    processes are not the client."""
    for connection in psutil.net_connections("tcp"):
        if connection.pid and connection.laddr and connection.laddr.port == port:
            try:
                process = psutil.Process(connection.pid)
                ours = any("cc_guard" in word for word in process.cmdline())
                return process.create_time() < t and not ours
            except psutil.Error:
                return False
    return False
