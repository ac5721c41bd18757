"""A stand-in for Tart: it does what is documented of `tart list`, `tart run` and `tart suspend`
(Sources/tart/Commands of github.com/cirruslabs/tart). Its machine disturbs the API at first.
"""

import os
import shlex
import subprocess
import sys
import time

MACHINE = "cc-guard-demo-vm"

_TART = """\
#!/bin/sh
# Played by `cc-guard demo tart`: no real virtual machine.
cd {vm} || exit 1
state() {{
  if [ -f pid ] && kill -0 "$(cat pid)" 2>/dev/null; then echo running
  elif [ -f saved ]; then echo suspended
  else echo stopped; fi
}}
case "$1" in
  list)
    now=$(state); [ "$now" = running ] && running=true || running=false
    printf '[{{"Source":"local","Name":"%s","Disk":50,"Size":21,"Running":%s,"State":"%s"}}]\\n' \\
      {name} $running "$now" ;;
  suspend) [ "$(state)" = running ] && kill -USR1 "$(cat pid)" ;;
  run) exec {python} -c 'import os, sys; os.execv("/bin/sh", ["tart", *sys.argv[1:]])' "$@" ;;
  *) echo "tart $1: not played by the demo" >&2; exit 1 ;;
esac
"""
# Its words have to be `tart run NAME --suspendable`, so `run` is the name of the script that sh reads.
# Saving a machine takes seconds.
_RUN = """\
echo $$ > pid
trap 'sleep 3; touch saved was-saved; rm pid; exit 0' USR1
while [ -e run ]; do sleep 0.2; done
"""
_START_S = 5.0


def install(folder: str) -> None:
    """`tart` in `folder`/bin, and its machine, switched off."""
    vm = os.path.join(folder, "vm")
    os.mkdir(vm)
    with open(os.path.join(vm, "run"), "w") as file:
        file.write(_RUN)
    tart = os.path.join(folder, "bin", "tart")
    words = {"vm": shlex.quote(vm), "name": MACHINE, "python": shlex.quote(sys.executable)}
    with open(os.open(tart, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700), "w") as file:
        file.write(_TART.format(**words))


def start(folder: str, environ: dict[str, str]) -> "subprocess.Popen[bytes]":
    tart = os.path.join(folder, "bin", "tart")
    process = subprocess.Popen(
        [tart, "run", MACHINE, "--suspendable"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + _START_S
    while not os.path.exists(os.path.join(folder, "vm", "pid")) and time.monotonic() < end:
        time.sleep(0.05)
    return process


def is_in_the_way(folder: str) -> bool:
    """It disturbs the network as it runs now; one that was suspended and started again does not."""
    vm = os.path.join(folder, "vm")
    return os.path.exists(os.path.join(vm, "pid")) and not os.path.exists(os.path.join(vm, "was-saved"))
