/** Sweeps of the machine's own link, where the system asks by ARP who has an address: a real one, in namespaces. */
import assert from "node:assert/strict";
import type { ScanDocument } from "../../common/reading/reading.ts";
import { succeeds, systemTest } from "../fixtures/peers.ts";

const main = new URL("../../main.ts", import.meta.url).pathname;

/** `near` is ours, with 10.99.0.1; behind it a host with snmpd at each address of `$hosts`, and nobody else. */
const setUp = `
ip link set lo up
unshare -n sh -ec '
  ip link set lo up
  until ip link show far >/dev/null 2>&1; do sleep 0.02; done
  for host in $hosts; do ip address add "$host$block" dev far; done
  ip link set far up
  [ -z "$late" ] || nft "$deafAtFirst"
  for host in $hosts; do agents="$agents udp:$host:161"; done
  exec snmpd -f -Ln -C -c "$folder/snmpd.conf" -p "$folder/pid" $agents' &
# Not before the child has a namespace of its own.
until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do kill -0 $! && sleep 0.02 || exit 1; done
ip link add name near type veth peer name far netns $!
ip address add "10.99.0.1$block" dev near
ip link set near up
until [ -e "$folder/pid" ]; do kill -0 $! && sleep 0.02 || exit 1; done
"$@"
code=$?
kill $!
exit $code
`;

/** The host `$late` hears nothing until nobody has called for almost three seconds: no probe of the first pass. */
const deafAtFirst = (late: string) => `
add table inet t
add set inet t calls { type ipv4_addr; flags dynamic,timeout; timeout 2900ms; }
add chain inet t c { type filter hook input priority 0; }
add rule inet t c ip daddr ${late} udp dport 161 quota until 120 bytes add @calls { ip daddr } drop
add rule inet t c ip daddr ${late} udp dport 161 ip daddr @calls update @calls { ip daddr } drop
`;

const namespaces = ["-U", "-r", "-n", "-m"];

const allowed = await succeeds(["unshare", ...namespaces, "ip", "link", "add", "name", "near", "type", "veth"]);

function linkTest(name: string, body: () => Promise<void>): void {
  systemTest(name, { needs: "network namespaces", allowed, programs: ["ip", "snmpd", "nft"] }, body);
}

/** Runs `opendca scan` on the link; `hosts` answer, and nobody else. */
async function scanLink(
  args: string[],
  options: { block: string; hosts: string[]; late?: string },
): Promise<ScanDocument> {
  const { block, hosts, late = "" } = options;
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/snmpd.conf`, "rocommunity public\n");
    const { code, stdout, stderr } = await new Deno.Command("unshare", {
      args: [...namespaces, "sh", "-c", setUp, "sh", Deno.execPath(), "run", "--no-check", "-A", main, "scan", ...args],
      env: { folder, block, hosts: hosts.join(" "), late, deafAtFirst: deafAtFirst(late) },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

linkTest("opendca scan is not held up by the silent addresses of its own link, and finds who is there", async () => {
  const hosts = ["10.99.0.77", "10.99.3.200"];
  const scanned = await scanLink(
    ["10.99.0.0/22", "--rate", "0", "--workers", "1", "--format", "json", "--all", "--quiet"],
    { block: "/22", hosts },
  );
  assert.deepEqual(scanned.others?.map(({ address }) => address), hosts);
  // One socket alone needs 22 seconds for these: 13 milliseconds for each datagram that ARP does not resolve. Several
  // need 3, and more on a busy machine.
  assert(scanned.stats.durationMs < 20_000, `it took ${scanned.stats.durationMs} ms`);
});

linkTest(
  "opendca scan of more addresses on its own link than the neighbour table has room for loses nobody, and names the table",
  async () => {
    // Without pacing a fifth of 1,300 find no room among the 1,024 of the table, and the system says nothing.
    const hosts = Array.from({ length: 40 }, (_, i) => `10.99.${Math.trunc(i / 8)}.${10 + 25 * (i % 8)}`);
    const scanned = await scanLink(
      ["10.99.0.2-10.99.5.21", "--rate", "0", "--workers", "2", "--format", "json", "--all", "--quiet"],
      // All probes of the first pass to one host are lost, as they are where there is no room.
      { block: "/20", hosts, late: hosts[9]! },
    );
    assert.deepEqual(scanned.others?.map(({ address }) => address), hosts);
    assert.equal(scanned.stats.addresses, 1300);
    const told = scanned.problems.filter(({ code }) => code === "neighbour-table").map(({ message }) => message);
    assert(told.some((message) => message.includes(`${hosts[9]} `) && message.includes("gc_thresh3")), told.join());
  },
);
