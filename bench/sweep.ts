/**
 * `deno task bench:sweep`: who answers in a range of 65,536 loopback addresses of which 1,000 do. OpenDCA beside
 * onesixtyone, braa and fusioninventory-netdiscovery (the last on a /24), in one run. FusionInventory takes
 * half a minute for 254 addresses, and is ended after three.
 */
import { alignColumns, measure } from "./measure.ts";
import type { Run } from "./measure.ts";
import { maybePeer, opendca, startFleet } from "./programs.ts";

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

const ours = rows[0]!;
const theirs = rows.find(({ name }) => name === "onesixtyone");
if (theirs !== undefined) {
  const wall = ours.run.wallSeconds / theirs.run.wallSeconds;
  const cpu = (ours.run.cpuSeconds / ours.packets) / (theirs.run.cpuSeconds / theirs.packets);
  console.log(`wall time: ${wall.toFixed(2)} × onesixtyone's (wanted: under 0.5)`);
  console.log(`CPU per packet: ${cpu.toFixed(2)} × onesixtyone's (wanted: under 2.5)`);
}
console.log(`found: ${ours.found} of ${answering} (wanted: all)`);
console.log(`peak memory: ${ours.run.peakMegabytes.toFixed(0)} MB (wanted: under 250)`);
