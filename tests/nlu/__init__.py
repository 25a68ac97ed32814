"""How well the desk understands what others wrote: predictions over labelled messages, and one table of figures."""
