"""Fihris over HTTP: the versioned API, its problems, and the search page."""
