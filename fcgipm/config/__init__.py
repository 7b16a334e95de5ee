"""The configuration, without I/O: text in, plain data or located errors out. Nothing is imported here, so that `reader` comes without pydantic."""
