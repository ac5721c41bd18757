"""From observations to symptoms. The wording of the client is data: `signatures.toml`."""
