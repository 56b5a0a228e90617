/** A file that a command makes, in parts. */
import { messageOf, UnavailableError, UsageError } from "../../../common/core/errors.ts";
import { maybeWriteFault } from "../../../common/core/write_fault.ts";
import { openReplacement } from "../../../common/host/disk.ts";
import { writeAllSync } from "../../../common/host/own_file.ts";

/** Throws UnavailableError; a file that is there already stays until the new one is complete. */
export async function writeParts(path: string, parts: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  try {
    const next = openReplacement(path, { mode: 0o644 });
    try {
      for await (const part of parts) {
        writeAllSync(next.file, part);
        bytes += part.length;
      }
    } catch (error) {
      next.discard();
      throw error;
    }
    next.commit();
  } catch (error) {
    if (error instanceof UsageError || error instanceof UnavailableError) throw error;
    const fault = maybeWriteFault(error);
    if (fault === undefined) throw error;
    throw new UnavailableError(`Cannot write "${path}" as ${fault.what ?? messageOf(error)}`, fault.hint, 0, {
      cause: error,
    });
  }
  return bytes;
}
