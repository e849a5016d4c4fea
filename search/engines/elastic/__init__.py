"""The engine for more than one machine: an Elasticsearch cluster.

One index behind one alias holds everything (`mapping` has the fields). An article's own
document is its commit: it names the edition that is shown.

connection   the client, retries of what passes by itself, errors in our words
mapping      what the index is: fields, analysis, similarity, settings
versions     `<alias>-passages-<n>` behind the alias, made, checked, swapped, dropped
successor    the next version, being filled; `former` reads one of the first release
documents    articles and passages to documents and back
state        what an article's own document says, and how that changes
bulk, write  articles whole or not at all, by any number of writers at once
hold         writers kept out while the last differences are copied to the next version
queries      clauses and filters in Elasticsearch's query language
asking       the index behind the alias: checked, and followed where it moves
visible      which hits of an answer may be shown
ranking      the searches of a request and how their answers are read; `searching` asks them
reading      passages and articles given back
engine       all of it as one Engine
"""
