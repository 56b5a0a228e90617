/** The programs that a benchmark runs: ours from source or compiled, and the simulator in a process of its own. */
import { maybeProgram } from "../tests/fixtures/peers.ts";
import { usageOf } from "./measure.ts";

const root = new URL("../", import.meta.url).pathname;
const grants = ["--no-prompt", "--allow-net", "--allow-read", "--allow-write", "--allow-env", "--allow-sys"];

/** As the tasks `scan` and `opendca` of deno.json have it. */
const engine = "--v8-flags=--max-semi-space-size=8";

/** OPENDCA names another executable, such as dist/opendca; without it the source is run. */
export function opendca(): string[] {
  const program = Deno.env.get("OPENDCA");
  return program === undefined ? [Deno.execPath(), "run", engine, ...grants, `${root}main.ts`] : [program];
}

/** The path of a Debian program, or undefined with a line that says what to install. */
export function maybePeer(name: string, debianPackage: string): string | undefined {
  const path = maybeProgram(name);
  if (path === undefined) console.log(`${name} is not installed (apt-get install ${debianPackage}); left out`);
  return path;
}

/** What the simulator did until it was stopped; its processor time is taken from whom it answered. */
export interface SimulatorWork {
  packetsReceived: number;
  cpuSeconds: number;
}

export interface RunningSimulator extends AsyncDisposable {
  devices: { address: string; port: number; name: string }[];
  /** Ends it; a second call gives the same answer. */
  stop(): Promise<SimulatorWork>;
}

/** Starts the simulator with a fleet file of simulator/fleet and waits until it answers. */
export async function startFleet(fleet: string, options: string[] = []): Promise<RunningSimulator> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", ...grants, `${root}simulator/main.ts`, "--fleet", `${root}simulator/fleet/${fleet}`, ...options],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const complaints = new Response(process.stderr).text();
  const lines = process.stdout.pipeThrough(new TextDecoderStream());
  let text = "";
  for await (const chunk of lines.values({ preventCancel: true })) {
    text += chunk;
    if (text.includes("\n")) break;
  }
  if (!text.includes("\n")) throw new Error(`Cannot start the simulator: ${(await complaints).trim()}`);
  const { devices } = JSON.parse(text.slice(0, text.indexOf("\n")));
  const started = usageOf(process.pid).cpuSeconds;
  let stopped: Promise<SimulatorWork> | undefined;

  async function end(): Promise<SimulatorWork> {
    const cpuSeconds = usageOf(process.pid).cpuSeconds - started;
    process.kill("SIGTERM");
    await lines.cancel();
    await process.status;
    const received = /^(\d+) packets received/m.exec(await complaints)?.[1];
    return { packetsReceived: Number(received), cpuSeconds };
  }

  const stop = () => stopped ??= end();
  return {
    devices,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}
