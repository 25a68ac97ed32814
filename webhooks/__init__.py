"""HTTP from pages, machines and links: checks where a request comes from, stores what it brings, and answers at once."""
