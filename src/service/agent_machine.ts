/** The machine as the agent sees it; `src/host/agent_machine.ts` is the real one. */
import type { Clock } from "../../common/core/clock.ts";
import type { IpRange } from "../../common/core/ip_range.ts";
import type { LogDisk } from "../log/file_sink.ts";
import type { SpoolFiles } from "../store/spool_files.ts";
import type { ScannerWorker } from "../scan/supervise_scan.ts";
import type { NameAnswer } from "../targets/host_names.ts";

/** What every command has as well. */
export interface CommonMachine {
  clock: Clock;
  env(name: string): string | undefined;
  processors: number;
  stdout: { isTerminal: boolean; write(text: string): Promise<void> };
  stderr: { write(text: string): Promise<void> };
  readTextFile(path: string): Promise<string>;
  /** Asks the system for a name. Rejects with `NameLookupError`. */
  lookUp(name: string): Promise<NameAnswer>;
  createWorker(netPermissions: string[], ofThese?: number): ScannerWorker;
  /** What this machine reaches without a router. */
  links(): readonly IpRange[];
}

export interface AgentMachine {
  logDisk: LogDisk;
  spoolFiles: SpoolFiles;
  /** Calls back when the file may have changed, until the returned function is called. */
  watchFile(path: string, changed: () => void): () => void;
  /** Calls back for each SIGHUP, until the returned function is called. */
  onHangUp(callback: () => void): () => void;
  /** The old text or the new one is there at any time; not synced, as what is written here is recreated. */
  replaceTextFile(path: string, text: string): Promise<void>;
  /** Writes over a file that is at least as long, with blanks behind the text; for a full disk. A reader may see half of it. */
  overwriteTextFile(path: string, text: string): Promise<void>;
  /** Whether another process holds a lock file; `unknown` where it may not be looked at. */
  lockState(path: string): "held" | "free" | "unknown";
  /** ICMP echoes, one a second. Throws `UnavailableError` where they cannot be sent. */
  ping(address: string, options: { count: number; signal: AbortSignal }): Promise<{ roundTripMs: number[] }>;
  /** Milliseconds since the machine started, its sleep included; at most a second off from one process to the next. */
  uptimeMs(): number;
  readonly facts: MachineFacts;
  residentBytes(): number;
}

export interface MachineFacts {
  hostname: string;
  os: string;
  arch: string;
  /** Of Deno. */
  runtimeVersion: string;
  pid: number;
}
