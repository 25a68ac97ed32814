"""The clinic: people, scheduling, messages owed and received, and who did what. It has never heard of chat."""
