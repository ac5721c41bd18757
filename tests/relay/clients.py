"""Small programs that stand in for the client: each does one thing."""

READY = b"<READY>"

_HEAD = """\
import os, sys, tty, signal, termios, time, select, struct, fcntl
def put(data):
    view = memoryview(data)
    while view:
        view = view[os.write(1, view):]
"""

_RAW = f"{_HEAD}tty.setraw(0)\nput({READY!r})\n"

# Writes its file and ends at once.
BLAST = f"{_HEAD}tty.setraw(0)\nwith open(sys.argv[1], 'rb') as file: put(file.read())\n"

# The same when a key is pressed; it ends after another one.
BLAST_ON_KEY = f"""{_RAW}
os.read(0, 1)
with open(sys.argv[1], 'rb') as file: put(file.read())
os.read(0, 1)
"""

# Returns every byte until it has had so many; then the SHA-256 of what it had, and the end.
ECHO = f"""{_HEAD}
import hashlib
tty.setraw(0)
put({READY!r})
left, seen = int(sys.argv[1]), hashlib.sha256()
while left:
    data = os.read(0, 65536)
    left -= len(data)
    seen.update(data)
    put(data)
put(seen.hexdigest().encode())
"""

# Shows each key as [key] until q; its status is its argument.
KEYS = f"""{_RAW}
while True:
    for key in os.read(0, 65536):
        if key == 0x71:
            sys.exit(int((sys.argv[1:] or [0])[0]))
        put(b"[" + (b"%c" % key if 0x20 <= key < 0x7f else b"%02x" % key) + b"]")
"""

# Reads nothing for the seconds in its argument. Then shows the length and SHA-256 of what it had when nothing
# has come for 0.3 s, again and again.
COUNT = f"""{_RAW}
import hashlib
time.sleep(float(sys.argv[1]))
seen, size = hashlib.sha256(), 0
while True:
    while select.select([0], [], [], 0.3)[0]:
        data = os.read(0, 65536)
        size += len(data)
        seen.update(data)
    if size:
        put(b"<%d %s>" % (size, seen.hexdigest().encode()))
        seen, size = hashlib.sha256(), 0
"""

SLEEP = f"{_RAW}time.sleep(1000)\n"

# As SLEEP, and ends only by force.
STUBBORN = f"{_HEAD}for n in (1, 2, 3, 15): signal.signal(n, signal.SIG_IGN)\n{_RAW}time.sleep(1000)\n"

# Beats: a number every 20 ms. A key is shown as [key]; q ends it.
BEAT = f"""{_RAW}
n = 0
while True:
    if select.select([0], [], [], 0.02)[0]:
        for key in os.read(0, 4096):
            if key == 0x71:
                sys.exit(0)
            put(b"[%02x]" % key)
    n += 1
    put(b"%d;" % n)
"""

# Its argument is its end: a status, or a signal as -n.
END = f"""{_HEAD}
put({READY!r})
end = int(sys.argv[1])
if end >= 0:
    os._exit(end)
import resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
signal.signal(-end, signal.SIG_DFL) if -end not in (9, 19) else None
os.kill(os.getpid(), -end)
time.sleep(10)
"""

# Ends as Claude Code does: at the second Ctrl-C.
CTRL_C_TWICE = f"""{_RAW}
had = 0
while had < 2:
    had += os.read(0, 1) == b"\\x03"
    put(b"<%d>" % had)
"""

# Ctrl-Z as Claude Code has it: puts the terminal right, says so, stops itself by the signal in its argument.
SUSPENDS = f"""{_HEAD}
def size():
    rows, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))
    return b"<%d %d %d %d>" % (rows, columns, width, height)
def suspend():
    termios.tcsetattr(0, termios.TCSADRAIN, cooked)
    put(b"<SUSPENDED>")
    os.kill(0 if sys.argv[1] == "20" else os.getpid(), int(sys.argv[1]))
    tty.setraw(0)
    put(b"<BACK>" + size())
def terminated(*_):
    put(b"<TERM>")
    os._exit(143)
signal.signal(signal.SIGTERM, terminated)
cooked = termios.tcgetattr(0)
tty.setraw(0)
put({READY!r} + size())
while (key := os.read(0, 1)) != b"q":
    suspend() if key == b"\\x1a" else put(b"[" + key + b"]")
sys.exit(int(sys.argv[2]))
"""

