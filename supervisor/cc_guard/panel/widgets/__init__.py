"""The parts of the panel, one a file."""
