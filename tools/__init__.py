"""Scripts that make what is committed; nothing of Fihris imports them."""
