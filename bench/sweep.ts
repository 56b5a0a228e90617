/**
 * `deno task bench:sweep`: who answers in a range of 65,536 loopback addresses of which 1,000 do. OpenDCA beside
 * onesixtyone, braa and fusioninventory-netdiscovery (the last on a /24), in one run, and beside what sending the same
 * datagrams costs by itself. FusionInventory takes half a minute for 254 addresses, and is ended after three. Then the
 * 1,022 addresses of a link on which nobody answers ARP, beside onesixtyone: a pair of virtual Ethernet devices.
 *
 * All in a network namespace of its own, in which a socket of the wildcard address receives what goes to the other
 * addresses and is never read: what does not fit its buffer is dropped without a word. Closed ports would answer with
 * ICMP, which costs the sender more than its own sending.
 */
import { alignColumns, measure, type Run } from "./measure.ts";
import { createGoals } from "./goals.ts";
import { maybeInOwnNamespace } from "./own_namespace.ts";
import { maybePeer, opendca, startFleet } from "./programs.ts";
import { systemClock } from "../common/core/clock.ts";
import { communityProbe } from "../src/snmp/probe.ts";
import { succeeds } from "../tests/fixtures/peers.ts";

const outside = await maybeInOwnNamespace(import.meta.url, "deno task bench:sweep");
// deno-lint-ignore opendca/only-main-exits -- a program of its own
if (outside !== undefined) Deno.exit(outside);

interface Row {
  name: string;
  addresses: number;
  found: number;
  packets: number;
  run: Run;
}

const first = "127.78.0.0", last = "127.78.255.255";
const small = "127.78.7.0/24";

await using simulator = await startFleet("sweep.yaml", ["--reuse-address"]);
const _silence = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 161, reuseAddress: true });
const rows: Row[] = [];

async function add(
  name: string,
  addresses: number,
  command: string[],
  count: (run: Run) => { found: number; packets: number },
) {
  console.log(`running ${name} …`);
  const run = await measure(command);
  rows.push({ name, addresses, run, ...count(run) });
}

await add("opendca", 65_536, [
  ...opendca(),
  "scan",
  `${first}-${last}`,
  "--rate",
  "0",
  "--format",
  "json",
  "--all",
  "--quiet",
], (run) => {
  const { stats } = JSON.parse(run.stdout);
  return { found: stats.answered, packets: stats.packetsSent };
});

const onesixtyone = maybePeer("onesixtyone", "onesixtyone");
if (onesixtyone !== undefined) {
  await add("onesixtyone", 65_536, [onesixtyone, "-w", "0", "127.78.0.0/16", "public"], (run) => ({
    found: run.stdout.split("\n").filter((line) => /^127\.78\./.test(line)).length,
    packets: 65_536,
  }));
}
const braa = maybePeer("braa", "braa");
if (braa !== undefined) {
  await add("braa", 65_536, [braa, `public@${first}-${last}:.1.3.6.1.2.1.1.1.0`], (run) => ({
    found: new Set(run.stdout.match(/^127\.78\.\d+\.\d+/gm)).size,
    packets: 65_536 * 3,
  }));
}
const netdiscovery = maybePeer("fusioninventory-netdiscovery", "fusioninventory-agent-task-network");
if (netdiscovery !== undefined) {
  const [low, high] = ["127.78.7.1", "127.78.7.254"];
  await add(`fusioninventory (${small})`, 254, [
    "timeout",
    "180",
    netdiscovery,
    ...["--first", low, "--last", high, "--threads", "10", "--timeout", "1", "--community", "public"],
  ], (run) => ({
    found: run.stdout.split("<AUTHSNMP>").length - 1,
    packets: 0,
  }));
}

