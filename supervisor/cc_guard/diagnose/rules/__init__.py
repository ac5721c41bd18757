"""From findings to causes: small rules by subject, and a judge of what they say."""
