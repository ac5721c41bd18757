"""Detection over recordings: the live code on the recording's clock."""
