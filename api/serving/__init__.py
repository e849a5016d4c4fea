"""HTTP/1.1 itself: connections, heads, bodies and processes, below the application."""
