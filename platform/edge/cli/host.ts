import type { OpenOptions, OpenPlatform } from "../../agents/platform.ts";
import type { PlatformServeOptions, RunningPlatform } from "../mqtt/start_mqtt.ts";
import type { WebServeOptions } from "../http/start_web_access.ts";
import type { SshServeOptions, SshServer } from "../ssh/ssh_gateway.ts";
import type { Clock } from "../../../common/core/clock.ts";

/** What the commands run on: the machine (`deno_host.ts`), and the platform as it is put together (`compose.ts`). */
export interface PlatformHost extends PlatformMachine {
  openPlatform(options: OpenOptions): Promise<OpenPlatform>;
  serve(
    platform: OpenPlatform,
    options: PlatformServeOptions & SshServeOptions & WebServeOptions,
  ): Promise<RunningPlatform & Partial<SshServer> & { webPort?: number }>;
}

export interface PlatformMachine {
  clock: Pick<Clock, "now" | "monotonicMs">;
  env(name: string): string | undefined;
  /** What the operating system calls the user, for where the environment has no name: `uid 0`. */
  account: string;
  /** Width of the terminal in cells; 100 where there is none. */
  columns: number;
  /** Cells that a line of a table may have: those of the terminal, Infinity where there is none. */
  tableWidth: number;
  stdout(text: string): Promise<void>;
  stderr(text: string): Promise<void>;
  /** "-" is standard input, which can be read once. */
  readTextFile(path: string): Promise<string>;
  /** Resolves when the process is asked to end. */
  untilStopped(): Promise<void>;
}
