/**
 * `deno task bench:idle [--real MINUTES]`: an agent that knows 1,000 printers and has nothing to do but its schedule, for one hour, and how
 * long `opendca run` takes to its first poll.
 *
 * The hour is simulated: bench/idle_agent.ts is the whole of `opendca run` with a clock that goes on by itself. In the
 * figures is everything that the process does: start, schedule, reads by scanner threads, inventory, spool, ledger,
 * uplink, polls, status file and log. Not in them are the simulator and the platform, which are processes of their own,
 * and the sweep, which comes once a day and is measured alone. A simulated hour leaves the runtime no time to give memory
 * back: `--real` measures memory, each second, of an agent that runs for so many minutes by the system's clock. There is no peer: FusionInventory, the nearest that Debian
 * has, is started for each pass and is not there in between.
 */
import { openDatabase } from "../common/host/sqlite.ts";
import { programOptions } from "../tools/program_options.ts";
import type { IdleMeasured } from "./idle_agent.ts";
import { createGoals } from "./goals.ts";
import { alignColumns } from "./measure.ts";
import { startFleet } from "./programs.ts";
import { type Service, startService } from "./service.ts";

const { values: { real } } = programOptions("deno task bench:idle [--real MINUTES]", { real: 0 }, {
  mayBeZero: ["real"],
});
const printers = 1000;
const hourSeconds = 3600;
const starts = 9;
const root = new URL("../", import.meta.url).pathname;
const agent = `${root}bench/idle_agent.ts`;
const fromSource: Program = [Deno.execPath(), "run", "--no-prompt", "--no-check", "--allow-all", agent];
/** docs/agent.md, "Memory". */
const serviceEnv = { MALLOC_ARENA_MAX: "2" };

type Program = readonly string[];

/** The measured agent as an executable, with what `deno task compile` gives to V8; undefined where none can be made. */
async function maybeCompiled(folder: string): Promise<Program | undefined> {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${root}deno.json`));
  const flags = /--v8-flags=\S+/.exec(tasks.compile.command)?.[0] ?? "--v8-flags=";
  const output = `${folder}/idle_agent`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["compile", "--no-check", "--allow-all", "--exclude-unused-npm", "--no-code-cache", flags],
      ...["--include", "workers/scanner.ts", "--output", output, agent],
    ],
    cwd: root,
  }).output();
  if (success) return [output];
  console.log(
    `no executable can be made here, left out: ${new TextDecoder().decode(stderr).trim().split("\n").at(-1)}`,
  );
  return undefined;
}

async function measureAgent(
  service: Service,
  { program = fromSource, phase, env = {} }: {
    program?: Program;
    phase: "sweep" | "hour" | "real";
    env?: Record<string, string>;
  },
): Promise<IdleMeasured> {
  const { stdout, success, code } = await new Deno.Command(program[0]!, {
    args: [...program.slice(1), service.config, phase, String(real)],
    env: { ...service.env, ...env },
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot measure the ${phase} as the agent ended with ${code}`);
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
}

/** As in a fleet that has been read for long: the meters of the devices are due at all times of the next four hours. */
function spreadMeters({ stateDirectory }: Service): void {
  const inventory = openDatabase(`${stateDirectory}/inventory.db`);
  try {
    inventory.run("UPDATE device SET seen_at = ? - abs(random() % 14400000)", Date.now());
  } finally {
    inventory.close();
  }
}

function countReadings(service: Service): number {
  return service.store<{ n: number }>("SELECT count(*) AS n FROM records WHERE kind = 'reading'")[0]!.n;
}

/** From the start of the process to when the platform first hears of this run, by the clock that both share. */
async function timeStart(service: Service): Promise<number> {
  const spawnedMs = Date.now();
  await using started = service.spawnAgent();
  await started.line((line) => line.includes('"pollAnswered"'));
  const [row] = service.store<{ at: number }>("SELECT max(first_seen_at) AS at FROM agent_runs");
  return row!.at - spawnedMs;
}

