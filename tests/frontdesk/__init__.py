"""The command and its processes."""
