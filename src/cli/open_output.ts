import type { Host, PendingFile } from "./host.ts";

const standardOutputs = new Set(["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]);

/**
 * The file of --output; undefined without the option, and for "-" and /dev/stdout, which mean standard output: opening
 * it again would overwrite a file that the shell has opened from its start.
 */
export async function maybeOutputFile(path: string | undefined, host: Host): Promise<PendingFile | undefined> {
  return path === undefined || standardOutputs.has(path) ? undefined : await host.createFile(path);
}
