"""Files to articles: a module a format, what they share, and the sandbox they run in."""
