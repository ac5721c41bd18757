"""Appends what comes from stdin to an asciicast v2 file, with times: `tmux pipe-pane 'python … FILE START'`.

Alone in its file, and without the package around it, because it runs for as long as a session does.
"""

import codecs
import json
import os
import sys
import time


def main(path: str, start: float) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    file = os.open(path, os.O_WRONLY | os.O_APPEND)
    while data := os.read(0, 65536):
        line = json.dumps([round(time.time() - start, 4), "o", decoder.decode(data)], ensure_ascii=True)
        os.write(file, f"{line}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
