"""What happened: the incident, its record and its machine."""
