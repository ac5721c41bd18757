"""The foreground process: forwards bytes between the terminal and the client, and nothing else first.

Everything here is on the start-up and hot path. Only `os sys time pty tty termios fcntl select signal
errno struct socket` may be imported (`shared` measurement: 6 ms together).
"""
