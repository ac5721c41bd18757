"""`python -m tests.netns.fill HOST PORT COUNT`: connections that this side closes first, so that each leaves
its port in TIME_WAIT (RFC 9293, section 3.3.2). Ends early when no port is left."""

import errno
import socket
import sys


def main() -> None:
    host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for _ in range(count):
        connection = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        connection.settimeout(5)
        try:
            connection.connect((host, port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                return
            raise
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
        connection.close()


main()
