/** `deno task demo`: a simulated fleet, a scan of it, and then a platform and an agent that reports to it, on loopback. */
import { parseArgs } from "node:util";
import { screenOptions } from "../src/cli/screen.ts";
import { denoHost } from "../src/host/deno_host.ts";
import { exitCodeFor, messageOf, UsageError } from "../common/core/errors.ts";
import { demoScreen } from "./demo_screen.ts";
import { tellDemo } from "./demo_story.ts";

const usage = "deno task demo [--keep] [--port NUMBER]";
/** 128 + SIGINT, as shells count. */
const interruptedExitCode = 130;
const endSignals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM", "SIGHUP"];

function demoArgs(args: string[]): { keep: boolean; port: number } {
  let values: { keep?: boolean; port?: string };
  try {
    ({ values } = parseArgs({ args, options: { keep: { type: "boolean" }, port: { type: "string" } } }));
  } catch (error) {
    throw new UsageError(`Cannot show the demo: ${messageOf(error)}`, usage, { cause: error });
  }
  const { keep = false, port = "1161" } = values;
  if (/^\d{1,5}$/.test(port) && Number(port) >= 1024 && Number(port) <= 65_535) return { keep, port: Number(port) };
  throw new UsageError(`Cannot use --port as a number from 1024 to 65535: current value is "${port}"`, usage);
}

async function demo(args: string[]): Promise<number> {
  const host = denoHost();
  const stop = new AbortController();
  // Kept to the end, so that an impatient second Ctrl-C does not cut off the tidying.
  for (const signal of endSignals) Deno.addSignalListener(signal, () => stop.abort());
  try {
    const screen = demoScreen(host, screenOptions(host));
    await tellDemo({ ...demoArgs(args), host, screen, signal: stop.signal });
    return 0;
  } catch (error) {
    if (stop.signal.aborted) {
      await host.stderr.write("interrupted: all of the demo was ended and removed\n");
      return interruptedExitCode;
    }
    const hint = error instanceof Error && "hint" in error ? `hint: ${error.hint}\n` : "";
    await host.stderr.write(`error: ${messageOf(error)}\n${hint}`);
    return exitCodeFor(error);
  }
}

if (import.meta.main) Deno.exitCode = await demo(Deno.args);
