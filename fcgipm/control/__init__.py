"""How commands reach the running daemon: one JSON line in, JSON lines out, the last has `result`."""
