import { openPlatform, serve } from "../../platform/compose.ts";
import type { PlatformHost } from "../../platform/edge/cli/host.ts";
import { runPlatform } from "../../platform/edge/cli/run_platform.ts";

export const now = new Date("2026-03-02T08:00:00Z");

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

export type RunCommand = (...args: string[]) => Promise<Ran>;

/** Runs commands one after the other on one data directory, which is given as well; it is 8 o'clock all the time. */
export async function withPlatform(
  body: (run: RunCommand, folder: string) => Promise<void>,
  files: Record<string, string> = {},
  environment: Record<string, string> = { USER: "eva" },
  tableWidth = Infinity,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(async (...args) => {
      const ran: Ran = { code: 0, stdout: "", stderr: "" };
      const host: PlatformHost = {
        clock: { now: () => now, monotonicMs: () => 0 },
        env: (name) => ({ OPENDCA_PLATFORM_DATA: folder, ...environment })[name],
        account: "uid 7",
        columns: 100,
        tableWidth,
        stdout: (text) => Promise.resolve(void (ran.stdout += text)),
        stderr: (text) => Promise.resolve(void (ran.stderr += text)),
        readTextFile: (path) =>
          files[path] === undefined ? Promise.reject(new Deno.errors.NotFound(path)) : Promise.resolve(files[path]),
        untilStopped: () => Promise.resolve(),
        openPlatform,
        serve,
      };
      ran.code = await runPlatform(args, host);
      return ran;
    }, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
