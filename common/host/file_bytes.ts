/** The bytes of a file in parts of at most `partBytes`, read as they are taken; system errors are thrown unchanged. */
export async function* fileBytes(path: string, partBytes = 262_144): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path);
  while (true) {
    const buffer = new Uint8Array(partBytes);
    const read = await file.read(buffer);
    if (read === null) return;
    yield buffer.subarray(0, read);
  }
}

/** What is at the path; undefined if there is nothing. */
export function maybeKind(path: string): "file" | "folder" | "other" | undefined {
  try {
    const { isFile, isDirectory } = Deno.statSync(path);
    return isFile ? "file" : isDirectory ? "folder" : "other";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}
