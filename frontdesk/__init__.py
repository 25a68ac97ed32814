"""The `frontdesk` command and the processes: it puts the parts together, for a laptop or for a server."""
