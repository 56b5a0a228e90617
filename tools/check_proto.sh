#!/bin/sh
# Fails when proto/gen is not what proto/opendca/v1 makes, and when a change would break agents that are in the field:
# proto/released.binpb is the schema of the last release. `check_proto.sh --release` makes the present one the released one.
set -eu
buf_version=1.75.0
root=$(cd "$(dirname "$0")/.." && pwd)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

"$root/tools/generate_proto.sh" "$temporary/gen"
diff -ru "$root/proto/gen" "$temporary/gen" || {
  echo "error: proto/gen differs from what proto/opendca/v1 makes" >&2
  echo "hint: deno task proto" >&2
  exit 1
}

protoc --proto_path="$root/proto" --include_imports --descriptor_set_out="$temporary/now.binpb" \
  "$root"/proto/opendca/v1/*.proto
if [ "${1:-}" = --release ]; then
  cp "$temporary/now.binpb" "$root/proto/released.binpb"
  exit
fi

buf=${BUF:-}
if [ -z "$buf" ]; then
  tools=${XDG_CACHE_HOME:-$HOME/.cache}/opendca/buf-$buf_version
  buf=$tools/node_modules/.bin/buf
  [ -x "$buf" ] || npm install --silent --no-audit --no-fund --prefix "$tools" "@bufbuild/buf@$buf_version" >&2
fi
# WIRE_JSON: names may not change either, as the egress ledger shows messages as JSON.
"$buf" breaking "$temporary/now.binpb" --against "$root/proto/released.binpb" \
  --config '{"version":"v2","breaking":{"use":["WIRE_JSON"]}}'
