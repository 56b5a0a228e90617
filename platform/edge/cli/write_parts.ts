/** A file that a command makes, in parts. */
import { UnavailableError, UsageError } from "../../../common/core/errors.ts";
import { hasCode } from "../../../common/core/system_error.ts";
import { maybeWriteFault } from "../../../common/core/write_fault.ts";
import { openReplacement } from "../../../common/host/disk.ts";
import { writeAllSync } from "../../../common/host/own_file.ts";

/** Throws UsageError and UnavailableError; a file that is there already stays until the new one is complete. */
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
    throw error instanceof UsageError || error instanceof UnavailableError ? error : writeFailure(path, error);
  }
  return bytes;
}

/** In words, for a file that a person has named; what is no fault of its place is unchanged. */
export function writeFailure(path: string, error: unknown): unknown {
  if (hasCode(error, "ENOENT")) {
    return new UsageError(`Cannot write "${path}" as its folder is not there`, "make the folder first");
  }
  const fault = maybeWriteFault(error);
  return fault === undefined
    ? error
    : new UnavailableError(`Cannot write "${path}" as ${fault.what}`, fault.hint, 0, { cause: error });
}
