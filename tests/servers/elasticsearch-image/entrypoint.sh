#!/bin/bash
# What the official image's entry point does of it: variables with a dot in their name are settings,
# ELASTIC_PASSWORD is the first password of the user elastic. Anything but `eswrapper` is a command.
set -euo pipefail
umask 0002
[ "${1:-eswrapper}" = eswrapper ] || exec "$@"

if [ -n "${ELASTIC_PASSWORD:-}" ]; then
  [ -f config/elasticsearch.keystore ] || bin/elasticsearch-keystore create >/dev/null
  printf '%s' "$ELASTIC_PASSWORD" | bin/elasticsearch-keystore add --force --stdin bootstrap.password
fi

settings=()
while IFS== read -r name value; do
  case $name in
    xpack.ml.*) [ -d modules/x-pack-ml ] || continue ;; # of modules that this distribution lacks
    ingest.geoip.*) [ -d modules/ingest-geoip ] || continue ;;
  esac
  [ -z "$value" ] || settings+=("-E$name=$value")
done < <(env | grep -E '^[-a-z0-9_]+(\.[-a-z0-9_]+)+=')

exec bin/elasticsearch "${settings[@]}"
