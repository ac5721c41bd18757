"""The rendered screen: what a person would see, rebuilt from the client's bytes."""
