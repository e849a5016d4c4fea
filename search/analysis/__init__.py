"""Text to words: tokens with offsets and layers, for documents and queries, engines and marks alike."""
