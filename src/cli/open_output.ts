import type { Host, PendingFile } from "./host.ts";

const standardOutputs = new Set(["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]);

/**
 * The file of --output; undefined for none and for "-" and /dev/stdout, which are standard output: it is not opened again, as
 * a file that the shell has opened would then be written from its start again.
 */
export async function maybeOutputFile(path: string | undefined, host: Host): Promise<PendingFile | undefined> {
  return path === undefined || standardOutputs.has(path) ? undefined : await host.createFile(path);
}
