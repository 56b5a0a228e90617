import type { Host } from "../cli/host.ts";
import { systemClock } from "../../common/core/clock.ts";
import { ownExecutable } from "../../common/host/file_digest.ts";
import { environment } from "../../common/host/process.ts";
import {
  onInterrupt,
  type OutputStream,
  readTextFile,
  standardError,
  standardOutput,
  terminalColumns,
} from "../../common/host/terminal.ts";
import { denoBuildFacts } from "./build_facts.ts";
import { denoAgentMachine, requireDescriptors } from "./agent_machine.ts";
import { lookUp } from "./look_up.ts";
import { createPendingFile } from "./pending_file.ts";
import { ownLinks } from "./own_links.ts";
import { startScannerWorker } from "./scanner_worker.ts";

/** The machine that the program runs on. */
export function denoHost(): Host {
  const withColumns = (stream: OutputStream) => ({ ...stream, columns: () => terminalColumns() ?? 80 });
  return {
    clock: systemClock,
    env: environment,
    processors: navigator.hardwareConcurrency,
    stdin: Deno.stdin,
    stdout: withColumns(standardOutput()),
    stderr: withColumns(standardError()),
    readTextFile,
    lookUp,
    createWorker: startScannerWorker,
    links: ownLinks,
    createFile: createPendingFile,
    buildFacts: denoBuildFacts,
    executable: ownExecutable,
    doctorMachine: async () => (await import("./doctor_machine.ts")).denoDoctorMachine,
    agentMachine: denoAgentMachine,
    requireDescriptors,
    onInterrupt,
  };
}
