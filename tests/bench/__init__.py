"""The bench: cc-guard beside a bare PTY, script(1), tmux and pexpect, in one run.

    python -m tests.bench [--quick] [--json FILE]

The harness is the outer terminal.  Every contestant runs the same small child programs (`children/`)
on a PTY of the same size, and the contestants take turns within every round, so that the noise of the
machine falls on all of them alike.  What is compared is ratios of one run, never numbers of two.
"""
