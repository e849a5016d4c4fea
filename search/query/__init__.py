"""What a person typed, to what an engine is asked."""
