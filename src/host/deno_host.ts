import type { Host, OutputStream } from "../cli/host.ts";
import { systemClock } from "../../common/core/clock.ts";
import { outputFailure } from "../../common/core/errors.ts";
import { denoBuildFacts } from "./build_facts.ts";
import { denoAgentMachine, requireDescriptors } from "./agent_machine.ts";
import { lookUp } from "./look_up.ts";
import { createPendingFile } from "./pending_file.ts";
import { ownLinks } from "./own_links.ts";
import { startScannerWorker } from "./scanner_worker.ts";

/** The machine that the program runs on. */
export function denoHost(): Host {
  return {
    clock: systemClock,
    env: (name) => Deno.env.get(name),
    processors: navigator.hardwareConcurrency,
    stdout: outputStream(Deno.stdout, (error) => {
      throw outputFailure(error, "standard output");
    }),
    // Where nobody can be told anything, the exit code is what is left.
    stderr: outputStream(Deno.stderr, () => {}),
    readTextFile: (path) => path === "-" ? new Response(Deno.stdin.readable).text() : Deno.readTextFile(path),
    lookUp,
    createWorker: startScannerWorker,
    links: ownLinks,
    createFile: createPendingFile,
    buildFacts: denoBuildFacts,
    agentMachine: denoAgentMachine,
    requireDescriptors,
    onInterrupt(callback) {
      const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
      for (const signal of signals) Deno.addSignalListener(signal, callback);
      return () => {
        for (const signal of signals) Deno.removeSignalListener(signal, callback);
      };
    },
  };
}

function outputStream(
  stream: typeof Deno.stdout | typeof Deno.stderr,
  onFailure: (error: unknown) => void,
): OutputStream {
  return {
    isTerminal: stream.isTerminal(),
    columns() {
      try {
        return Deno.consoleSize().columns || 80;
      } catch {
        // No terminal at all, such as under cron: the width of a plain screen.
        return 80;
      }
    },
    async write(text) {
      const bytes = new TextEncoder().encode(text);
      try {
        for (let at = 0; at < bytes.length;) at += await stream.write(bytes.subarray(at));
      } catch (error) {
        onFailure(error);
      }
    },
  };
}
