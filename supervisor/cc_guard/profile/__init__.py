"""What cc-guard may do on this machine, from profiles/*.toml and the user's own files."""
