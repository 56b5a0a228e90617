#!/usr/bin/env bash
# Do the OCI images of a release work as docs/install.md runs them? By an OCI runtime (runc): another user than root, no
# capability, a read-only root, state in volumes. A platform, an agent that activates, pings and reads simulated printers.
set -euo pipefail
folder="$(realpath "$1")"
cd "$(dirname "$0")/../.."
version="$(sed -n 's/.*"version": "\([^"]*\)".*/\1/p' deno.json | head -n 1)"
for tool in runc umoci dnsmasq ip; do
  command -v "$tool" >/dev/null || { echo "cannot try the images as $tool is not installed"; exit 1; }
done

work="$(mktemp -d)"
net="opendca-images-$$"
export work net
fail() { echo "$*"; tail -n 20 "$work"/*.log; exit 1; }
runc() { command runc --root "$work/runc" "$@"; }
end() {
  for container in $(runc list --quiet); do runc delete --force "$container" || true; done
  [ ! -e "$work/simulator.pid" ] || kill -- "-$(cat "$work/simulator.pid")" 2>/dev/null || true
  [ ! -e "$work/dnsmasq.pid" ] || kill "$(cat "$work/dnsmasq.pid")" 2>/dev/null || true
  ip netns delete "$net" 2>/dev/null || true
  rm -rf "$work"
}
trap end EXIT

# A network as docker gives one: ping is permitted to every group, names are asked for.
ip netns add "$net"
ip -n "$net" link set lo up
inside() { ip netns exec "$net" "$@"; }
inside sysctl -qw net.ipv4.ping_group_range="0 2147483647"
inside dnsmasq --no-resolv --no-hosts --no-daemon --listen-address 127.0.0.53 --bind-interfaces --user=root \
  --address=/dca.example.test/127.0.0.1 --pid-file= >"$work/dnsmasq.log" 2>&1 &
echo $! >"$work/dnsmasq.pid"
echo "nameserver 127.0.0.53" >"$work/resolv.conf"

for name in opendca opendca-platform; do
  mkdir "$work/$name.image"
  tar -xf "$folder/$name-$version-linux-x64.oci.tar" -C "$work/$name.image"
  umoci unpack --image "$work/$name.image:$version" "$work/$name" 2>"$work/umoci.log" || fail "umoci cannot unpack $name"
done
cat >"$work/agent.yaml" <<'EOF'
platform: { rootDomain: dca.example.test, endpoints: ["dca.example.test:8443"], ca: /etc/opendca/authority.pem }
sites: [{ name: office, ranges: [127.77.0.11/32], port: 1161 }]
credentials: [{ community: { credential: opendca_snmp } }]
EOF
mkdir "$work/secrets" "$work/state"
echo public >"$work/secrets/opendca_snmp"
for volume in opendca opendca-guard opendca-platform; do install -d -m 700 -o 65532 -g 65532 "$work/state/$volume"; done

# container NAME PROGRAM [ARGUMENT…]: in place of the command of the image.
container() {
  local name=$1 program=$2
  shift 2
  mkdir -p "$work/bundles/$name"
  python3 - "$work/$program" "$work/bundles/$name" "$@" <<'EOF'
import json, os, sys
image, bundle, *arguments = sys.argv[1:]
work, config = os.environ["work"], json.load(open(f"{image}/config.json"))
process = config["process"]
assert process["user"]["uid"] == 65532 and process["user"]["gid"] == 65532, process["user"]
process["terminal"] = False
if arguments: process["args"] = process["args"][:1] + arguments
# --cap-drop ALL --security-opt no-new-privileges --read-only
process["capabilities"], process["noNewPrivileges"] = {}, True
config["hostname"] = os.environ.get("HOST_NAME", "opendca-agent")
config["root"] = { "path": f"{image}/rootfs", "readonly": True }
volumes = [mount["destination"] for mount in config["mounts"] if mount["destination"].startswith("/var/lib/")]
assert sorted(volumes) == {"opendca": ["/var/lib/opendca", "/var/lib/opendca-guard"]}.get(os.path.basename(image), ["/var/lib/opendca-platform"]), volumes
config["mounts"] = [mount for mount in config["mounts"] if mount["destination"] not in volumes]
files = { "/etc/resolv.conf": "resolv.conf", "/run/secrets": "secrets", "/etc/opendca/agent.yaml": "agent.yaml", "/etc/opendca/authority.pem": "authority.pem" }
for path, source in [*((path, "state/" + os.path.basename(path)) for path in volumes), *files.items()]:
  if os.path.exists(f"{work}/{source}") and (os.path.isdir(f"{image}/rootfs{os.path.dirname(path)}")):
    options = ["rbind", "rw" if path in volumes else "ro"]
    config["mounts"].append({ "destination": path, "type": "bind", "source": f"{work}/{source}", "options": options })
for namespace in config["linux"]["namespaces"]:
  if namespace["type"] == "network": namespace["path"] = f"/run/netns/{os.environ['net']}"
json.dump(config, open(f"{bundle}/config.json", "w"))
EOF
  runc run --bundle "$work/bundles/$name" "$name"
}
opendca() { container "once" opendca "$@" </dev/null; }
platform() { runc exec platform /usr/bin/opendca-platform "$@"; }

until_true() {
  for _ in $(seq 150); do ! "$@" >/dev/null 2>&1 || return 0; sleep 0.2; done
  fail "this did not come about: $*"
}

[[ "$(opendca --version)" = "opendca $version"* ]] || fail "the image of the agent does not run"
opendca verify | grep -q '^signed by' || fail "the image's program is not the one that its manifest names"
container platform opendca-platform serve --host-name dca.example.test </dev/null >"$work/platform.log" 2>&1 &
until_true grep -q '"ready":true' "$work/platform.log"
platform customer create Acme >/dev/null
platform site create Berlin >/dev/null
install -m 644 "$work/state/opendca-platform/server-authority.pem" "$work/authority.pem"
code="$(platform code create | grep -oE '[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}' | head -n 1)"

opendca doctor >"$work/doctor.log" || [ $? != 70 ] || fail "doctor has a bug in the image"
opendca activate "$code" >"$work/activate.log" || fail "the agent cannot be activated"
agent="$(grep -oE 'agt-[0-9a-z]+' "$work/activate.log" | head -n 1)"
platform task ping "$agent" 127.77.0.11 >/dev/null
platform task scan "$agent" >/dev/null

# Not by npx in there, which asks its registry.
deno="$(npx -y deno@2.9.3 eval 'console.log(Deno.execPath())')"
setsid ip netns exec "$net" "$deno" task simulate --fleet simulator/fleet/office.yaml >"$work/ready" 2>"$work/simulator.log" &
echo $! >"$work/simulator.pid"
until_true grep -q '"ready":true' "$work/ready"
container agent opendca </dev/null >"$work/agent.log" 2>&1 &
running=$!
tasks_done() { [ "$(platform task list --json | grep -o '"state": *"succeeded"' | wc -l)" = 2 ]; }
until_true tasks_done
read_one() { platform device list --json | grep -q HL-L5999DW; }
until_true read_one
runc kill agent TERM
wait "$running" || fail "the agent did not end well"
# Without the same name or machine-id the state is that of another machine.
code=0
HOST_NAME=another opendca run >"$work/foreign.log" 2>&1 || code=$?
[ "$code" = 77 ] || fail "the agent runs with the state of another machine: exit code $code"
echo "the images of $version work: activation, ping, scan, reading, with a read-only root and as user 65532"
