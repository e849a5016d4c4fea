#!/bin/bash
# bin/elasticsearch-certutil and bin/elasticsearch-keystore, whose scripts the distribution of
# Maven Central lacks; the tools are there.
set -euo pipefail
export CLI_NAME="${0##*/elasticsearch-}"
case $CLI_NAME in
  certutil) export CLI_LIBS=modules/x-pack-core,modules/x-pack-security,lib/tools/security-cli ;;
  keystore) export CLI_LIBS=lib/tools/keystore-cli ;;
esac
exec "${0%/*}/elasticsearch-cli" "$@"
