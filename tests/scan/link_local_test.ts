/** A device that has nothing but a link-local address, on a real link with a real snmpd at its other end. */
import assert from "node:assert/strict";
import { succeeds, systemTest } from "../fixtures/peers.ts";

const namespaces = ["-U", "-r", "-n", "-m"];
const allowed = await succeeds([
  "unshare",
  ...namespaces,
  "sh",
  "-c",
  "mount -t tmpfs none /mnt && ip link add here type veth peer name there",
]);

const setUp = `
set -e
cd "$1"
ip link set lo up
unshare -n sleep 60 >/dev/null 2>&1 & other=$!
trap 'kill $other' EXIT
until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
ip link add here type veth peer name there
ip link set there netns $other
# One address each: of two, the answer may come from the other one.
ip link set here addrgenmode none
nsenter -t $other -n ip link set there addrgenmode none
there() { nsenter -t $other -n "$@"; }
there sh -c 'ip addr add fe80::2/64 dev there nodad && ip link set there up'
ip addr add fe80::1/64 dev here nodad
ip link set here up
# Without a function in between, so that the process is snmpd itself.
nsenter -t $other -n snmpd -f -Lf snmpd.log -C -c snmpd.conf -p snmpd.pid -I -smux udp6:161 >/dev/null 2>&1 & agent=$!
trap 'kill $agent $other' EXIT
until there sh -c 'ss -lun | grep -q :161'; do kill -0 $agent && sleep 0.1 || { cat snmpd.log >&2; exit 1; }; done
"$2" run --no-prompt --no-check --allow-all "$3" scan "fe80::2%here" --all --quiet --timeout 20000 --format json
`;

systemTest(
  "scan reads a device at a link-local address with its interface",
  { needs: "network namespaces with veth", allowed, programs: ["ip", "snmpd", "ss"] },
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/snmpd.conf`, 'rocommunity6 public\nsysDescr "A host on the link"\n');
      const main = new URL("../../main.ts", import.meta.url).pathname;
      const { code, stdout, stderr } = await new Deno.Command("unshare", {
        args: [...namespaces, "sh", "-c", setUp, "sh", folder, Deno.execPath(), main],
      }).output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      assert.equal(code, 0, text(stderr));
      const { others } = JSON.parse(text(stdout));
      assert.deepEqual(others.map(({ address, description }: Record<string, string>) => [address, description]), [
        ["fe80::2%here", "A host on the link"],
      ]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
