#!/usr/bin/env bash
# Is the compiled file our program, and does it scan? A wrong base would make a bare Deno with exit code 0.
set -euo pipefail
program="$(realpath "$1")"
cd "$(dirname "$0")/../.."
want="opendca $(sed -n 's/.*"version": "\([^"]*\)".*/\1/p' deno.json | head -n 1)"
got="$("$program" --version)"
# A base of another version than the tested one is named.
[ "${got%% (on Deno *}" = "$want" ] || { echo "--version says \"$got\" where \"$want\" is wanted"; exit 1; }

commit="$("$program" --version --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["commit"])')"
case "$commit" in "$(git rev-parse HEAD)"*) ;; *) echo "--version --json names the commit \"$commit\""; exit 1 ;; esac

work="$(mktemp -d)"
# In a process group of its own, as npx and the task are processes in between.
setsid npx -y deno@2.9.3 task simulate --fleet simulator/fleet/office.yaml >"$work/ready" 2>"$work/simulator.log" &
simulator=$!
trap 'kill -- "-$simulator" 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 100); do grep -q '"ready":true' "$work/ready" && break; sleep 0.2; done
grep -q '"ready":true' "$work/ready" || { cat "$work/simulator.log"; exit 1; }

cd "$work"
"$program" scan 127.77.0.0/24 --port 1161 --quiet --format json --output scan.json
printers="$(python3 -c 'import json; print(len(json.load(open("scan.json"))["printers"]))')"
[ "$printers" -ge 12 ] || { echo "the executable read $printers printers of the simulated fleet"; exit 1; }
if "$program" scan 10.0.0.999 2>error; then echo "a wrong target was accepted"; exit 1; else code=$?; fi
[ "$code" = 64 ] || { echo "a wrong target ended with exit code $code"; cat error; exit 1; }
"$program" scan localhost --port 1161 --timeout 100 --quiet --format json --output name.json ||
  { echo "the executable cannot scan a name"; exit 1; }
cat >agent.yaml <<END
platform: { rootDomain: localhost, endpoints: [localhost:1] }
stateDirectory: $work/state
sites: [{ name: office, ranges: [127.77.0.0/24] }]
END
"$program" ping 127.77.0.11 --count 1 --config agent.yaml | grep -q "1 of 1 answered" || { echo "the executable cannot ping"; exit 1; }
echo "$got: $printers printers read by the executable"
