"""One module for each subcommand; each has `main(argv) -> exit status`."""