const answering = simulator.devices.length;
const inSmall = simulator.devices.filter(({ address }) => address.startsWith("127.78.7.")).length;
const table = [["", "addresses", "found", "wall s", "CPU s", "packets", "CPU µs/packet", "peak MB"]];
for (const { name, addresses, found, packets, run } of rows) {
  const wanted = addresses < 65_536 ? inSmall : answering;
  table.push([
    name,
    String(addresses),
    `${found} of ${wanted}`,
    run.wallSeconds.toFixed(2),
    run.cpuSeconds.toFixed(2),
    packets > 0 ? String(packets) : "?",
    packets > 0 ? (run.cpuSeconds * 1e6 / packets).toFixed(1) : "?",
    run.peakMegabytes.toFixed(0),
  ]);
}
console.log(`\n${alignColumns(table)}\n`);

const goals = createGoals();
const ours = rows[0]!;
const theirs = rows.find(({ name }) => name === "onesixtyone");
if (theirs !== undefined) {
  goals.atMost("wall time", ours.run.wallSeconds / theirs.run.wallSeconds, 0.45, " × onesixtyone's");
}
goals.atMost("CPU per packet", ours.run.cpuSeconds * 1e6 / ours.packets, 12, " µs");
goals.all("found", ours.found, answering);
goals.atMost("peak memory", ours.run.peakMegabytes, 250, " MB");

await measureFloor();
await sweepLink();
goals.print();

/** The same datagrams with nothing around them, without any start. */
async function measureFloor(): Promise<void> {
  const probe = communityProbe(1, "public").bytes.toHex();
  const file = (name: string) => new URL(name, import.meta.url).pathname;
  const python = maybePeer("python3", "python3");
  const programs: [name: string, command: string[]][] = [
    ["this runtime in the scanner's sandbox", [
      Deno.execPath(),
      "run",
      "--no-prompt",
      "--allow-all",
      file("send_floor.ts"),
    ]],
    ...python === undefined ? [] : [["python3, sendto", [python, file("send_floor.py"), probe]] as [string, string[]]],
  ];
  for (const [name, command] of programs) {
    const { stdout } = await measure(command);
    const { packets, wallSeconds, cpuSeconds } = JSON.parse(stdout);
    const each = (cpuSeconds * 1e6 / packets).toFixed(1);
    console.log(`floor: ${name}: ${packets} packets, ${wallSeconds.toFixed(2)} s wall, ${each} µs CPU each`);
  }
  console.log();
}

/** 1,022 addresses of the own link of which none is there: what the system holds back until ARP gives up. */
async function sweepLink(): Promise<void> {
  const setUp = "ip link set lo up; ip link add name near type veth peer name far; ip link set far up; " +
    'ip address add 10.99.0.1/22 dev near; ip link set near up; exec "$@"';
  const onLink = ["unshare", "-U", "-r", "-n", "sh", "-ec", setUp, "sh"];
  if (!await succeeds([...onLink, "true"])) {
    console.log("network namespaces are not allowed here; the own link is left out");
    return;
  }
  console.log("running the own link …");
  const table = [["own link, nobody answers", "addresses", "wall s", "CPU s", "packets"]];
  const row = (name: string, packets: number | string, { wallSeconds, cpuSeconds }: Run) =>
    table.push([name, "1022", wallSeconds.toFixed(2), cpuSeconds.toFixed(2), String(packets)]);
  const scan = ["scan", "10.99.0.0/22", "--rate", "0", "--format", "json", "--quiet"];
  const linked = await measure([...onLink, ...opendca(), ...scan]);
  row("opendca", JSON.parse(linked.stdout).stats.packetsSent, linked);
  goals.atMost("own link, wall time", linked.wallSeconds, 5, " s");
  if (onesixtyone !== undefined) {
    // Given the block, it ends at the broadcast address.
    const list = await Deno.makeTempFile();
    const hosts = [...Array(1022).keys()].map((i) => `10.99.${(i + 1) >> 8}.${(i + 1) & 255}`);
    await Deno.writeTextFile(list, hosts.join("\n") + "\n");
    // All namespaces share one table of 1,024 neighbours, which is full of those of the scan before.
    await systemClock.sleep(5000);
    row("onesixtyone", 1022, await measure([...onLink, onesixtyone, "-w", "0", "-i", list, "public"]));
    await Deno.remove(list);
  }
  console.log(`${alignColumns(table)}\n`);
}
