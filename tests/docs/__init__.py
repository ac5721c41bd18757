"""What of the documentation is made from the code: `python -m tests.docs`, `python -m tests.docs.picture`."""
