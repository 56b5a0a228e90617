#!/bin/sh
# Writes the TypeScript of proto/opendca/v1 to proto/gen, or to the folder that is given.
# Needs protoc with its includes (Debian: protobuf-compiler, libprotobuf-dev) and npm. The generator's version is pinned: other versions write other text.
set -eu
generator=2.18.0
root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$root/proto/gen}

command -v protoc >/dev/null || {
  echo "error: Cannot generate as protoc is missing" >&2
  echo "hint: apt-get install protobuf-compiler libprotobuf-dev" >&2
  exit 69
}
plugin=${TS_PROTO_PLUGIN:-}
if [ -z "$plugin" ]; then
  tools=${XDG_CACHE_HOME:-$HOME/.cache}/opendca/ts-proto-$generator
  plugin=$tools/node_modules/.bin/protoc-gen-ts_proto
  [ -x "$plugin" ] || npm install --silent --no-audit --no-fund --prefix "$tools" "ts-proto@$generator" >&2
fi

mkdir -p "$out"
find "$out" -name '*.ts' -delete
protoc --plugin="protoc-gen-ts_proto=$plugin" --proto_path="$root/proto" --ts_proto_out="$out" \
  --ts_proto_opt=outputServices=grpc-js,forceLong=bigint,oneof=unions-value,importSuffix=.ts,env=node \
  --ts_proto_opt=esModuleInterop=true,useExactTypes=false,removeEnumPrefix=true,annotateFilesWithVersion=false \
  --ts_proto_opt=outputJsonMethods=true,outputPartialMethods=true \
  "$root"/proto/opendca/v1/*.proto
