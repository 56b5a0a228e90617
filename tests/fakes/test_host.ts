import type { Host, OutputStream } from "../../src/cli/host.ts";
import { systemClock } from "../../common/core/clock.ts";
import { denoAgentMachine } from "../../src/host/agent_machine.ts";
import { denoBuildFacts } from "../../src/host/build_facts.ts";
import { NameLookupError } from "../../src/targets/host_names.ts";
import { createPendingFile } from "../../src/host/pending_file.ts";
import { startScannerWorker } from "../../src/host/scanner_worker.ts";

export interface TestHost extends Host {
  /** What was written so far. */
  out: string;
  err: string;
  /** Presses Ctrl-C. */
  interrupt(): void;
}

/** A machine with real threads, sockets and files, whose screen is a string. */
export function testHost(
  options: { env?: Record<string, string>; names?: Record<string, string[]>; terminal?: boolean } = {},
): TestHost {
  let pressed = () => {};
  const stream = (field: "out" | "err"): OutputStream => ({
    isTerminal: options.terminal ?? false,
    columns: () => 100,
    write: (text) => {
      host[field] += text;
      return Promise.resolve();
    },
  });
  const host: TestHost = {
    out: "",
    err: "",
    interrupt: () => pressed(),
    clock: systemClock,
    env: (name) => options.env?.[name],
    processors: 2,
    stdout: stream("out"),
    stderr: stream("err"),
    readTextFile: (path) => Deno.readTextFile(path),
    lookUp: (name) => {
      const addresses = options.names?.[name];
      if (addresses !== undefined) return Promise.resolve({ addresses, ttlSeconds: null });
      return Promise.reject(new NameLookupError("unknown", "no name server knows it"));
    },
    createWorker: startScannerWorker,
    links: () => [],
    createFile: createPendingFile,
    buildFacts: denoBuildFacts,
    agentMachine: denoAgentMachine,
    onInterrupt: (callback) => {
      pressed = callback;
      return () => pressed = () => {};
    },
  };
  return host;
}
