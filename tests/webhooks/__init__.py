"""HTTP, asked as a client asks: with Flask's own client and a web chat in memory."""
