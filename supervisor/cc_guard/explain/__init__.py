"""What a pasted error text means: clean it, find the client's sentence in it, say what can cause it."""
