/** The machine as the commands see it; `src/host/deno_host.ts` is the real one. */
import type { CodeInput } from "../activation/prompt_code.ts";
import type { DoctorMachine } from "../doctor/doctor_machine.ts";
import type { AgentMachine } from "../service/agent_machine.ts";
import type { BuildFacts } from "./build_facts.ts";
import type { Clock } from "../../common/core/clock.ts";
import type { IpRange } from "../../common/core/ip_range.ts";
import type { GlobalOptions } from "./global_options.ts";
import type { ScannerWorker } from "../scan/supervise_scan.ts";
import type { NameAnswer } from "../targets/host_names.ts";

export interface Host {
  clock: Clock;
  env(name: string): string | undefined;
  /** Number of processors. */
  processors: number;
  stdin: CodeInput;
  stdout: OutputStream;
  stderr: OutputStream;
  /** "-" is standard input, which can only be read once. */
  readTextFile(path: string): Promise<string>;
  /** Asks the system for a name. Rejects with `NameLookupError`. */
  lookUp(name: string): Promise<NameAnswer>;
  createWorker(netPermissions: string[], ofThese?: number): ScannerWorker;
  /** The networks that this machine reaches without a router. */
  links(): readonly IpRange[];
  /** A file that gets its name only when it is complete. Throws the errors of core/errors.ts. */
  createFile(path: string): Promise<PendingFile>;
  /** Calls back on Ctrl-C or a termination signal, until the returned function is called. */
  onInterrupt(callback: () => void): () => void;
  /** Facts about this build. */
  buildFacts(): BuildFacts;
  /** The file of this program; undefined if it runs from source, absent as that. */
  executable?(): string | undefined;
  /** What `doctor` needs in addition; loaded on demand. */
  doctorMachine(): Promise<DoctorMachine>;
  /** What `run` and `status` need in addition. */
  agentMachine(): AgentMachine;
  /**
   * Throws `UnavailableError` if there are too few file descriptors to start the agent; absent if there is no limit.
   */
  requireDescriptors?(): void;
  /** The options of every command; default: their default values. */
  options?: GlobalOptions;
}

export interface OutputStream {
  isTerminal: boolean;
  /** Width in cells; 80 without a terminal. */
  columns(): number;
  write(text: string): Promise<void>;
}

export interface PendingFile {
  write(text: string): Promise<void>;
  /** Gives the file its name. */
  commit(): Promise<void>;
  /** Removes the incomplete file. */
  discard(): Promise<void>;
}
