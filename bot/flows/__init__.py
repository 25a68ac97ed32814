"""What one can talk about, an ability a file: each takes the state, an event and the facts, and gives back a `Turn`."""
