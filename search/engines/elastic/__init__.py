"""The engine for more than one machine: an Elasticsearch cluster.

One index behind one alias holds everything (`mapping` has the fields). An article's own
document is its commit: it names the edition that is shown.

adapter      opens it as settings say
connection   the client, retries of what passes by itself, errors with their remedies
mapping      what the index is: fields, analysis, similarity, settings
versions     `<alias>-passages-<n>` behind the alias, made, checked, moved to, dropped
successor    the next version, being filled; `former` reads one of the first release
documents    articles and passages to documents and back
state        what an article's own document says, and how that changes
bulk, write  articles whole or not at all, by any number of writers at once
hold         writers kept out while the last differences are copied to the next version
queries      clauses and filters in Elasticsearch's query language
visible      what a search looks at, and which hits of its answer may be shown
ranking      the searches of a request and how their answers are read; `searching` asks them
index        the index behind the alias: checked, followed where it moves, asked
engine       all of it as one Engine, and what it gives back
"""
