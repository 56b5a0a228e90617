/** The machine as the agent sees it; `src/host/agent_machine.ts` is the real one. */
import type { Clock } from "../../common/core/clock.ts";
import type { IpRange } from "../../common/core/ip_range.ts";
import type { LogDisk } from "../log/file_sink.ts";
import type { SpoolFiles } from "../store/spool_files.ts";
import type { ScannerWorker } from "../scan/supervise_scan.ts";
import type { NameAnswer } from "../targets/host_names.ts";
import type { UpdateDisk } from "../update/update_disk.ts";

/** What every command uses. */
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
  /** The networks that this machine reaches without a router. */
  links(): readonly IpRange[];
}

export interface AgentMachine {
  /** The file of this program; undefined if it runs from source, absent as that. */
  executable?(): string | undefined;
  logDisk: LogDisk;
  updateDisk: UpdateDisk;
  spoolFiles: SpoolFiles;
  /** Calls back when the file may have changed, until the returned function is called. */
  watchFile(path: string, changed: () => void): () => void;
  /** Calls back for each SIGHUP, until the returned function is called. */
  onHangUp(callback: () => void): () => void;
  /** Replaces the file atomically. Not synced: what is written here can be recreated. */
  replaceTextFile(path: string, text: string): Promise<void>;
  /** Overwrites a file that is at least as long and pads it with blanks, which works on a full disk. Not atomic. */
  overwriteTextFile(path: string, text: string): Promise<void>;
  /** Whether another process holds a lock file; `unknown` without permission to look. */
  lockState(path: string): "held" | "free" | "unknown";
  /**
   * ICMP echoes, one a second; `said` is what came instead of answers. Throws `UnavailableError` or `NotPermittedError`
   * where they cannot be sent.
   */
  ping(
    address: string,
    options: { count: number; signal: AbortSignal },
  ): Promise<{ roundTripMs: number[]; said?: string }>;
  /** Milliseconds since the machine started, including suspend; two processes differ by at most a second. */
  uptimeMs(): number;
  readonly facts: MachineFacts;
  residentBytes(): number;
}

export interface MachineFacts {
  hostname: string;
  os: string;
  arch: string;
  /** Version of Deno. */
  runtimeVersion: string;
  pid: number;
}
