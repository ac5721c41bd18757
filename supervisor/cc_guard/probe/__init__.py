"""Looking at the path to the API: no credentials, no change to anything."""
