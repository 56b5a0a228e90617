/**
 * `deno task bench:read`: 1,000 printers read completely. OpenDCA beside snmpbulkwalk, prometheus-snmp-exporter and
 * fusioninventory-netinventory (the last reads one printer in twenty, as it takes long), in one run.
 *
 * Every program gets a simulator that was started for it and that counts its requests. The simulator runs on the same
 * machine, so its processor time is shown: where it comes near the wall time, the simulator is what was waited for.
 */
import { programOptions } from "../tools/program_options.ts";
import { createGoals } from "./goals.ts";
import { alignColumns } from "./measure.ts";
import { maybePeer, startFleet } from "./programs.ts";
import {
  type Finding,
  type Measured,
  runBulkwalk,
  runFusionInventory,
  runOpendca,
  runSnmpExporter,
} from "./read_programs.ts";

programOptions("deno task bench:read", {});

interface Row extends Measured {
  name: string;
  printers: number;
  requests: number;
  simulatorCpuSeconds: number;
}

const rows: Row[] = [];

async function add(name: string, read: (addresses: string[]) => Promise<Measured>, oneIn = 1): Promise<Row> {
  await using simulator = await startFleet("read.yaml");
  const addresses = simulator.devices.map(({ address }) => address).filter((_, i) => i % oneIn === 0);
  console.log(`running ${name} …`);
  const measured = await read(addresses);
  const { packetsReceived, cpuSeconds } = await simulator.stop();
  const printers = addresses.length;
  const row = { name, printers, ...measured, requests: packetsReceived, simulatorCpuSeconds: cpuSeconds };
  rows.push(row);
  return row;
}

const complete = ({ total, supplies }: Finding) => total !== undefined && total > 0 && supplies > 0;
const completeOf = ({ findings }: Row) => [...findings.values()].filter(complete).length;
const suppliesOf = ({ findings }: Row) => [...findings.values()].reduce((sum, { supplies }) => sum + supplies, 0);
const wallPerPrinter = ({ run, printers }: Row) => run.wallSeconds / printers;
const cpuPerPrinter = ({ run, printers }: Row) => run.cpuSeconds / printers;

const ours = await add("opendca", runOpendca);
const notes: string[] = [];
const goals = createGoals();
goals.all("complete", completeOf(ours), ours.printers);
goals.atMost("requests per printer", ours.requests / ours.printers, 12);
goals.atMost("peak memory", ours.run.peakMegabytes, 200, " MB");

function judgeWall(name: string, theirs: Row[]): void {
  const best = Math.min(...theirs.map(wallPerPrinter));
  goals.atMost(`wall time beside ${name}`, wallPerPrinter(ours) / best, 1, " ×");
}

const bulkwalk = maybePeer("snmpbulkwalk", "snmp");
if (bulkwalk !== undefined) {
  const walk = (options: string[], atOnce: number) => (addresses: string[]) =>
    runBulkwalk(addresses, { program: bulkwalk, options, atOnce });
  const walks = [
    await add("snmpbulkwalk, one by one", walk([], 1)),
    await add("snmpbulkwalk, 4 at once", walk([], 4)),
    // Its best: no MIB files to look for, and 40 values an answer.
    await add('snmpbulkwalk -m "" -Cr40, 4 at once', walk(["-m", "''", "-Cr40"], 4)),
  ];
  judgeWall("snmpbulkwalk", walks);
  const walked = walks[0]!.findings;
  const same = [...ours.findings].filter(([address, { total, supplies }]) => {
    const theirs = walked.get(address);
    // More supplies are those that a maker keeps outside Printer-MIB.
    return theirs !== undefined && total === theirs.total && supplies >= theirs.supplies;
  });
  goals.all("same total as in snmpbulkwalk and no supply less", same.length, ours.printers);
}

const exporter = maybePeer("prometheus-snmp-exporter", "prometheus-snmp-exporter");
if (exporter !== undefined) {
  const row = await add("snmp_exporter, 16 at once", (addresses) => runSnmpExporter(addresses, exporter));
  judgeWall("snmp_exporter", [row]);
  // 3 ms a printer on any machine, or not much more than its own on a slow one.
  const limitMs = Math.max(3, 1.2 * cpuPerPrinter(row) * 1000);
  goals.atMost("CPU per printer", cpuPerPrinter(ours) * 1000, Number(limitMs.toFixed(2)), " ms");
  notes.push(`snmp_exporter: fetching its pages cost ${row.clientCpuSeconds!.toFixed(2)} s CPU more, not in the table`);
}

const netinventory = maybePeer("fusioninventory-netinventory", "fusioninventory-agent-task-network");
if (netinventory !== undefined) {
  const row = await add("fusioninventory (1 in 20)", (addresses) => runFusionInventory(addresses, netinventory), 20);
  judgeWall("FusionInventory", [row]);
  goals.atMost("CPU per printer beside FusionInventory", cpuPerPrinter(ours) / cpuPerPrinter(row), 0.04, " ×");
}

const table = [[
  "",
  "printers",
  "complete",
  "supplies",
  "wall s",
  "printers/s",
  "requests/printer",
  "CPU ms/printer",
  "peak MB",
  "simulator CPU s",
]];
for (const row of rows) {
  const { name, printers, run, requests, simulatorCpuSeconds } = row;
  table.push([
    name,
    String(printers),
    String(completeOf(row)),
    String(suppliesOf(row)),
    run.wallSeconds.toFixed(2),
    (1 / wallPerPrinter(row)).toFixed(0),
    (requests / printers).toFixed(1),
    (cpuPerPrinter(row) * 1000).toFixed(2),
    run.peakMegabytes.toFixed(0),
    simulatorCpuSeconds.toFixed(2),
  ]);
}
console.log(`\n${alignColumns(table)}\n`);

for (const note of notes) console.log(note);
goals.print();
