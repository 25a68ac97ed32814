"""What the fakes of vendors have in common: time, waiting, a server on this machine, faults by order, a ledger."""
