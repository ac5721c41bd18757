"""The probes, by what they look at. Each module has its own in `PROBES`, in an order that fits their
needs."""
