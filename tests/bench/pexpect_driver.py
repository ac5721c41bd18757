"""The pexpect contestant: `pexpect_driver.py PROGRAM`, the shortest wrapper pexpect can be."""

import os
import sys

import pexpect

columns, rows = os.get_terminal_size()
child = pexpect.spawn(sys.argv[1], sys.argv[2:], dimensions=(rows, columns))
child.interact(escape_character=None)