await using simulator = await startFleet("read.yaml");
if (simulator.devices.length !== printers) throw new Error(`The fleet has ${simulator.devices.length} printers`);
await using service = await startService(`sites: [{ name: head office, ranges: [127.79.0.0/22], port: 161 }]
log: { format: json }
`);

console.log("the first sweep …");
const sweep = await measureAgent(service, { phase: "sweep" });
const known = countReadings(service);

const table = [[
  "one hour",
  "readings",
  "threads",
  "batches",
  "status writes",
  "CPU s",
  "% of a core",
  "resident MB",
  "of files MB",
  "median MB",
  "peak MB",
]];
const folder = await Deno.makeTempDir({ prefix: "bench-idle-" });
const compiled = await maybeCompiled(folder);
const hours: [name: string, measured: IdleMeasured, isFile: boolean][] = [];
for (
  const [name, program, env] of [
    ["from source", fromSource, {}],
    ["executable", compiled, {}],
    ["executable, as a service", compiled, serviceEnv],
  ] as const
) {
  if (program === undefined) continue;
  console.log(`an hour, ${name} …`);
  spreadMeters(service);
  const before = countReadings(service);
  const measured = await measureAgent(service, { program, phase: "hour", env });
  hours.push([name, measured, program === compiled]);
  table.push([
    name,
    String(countReadings(service) - before),
    String(measured.scannerThreads),
    String(measured.batches),
    String(measured.statusWrites),
    measured.cpuSeconds.toFixed(1),
    (measured.cpuSeconds / hourSeconds * 100).toFixed(2),
    measured.residentMegabytes.toFixed(0),
    measured.fileMegabytes.toFixed(0),
    measured.medianMegabytes.toFixed(0),
    measured.peakMegabytes.toFixed(0),
  ]);
}
let resting: IdleMeasured | undefined;
if (real > 0 && compiled !== undefined) {
  console.log(`${real} minutes in real time …`);
  spreadMeters(service);
  resting = await measureAgent(service, { program: compiled, phase: "real", env: serviceEnv });
}
await Deno.remove(folder, { recursive: true });

console.log(`starting ${starts} times …`);
const startMs: number[] = [];
for (let i = 0; i < starts; i++) startMs.push(await timeStart(service));
startMs.sort((a, b) => a - b);

console.log(`\n${alignColumns(table)}\n`);
console.log(
  `the first sweep: ${sweep.cpuSeconds.toFixed(1)} s CPU, peak ${sweep.peakMegabytes.toFixed(0)} MB; ` +
    `once a day, ${(sweep.cpuSeconds / 24 / hourSeconds * 100).toFixed(3)} % of a core`,
);
if (resting !== undefined) {
  const { residentMegabytes, medianMegabytes, restingMegabytes, fileMegabytes, scannerThreads } = resting;
  console.log(
    `${real} minutes in real time, as a service: at most ${residentMegabytes.toFixed(0)} MB resident ` +
      `(${fileMegabytes.toFixed(0)} of files), median ${medianMegabytes.toFixed(0)}, with no scanner thread alive ` +
      `${restingMegabytes.toFixed(0)}; ${scannerThreads} scanner threads`,
  );
}
console.log(`start to first poll, from source: ${startMs[0]} to ${startMs.at(-1)} ms\n`);
const goals = createGoals();
goals.atLeast("printers known after the first sweep", known, printers);
// From source it is for comparison: what is installed is the executable.
for (const [name, { cpuSeconds, residentMegabytes }] of hours.filter(([, , isFile]) => isFile)) {
  goals.atMost(`${name}: share of a core`, cpuSeconds / hourSeconds * 100, 1, " %");
  goals.atMost(`${name}: resident memory`, residentMegabytes, 110, " MB");
}
if (resting !== undefined) goals.atMost("in real time: resident memory", resting.residentMegabytes, 110, " MB");
goals.atMost("start to first poll, median", startMs[Math.floor(starts / 2)]!, 1000, " ms");
goals.print();
