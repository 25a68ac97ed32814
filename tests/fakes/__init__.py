"""Stand-ins for what lies outside the code under test."""