# Shows its window's size at the start and after every change.
SIZES = f"""{_HEAD}
def show(*_):
    rows, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))
    put(b"<%d %d %d %d>" % (rows, columns, width, height))
signal.signal(signal.SIGWINCH, show)
show()
tty.setraw(0)
put({READY!r})
while os.read(0, 1) != b"q":
    pass
"""

# Waits for an API as Claude Code 2.1 does: a retry row that counts down, an input box that takes keys.
RETRIES = f"""{_RAW}
typed, attempt, left, due = "", 2, 9, time.monotonic()
while "q" not in typed:
    if select.select([0], [], [], max(0, due - time.monotonic()))[0]:
        typed += os.read(0, 64).decode()
    else:
        due, left = time.monotonic() + 0.5, left - 1
        if left == 0:
            left, attempt = 9, attempt + 1
    rule = "\u2500" * 60
    row = f"\u273b API error \u00b7 retrying in {{left}}s \u00b7 attempt {{attempt}}/10"
    rows = "\u276f say hello", "", row, "", rule, f"\u276f <{{typed}}>", rule
    put(("\\x1b[?2026h\\x1b[H\\x1b[2J" + "\\r\\n".join(rows) + "\\x1b[?2026l").encode())
"""

# Asks the terminal for something and ends.
ASKS = f"""{_RAW}
put(eval(sys.argv[1]))
"""

# Sets modes as full-screen programs do.
MODES = f"""{_RAW}
put(b"\\x1b[?1049h\\x1b[?2004h\\x1b[?1004h\\x1b[?1000h\\x1b[?1006h\\x1b[>1u\\x1b[?25l<MODES>")
time.sleep(1000)
"""

# An input box that takes what it reads at once as clients up to 2.0 do: one key, or text. A piece of both is
# shown as !…!: there something would be lost. Before each read it sleeps for the seconds in its argument.
# Shows <box> after each piece, {box} when it is submitted, (…) for what begins with an escape, which stays.
BOX = f"""{_RAW}
box = b""
while True:
    time.sleep(float(sys.argv[1]))
    piece = os.read(0, 65536)
    if piece == b"\\x7f" * len(piece):
        box = box[:-len(piece)]
    elif piece == b"\\r":
        put(b"{{" + box + b"}}")
        box = b""
    elif piece[:1] == b"\\x1b":
        put(b"(" + piece[1:].replace(b"\\x1b", b"^") + b")")
    elif any(byte < 0x20 or byte == 0x7f for byte in piece):
        put(b"!" + repr(piece).encode() + b"!")
    else:
        box += piece
    put(b"<" + box + b">")
"""

# Which client this is (its arguments, its variable NEXT), its size, and each key as [key]. Ends by q, or by
# SIGTERM as Claude Code does; the first argument says how else: `slow` takes 0.5 s for it, `deaf` needs to be
# killed, `dies` dies of it.
HEIR = f"""{_HEAD}
def end(*_):
    if "slow" in sys.argv[1]:
        time.sleep(0.5)
    termios.tcsetattr(0, termios.TCSADRAIN, cooked)
    put(b"<bye " + sys.argv[1].encode() + b">")
    os._exit(143)
def suspend():
    termios.tcsetattr(0, termios.TCSADRAIN, cooked)
    put(b"<SUSPENDED>")
    os.kill(0, signal.SIGTSTP)
    tty.setraw(0)
    put(b"<BACK>")
cooked = termios.tcgetattr(0)
time.sleep(0.3 if "late" in sys.argv[1] else 0)
tty.setraw(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if "deaf" in sys.argv[1] else
              signal.SIG_DFL if "dies" in sys.argv[1] else end)
rows, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))
put({READY!r} + f"<{{sys.argv[1]}} {{os.environ.get('NEXT', '-')}} {{rows}} {{columns}}>".encode())
while True:
    for key in os.read(0, 65536):
        if key == 0x71:
            sys.exit(int((sys.argv[2:] or [0])[0]))
        if key == 0x1a:
            suspend()
        else:
            put(b"[" + (b"%c" % key if 0x20 <= key < 0x7f else b"%02x" % key) + b"]")
"""
