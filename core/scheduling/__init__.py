"""Time: when practitioners work, what is free, and who has it. `availability` decides, `booking` makes it so."""
