"""The talk: what a message means and what to say next. Pure values and functions; only `turn.py` touches the database."""
