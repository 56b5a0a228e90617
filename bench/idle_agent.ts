/**
 * The process that bench/idle.ts measures: `opendca run` under a clock that is moved. Everything in it is the real thing,
 * scanner threads included, but the clock: it stands still while a scanner thread is alive, which takes its time from the
 * real one, and otherwise runs two hundred times as fast, so that calls to the platform are answered long before the
 * agent's patience ends.
 * With `real`, the clock is the system's, for the minutes that follow, with a sample of memory each second.
 * Usage: idle_agent.ts CONFIG (sweep | hour | real MINUTES). Prints what was measured as the last line.
 */
import { cpuUsage } from "node:process";
import { runCli } from "../src/cli/run_cli.ts";
import { denoHost } from "../src/host/deno_host.ts";
import { SteppedClock } from "../tests/fixtures/stepped_clock.ts";
import { usageOf } from "./measure.ts";

export interface IdleMeasured {
  cpuSeconds: number;
  /** Largest resident set of all samples, one each simulated minute or real second. */
  residentMegabytes: number;
  /** Of the largest one: pages of the executable and of libraries, which are not written and can be dropped. */
  fileMegabytes: number;
  /** The middle one: at most minutes no scanner thread is alive. */
  medianMegabytes: number;
  /** Of the operating system, start and scans included. */
  peakMegabytes: number;
  /** The largest sample with no scanner thread alive. */
  restingMegabytes: number;
  scannerThreads: number;
  statusWrites: number;
  batches: number;
}

const stepMs = 1000;
const speed = 200;

const [path, phase, minutes] = Deno.args;
if (path === undefined || !["sweep", "hour", "real"].includes(phase ?? "")) {
  throw new Error("Usage: CONFIG (sweep | hour | real MINUTES)");
}

const host = denoHost();
const clock = new SteppedClock();
const count = { scannerThreads: 0, statusWrites: 0, batches: 0 };
let started = false, swept = false, spoolDepth = NaN, alive = 0;
let stop = () => {};

const measuredHost = {
  ...host,
  ...(phase === "real" ? {} : { clock }),
  onInterrupt(callback: () => void) {
    stop = callback;
    return () => {};
  },
  // The log is written as a service's log is, and read on the way.
  stdout: {
    ...host.stdout,
    write(text: string) {
      for (const line of text.split("\n")) {
        started ||= line.includes('"agentStarted"');
        swept ||= line.includes('"sweepEnded"');
        if (line.includes('"batchSent"')) count.batches++;
      }
      return host.stdout.write(text);
    },
  },
  createWorker(net: string[], ofThese?: number) {
    const worker = host.createWorker(net, ofThese);
    const { terminate } = worker;
    const end = clock.begin();
    count.scannerThreads++;
    alive++;
    worker.terminate = () => {
      terminate();
      alive--;
      end();
    };
    return worker;
  },
  agentMachine() {
    const machine = host.agentMachine();
    return {
      ...machine,
      replaceTextFile(file: string, text: string) {
        if (file.endsWith("/status.json")) {
          count.statusWrites++;
          spoolDepth = JSON.parse(text).spool.depth;
        }
        return machine.replaceTextFile(file, text);
      },
    };
  },
};

function realSleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** In megabytes, from /proc: Linux only, as the rest. */
function residentNow(): { all: number; ofFiles: number } {
  const status = Deno.readTextFileSync("/proc/self/status");
  const megabytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)![1]) / 1024;
  return { all: megabytes("VmRSS"), ofFiles: megabytes("RssFile") };
}

async function step(): Promise<void> {
  await clock.advance(stepMs);
  await realSleep(stepMs / speed);
}

const ended = runCli(["run", "--config", path], measuredHost);
while (!started) await realSleep(1);
const resident: number[] = [];
let largest = { all: 0, ofFiles: 0 }, resting = 0;

function sample(): void {
  const now = residentNow();
  resident.push(now.all);
  if (now.all > largest.all) largest = now;
  if (alive === 0) resting = Math.max(resting, now.all);
}

if (phase === "sweep") {
  while (!swept) await step();
  // Until the last reading has waited for its minute.
  for (let i = 0; i < 120 || spoolDepth > 0; i++) await step();
} else if (phase === "hour") {
  for (let minute = 0; minute < 60; minute++) {
    for (let i = 0; i < 60_000 / stepMs; i++) await step();
    sample();
  }
} else {
  for (let second = 0; second < Number(minutes) * 60; second++) {
    await realSleep(1000);
    sample();
  }
}
stop();
const code = await ended;
if (code !== 0) throw new Error(`opendca run ended with ${code}`);
const { user, system } = cpuUsage();
const { scannerThreads, statusWrites, batches } = count;
const measured: IdleMeasured = {
  cpuSeconds: (user + system) / 1e6,
  residentMegabytes: largest.all,
  fileMegabytes: largest.ofFiles,
  medianMegabytes: resident.sort((a, b) => a - b)[Math.floor(resident.length / 2)] ?? 0,
  peakMegabytes: usageOf(Deno.pid).peakMegabytes,
  restingMegabytes: resting,
  scannerThreads,
  statusWrites,
  batches,
};
console.log(JSON.stringify(measured));
