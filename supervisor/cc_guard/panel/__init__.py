"""The side panel: a process of its own that shows what the guard of a session sees and does."""
