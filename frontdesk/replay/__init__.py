"""`frontdesk replay`: rows of real bookings become conversations with a clinic of their own, through inbox, workers, dialog and outbox."""
