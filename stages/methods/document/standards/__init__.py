"""Machine-readable documents in other people's formats, made from what the stages recorded."""
