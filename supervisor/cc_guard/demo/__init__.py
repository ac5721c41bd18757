"""`cc-guard demo`: the whole story in a minute, with a stand-in for Claude Code."""
