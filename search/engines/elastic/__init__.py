"""The engine for more than one machine: an Elasticsearch cluster.

One index behind one alias holds everything: passages, which are ranked;
articles, the text as it was given; and one ledger (`mapping` has the fields).

connection   the client, retries of what passes by itself, errors in our words
mapping      what the index is: fields, analysis, similarity, settings
versions     `<alias>-passages-<n>` behind the alias, made, checked, swapped, dropped
documents    articles and passages to documents and back
queries      clauses and filters in Elasticsearch's query language
ledger       which editions no search may show, and who is writing
writing      articles whole or not at all, over a bulk interface that promises neither
asking       the index behind the alias: checked, and followed where it moves
searching    rankings, facets and vocabulary (`ranking` has the requests and answers)
reading      passages and articles given back (`memory` keeps those shown lately)
engine       all of it as one Engine
"""
