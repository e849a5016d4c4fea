"""Fihris's library: Arabic analysis, ranking, fusion and the engines. Knows nothing of HTTP, files or command lines."""
