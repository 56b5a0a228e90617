/**
 * `deno task bench:sweep`: who answers in a range of 65,536 loopback addresses of which 1,000 do. OpenDCA beside
 * onesixtyone, braa and fusioninventory-netdiscovery (the last on a /24), in one run. FusionInventory takes
 * half a minute for 254 addresses, and is ended after three. Then the 1,022 addresses of a link on which nobody answers
 * ARP, beside onesixtyone: a pair of virtual Ethernet devices in a network namespace.
 */
import { alignColumns, measure } from "./measure.ts";
import type { Run } from "./measure.ts";
import { maybePeer, opendca, startFleet } from "./programs.ts";
import { systemClock } from "../src/core/clock.ts";
import { succeeds } from "../tests/peers.ts";

interface Row {
  name: string;
  addresses: number;
  found: number;
  packets: number;
  run: Run;
}

const first = "127.78.0.0", last = "127.78.255.255";
const small = "127.78.7.0/24";

await using simulator = await startFleet("sweep.yaml");
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

/** A goal, and whether this run met it. */
interface Goal {
  name: string;
  met: boolean;
  got: string;
  wanted: string;
}
const goals: Goal[] = [];

function judge(name: string, got: number, limit: number, unit: string): void {
  goals.push({ name, met: got < limit, got: `${got.toFixed(2)}${unit}`, wanted: `under ${limit}` });
}

const ours = rows[0]!;
const theirs = rows.find(({ name }) => name === "onesixtyone");
if (theirs !== undefined) {
  judge("wall time", ours.run.wallSeconds / theirs.run.wallSeconds, 0.5, " × onesixtyone's");
  const cpu = (ours.run.cpuSeconds / ours.packets) / (theirs.run.cpuSeconds / theirs.packets);
  judge("CPU per packet", cpu, 2.5, " × onesixtyone's");
}
goals.push({
  name: "found",
  met: ours.found === answering,
  got: `${ours.found} of ${answering}`,
  wanted: "all",
});
judge("peak memory", ours.run.peakMegabytes, 250, " MB");

await sweepLink();

for (const { name, got, wanted } of goals) console.log(`${name}: ${got} (wanted: ${wanted})`);
const missed = goals.filter(({ met }) => !met);
console.log(`\nmet ${goals.length - missed.length} of ${goals.length}`);
for (const { name, got, wanted } of missed) console.log(`missed: ${name}: ${got}, wanted ${wanted}`);

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
  judge("own link, wall time", linked.wallSeconds, 5, " s");
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
