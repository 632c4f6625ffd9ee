"""What every table holds, what the study assumes, and what can go wrong."""
