"""A virtual machine's `tart run`, as the fake of tart starts it in the machine's folder.

saved        the machine was suspended; it goes on from there
saves_s      a file: how long saving takes (s)
unsupported  a file: saving does not work here, whatever the options say
shuts_s      a file: how long the guest takes to shut down (s); "never" for one that asks its user first
"""

import fcntl
import os
import signal
import sys
import threading
import time


def number(name: str, default: float) -> float:
    try:
        with open(name) as file:
            text = file.read().strip()
    except OSError:
        return default
    return 1e9 if text == "never" else float(text)


def save(*_: object) -> None:
    if "--suspendable" not in sys.argv or os.path.exists("unsupported"):
        os._exit(1)
    time.sleep(number("saves_s", 0.05))
    open("saved", "w").close()
    os._exit(0)


def shut_down(*_: object) -> None:
    threading.Timer(number("shuts_s", 0.05), os._exit, (0,)).start()


signal.signal(signal.SIGUSR1, save)
signal.signal(signal.SIGUSR2, shut_down)
lock = open("lock", "a")  # noqa: SIM115
try:
    fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    sys.exit("Error: VM is already running!")
with open("pid", "w") as file:
    file.write(str(os.getpid()))
if os.path.exists("saved"):
    os.unlink("saved")
end = time.monotonic() + 3600  # whatever becomes of the test
while time.monotonic() < end and os.path.exists("lock"):
    time.sleep(1)
