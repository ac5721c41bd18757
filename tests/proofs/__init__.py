"""Long proofs: commands of their own, with short forms among the tests. tests/README.md lists them."""
