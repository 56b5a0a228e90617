/**
 * `deno task bench:start`: size of the executable, and how long it takes to say its version, to send the first packet of a
 * scan, and to verify its own file; beside `deno run` from source. The memory of an idle agent is in bench:idle.
 */
import project from "../deno.json" with { type: "json" };
import { taskGrants } from "../demo/task_grants.ts";
import { programOptions } from "../tools/program_options.ts";
import { createGoals } from "./goals.ts";
import { alignColumns } from "./measure.ts";

programOptions("deno task bench:start", {});

const times = 9;
const root = new URL("../", import.meta.url).pathname;
const target = Deno.build.arch === "aarch64" ? "linux-arm64" : "linux-x64";
const network = "127.88.0.0/24";

type Program = readonly string[];

const fromSource: Program = [
  ...[Deno.execPath(), "run", "--no-prompt", "--no-check"],
  ...taskGrants(project.tasks.opendca),
  `${root}main.ts`,
];

/** The release of this machine, with its compressed file; undefined where none can be made. */
async function maybeRelease(output: string): Promise<string | undefined> {
  const words = project.tasks.release.command.replaceAll("'", "").split(" ").slice(1);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...words,
      "--target",
      target,
      "--program",
      "opendca",
      "--allow-other-runtime",
      "--offline",
      "--output",
      output,
    ],
    cwd: root,
  }).output();
  if (success) return `${output}/opendca-${project.version}-${target}`;
  console.log(`no executable can be made here, left out: ${new TextDecoder().decode(stderr).trim()}`);
  return undefined;
}

/** Milliseconds from start to end. */
async function timeRun([program, ...before]: Program, args: readonly string[]): Promise<number> {
  const start = performance.now();
  const command = new Deno.Command(program!, { args: [...before, ...args], stdin: "null", stdout: "null" });
  const { success } = await command.output();
  if (!success) throw new Error(`Cannot measure ${args.join(" ")} as it failed`);
  return performance.now() - start;
}

/** Milliseconds from start to the first probe. */
async function timeFirstPacket([program, ...before]: Program): Promise<number> {
  // Whichever address comes first is on this machine.
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 });
  const { port } = socket.addr as Deno.NetAddr;
  const start = performance.now();
  const scan = new Deno.Command(program!, {
    args: [...before, "scan", network, "--port", String(port), "--quiet"],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await socket.receive();
    return performance.now() - start;
  } finally {
    scan.kill("SIGKILL");
    await scan.status;
    socket.close();
  }
}

async function median(once: () => Promise<number>): Promise<number> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) taken.push(await once());
  return taken.sort((a, b) => a - b)[Math.floor(times / 2)]!;
}

const folder = await Deno.makeTempDir();
try {
  const file = await maybeRelease(folder);
  const programs = [["executable", file && [file]], ["deno run", fromSource]] as const;
  const table = [["median of " + times, "--version ms", "first packet ms", "verify ms"]];
  const goals = createGoals();
  for (const [name, program] of programs) {
    if (!program) continue;
    const versionMs = await median(() => timeRun(program, ["--version"]));
    const packetMs = await median(() => timeFirstPacket(program));
    const isFile = program.length === 1;
    // Of the whole command, what the verification adds to its start.
    const verifyMs = isFile
      ? await median(() => timeRun(program, ["verify"])) - await median(() => timeRun(program, ["verify", "--help"]))
      : undefined;
    table.push([name, versionMs.toFixed(0), packetMs.toFixed(0), verifyMs?.toFixed(0) ?? ""]);
    if (verifyMs === undefined) continue;
    goals.atMost("file", (await Deno.stat(file!)).size / 1e6, 110, " MB");
    goals.atMost("as shipped (zstd -19)", (await Deno.stat(`${file}.zst`)).size / 1e6, 30, " MB");
    goals.atMost("--version", versionMs, 100, " ms");
    goals.atMost("first packet of a /24", packetMs, 600, " ms");
    goals.atMost("verification of its own file", verifyMs, 400, " ms");
  }
  console.log(`${alignColumns(table)}\n`);
  goals.print();
} finally {
  await Deno.remove(folder, { recursive: true });
}
