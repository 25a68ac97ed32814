"""Proofs that need real processes and take their time: what is killed, cut off or slow. Not shipped."""
