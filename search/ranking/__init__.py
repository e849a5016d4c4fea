"""One ranked page of hits for a query, on any engine."""
