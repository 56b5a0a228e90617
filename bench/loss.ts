/**
 * `deno task bench:loss`: 60 printers at 0, 3 and 15 % loss each way, beside snmpbulkwalk, in one run.
 *
 * It runs itself again in a network namespace of its own, where nft drops requests and answers at random. snmpbulkwalk
 * walks the subtrees that we read of a printer, one after the other, for all printers at once, as we read them; it asks a
 * silent printer five times again, as is usual, with its own timeout of one second, which is ours as well.
 */
import { programOptions } from "../tools/program_options.ts";
import { alignColumns } from "./measure.ts";
import { maybePeer, startFleet } from "./programs.ts";
import { type Finding, type Measured, runBulkwalk, runOpendca } from "./read_programs.ts";

const printersOfModel = 12;
const losses = [0, 3, 15];
/** Each program reads this often at each loss, as what is lost is chance. */
const runs = 3;

/** What we read of these five models, as subtrees. */
const subtrees = [
  "1.3.6.1.2.1.1",
  "1.3.6.1.2.1.2.2.1",
  "1.3.6.1.2.1.25.3",
  "1.3.6.1.2.1.43",
  "1.3.6.1.4.1",
];

interface Row extends Measured {
  name: string;
  loss: number;
  complete: number;
}

const { values } = programOptions("deno task bench:loss", { "inside-own-namespace": false });
if (values["inside-own-namespace"]) await measureAll();
else {
  const again = [Deno.execPath(), "run", "--no-prompt", "--allow-all", import.meta.filename!, "--inside-own-namespace"];
  const { code } = await new Deno.Command("unshare", {
    args: ["-U", "-r", "-n", ...again],
  }).spawn().status;
  if (code !== 0) console.error("Cannot measure loss: it needs network namespaces (unshare -U -r -n), ip and nft");
  Deno.exitCode = code;
}

async function measureAll(): Promise<void> {
  await run("ip", ["link", "set", "lo", "up"]);
  const program = maybePeer("snmpbulkwalk", "snmp");
  await using simulator = await startFleet("read.yaml");
  const addresses = simulator.devices.filter((_, i) => i % 200 < printersOfModel).map(({ address }) => address);
  const rows: Row[] = [];

  const programs: [name: string, read: () => Promise<Measured>][] = [["opendca", () => runOpendca(addresses)]];
  if (program !== undefined) {
    const options = ["-r", "5", "-m", "''"];
    const walk = { program, options, subtrees, atOnce: addresses.length, perShell: 1 };
    programs.push(["snmpbulkwalk -r 5", () => runBulkwalk(addresses, walk)]);
  }

  /** What each program finds when nothing is lost. */
  const whole = new Map<string, Map<string, Finding>>();
  for (const loss of losses) {
    await lose(loss);
    for (let time = 1; time <= runs; time++) {
      for (const [name, read] of programs) {
        console.log(`running ${name} at ${loss} % loss, ${time} of ${runs} …`);
        const measured = await read();
        if (!whole.has(name)) whole.set(name, measured.findings);
        const complete = addresses.filter((address) =>
          isSame(measured.findings.get(address), whole.get(name)!.get(address))
        );
        rows.push({ name, loss, ...measured, complete: complete.length });
      }
    }
  }

  const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
  const of = (name: string, loss: number) => rows.filter((row) => row.name === name && row.loss === loss);
  const wallOf = (same: Row[]) => median(same.map(({ run }) => run.wallSeconds));
  const completeOf = (same: Row[]) => same.reduce((sum, { complete }) => sum + complete, 0);

  const table = [["", "loss each way", "complete", "wall s", "median", "CPU s"]];
  for (const loss of losses) {
    for (const [name] of programs) {
      const same = of(name, loss);
      table.push([
        name,
        `${loss} %`,
        `${completeOf(same)} of ${addresses.length * runs}`,
        same.map(({ run }) => run.wallSeconds.toFixed(1)).join(" "),
        wallOf(same).toFixed(2),
        median(same.map(({ run }) => run.cpuSeconds)).toFixed(2),
      ]);
    }
  }
  console.log(`\n${alignColumns(table)}\n`);

  const goals: { text: string; met: boolean }[] = [];
  if (program !== undefined) {
    for (const loss of losses) {
      const [ours, theirs] = programs.map(([name]) => of(name, loss)) as [Row[], Row[]];
      const ratio = wallOf(ours) / wallOf(theirs);
      goals.push({
        text: `complete at ${loss} %: ${completeOf(ours)}, snmpbulkwalk ${completeOf(theirs)} (wanted: no fewer)`,
        met: completeOf(ours) >= completeOf(theirs),
      });
      goals.push({
        text: `wall time at ${loss} %: ${ratio.toFixed(2)} × snmpbulkwalk's (wanted: at most 1.5)`,
        met: ratio <= 1.5,
      });
    }
  }
  for (const { text } of goals) console.log(text);
  const missed = goals.filter(({ met }) => !met);
  console.log(`\nmet ${goals.length - missed.length} of ${goals.length}`);
  for (const { text } of missed) console.log(`missed: ${text}`);
}

function isSame(found: Finding | undefined, wanted: Finding | undefined): boolean {
  return found !== undefined && found.total !== undefined && found.total === wanted?.total &&
    found.supplies > 0 && found.supplies === wanted.supplies && found.values === wanted.values;
}

/** Drops so many of a hundred requests, and so many of a hundred answers. */
async function lose(percent: number): Promise<void> {
  const drop = (port: string) =>
    `add rule inet loss input udp ${port} 161 numgen random mod 1000 < ${percent * 10} drop`;
  const rules = [
    "flush ruleset",
    "add table inet loss",
    "add chain inet loss input { type filter hook input priority 0 ; }",
    drop("dport"),
    drop("sport"),
  ];
  await run("nft", [percent === 0 ? "flush ruleset" : rules.join("\n")]);
}

async function run(command: string, args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args, stdout: "null", stderr: "piped" }).output();
  if (!success) throw new Error(`Cannot run ${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}
