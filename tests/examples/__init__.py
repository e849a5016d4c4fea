"""What the documentation shows in Python and what lies in `examples/`, run for real on the seed."""
