#!/usr/bin/env bash
# A session with curl: writes two articles to a server, finds them, and removes them again.
#
#   bash examples/session.sh http://127.0.0.1:8000
#
# The server is `fihris serve`. One that asks for an API key gets that of FIHRIS_API_KEY, which has
# the scopes `search` and `index`.
set -euo pipefail
server=${1:-http://127.0.0.1:8000}
cd "$(dirname "$0")"

ask() {
  curl --silent --show-error --fail-with-body ${FIHRIS_API_KEY:+-H "Authorization: Bearer $FIHRIS_API_KEY"} "$@" && echo
}

echo "== Is it ready?"
ask "$server/ready"

echo "== By words, as a form would ask"
ask -G "$server/v1/search" --data-urlencode "q=ضربات في العراق" -d mode=keyword -d size=1

echo "== By meaning, in another language, as JSON"
ask "$server/v1/search" -H "Content-Type: application/json" \
  -d '{"q": "Why did the United States strike targets in Iraq?", "mode": "semantic", "size": 1}'

echo "== An article of our own; refresh=wait: the next search finds it, whichever process answers"
ask "$server/v1/articles/session-1?refresh=wait" -X PUT -H "Content-Type: application/json" \
  -d '{"title": "معرض الكتاب", "text": "يفتتح معرض الكتاب أبوابه في الرباط يوم الخميس."}'
ask -G "$server/v1/search" --data-urlencode "q=معرض الرباط" -d size=1

echo "== Many articles, one a line; each line is answered"
ask "$server/v1/articles:bulk" -H "Content-Type: application/x-ndjson" --data-binary @articles.jsonl

echo "== One of them, whole"
ask "$server/v1/articles/2024-02-06-port"

echo "== How its words are analysed"
ask -G "$server/v1/analyze" --data-urlencode "text=وللميناء"

echo "== Removed again"
for id in session-1 2024-02-05-baghdad 2024-02-06-port; do
  ask "$server/v1/articles/$id" -X DELETE
done
