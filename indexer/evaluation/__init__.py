"""How well a collection is searched: judged queries and the measures over them."""
