"""The engine for more than one machine: an Elasticsearch cluster.

One index behind one alias holds everything (`mapping` has the fields). An article's own
document is its commit: it names the edition that is shown.

connection   the client, retries, and errors with their remedies
mapping      what the index is: fields, analysis, similarity, settings
versions     `<alias>-passages-<n>` behind the alias: made, checked, moved to, dropped
documents    articles and passages to documents and back
state        what an article's own document says, and how that changes
bulk, write  articles written whole or not at all, by any number of writers at once
hold         writers kept out while `reindex` makes its last pass
queries      clauses and filters in Elasticsearch's query language
visible      which hits of an answer belong to the editions that are shown
ranking      the searches of a request and how their answers are read; `searching` sends them
index        the index behind the alias: checked, followed when it moves, searched
engine       all of it as an `Engine`
adapter      opens the engine as settings say, and the next version; `former` reads format 2
side_index   annotations, in an index of their own; `saved`: saved searches
backup       snapshots; `maintenance`: `check` and `erase`
"""
