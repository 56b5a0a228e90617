import type { Clock } from "../../../common/core/clock.ts";

/** The machine as the commands see it; `deno_host.ts` is the real one. */
export interface PlatformHost {
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
