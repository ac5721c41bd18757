"""Finding the client and starting it the way it wants to be started. Lean: the start-up path imports this."""
