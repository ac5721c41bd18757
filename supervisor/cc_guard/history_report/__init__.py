"""What the history says, for people and for other programs. Pure, but for `otlp`, which sends."""
