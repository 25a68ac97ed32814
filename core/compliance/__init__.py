"""What the law asks of us: who did what to whose data, and what is forgotten when."""
