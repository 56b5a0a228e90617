/** Lets a synchronous parser use files that are read asynchronously. */

/** The text of a file; throws the reason if it cannot be read. */
export type FileReader = (path: string) => string;

/**
 * Runs `parse` again until every file that it asks for has been read: the first run finds out which ones. So a parser
 * is a synchronous function that can be tested without files.
 */
export async function withFileTexts<T>(
  readTextFile: (path: string) => Promise<string>,
  parse: (readFile: FileReader) => T,
): Promise<T> {
  const texts = new Map<string, string | { reason: unknown }>();
  const missing = new Set<string>();
  const readFile: FileReader = (path) => {
    const text = texts.get(path);
    if (typeof text === "string") return text;
    if (text !== undefined) throw text.reason;
    missing.add(path);
    throw new Error(`Cannot use "${path}" as it is not read yet`);
  };
  for (;;) {
    missing.clear();
    let parsed: { value: T } | { thrown: unknown };
    try {
      parsed = { value: parse(readFile) };
    } catch (thrown) {
      parsed = { thrown };
    }
    if (missing.size > 0) {
      for (const path of missing) {
        texts.set(path, await readTextFile(path).catch((reason: unknown) => ({ reason })));
      }
    } else if ("thrown" in parsed) {
      throw parsed.thrown;
    } else {
      return parsed.value;
    }
  }
}
