"""The process that thinks. It starts after the client, nothing waits for it, and it may die at any moment."""
