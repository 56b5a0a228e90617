/** Target words of a command line or configuration, including those from `@file`, each with its place. */
import { messageOf, UsageError } from "../../common/core/errors.ts";
import { parseTargetSpec, type TargetSpec, TargetSyntaxError } from "./target_spec.ts";

export interface TargetEntry {
  text: string;
  spec: TargetSpec;
  /** Place for the message "Cannot use … as": `a target` or `line 3 of "printers.txt"`. */
  place: string;
}

/**
 * Reads words and files of words: one target per line, `#` starts a comment. Throws `UsageError` for the first word
 * that is not a target, for a file that cannot be read or has no targets, and for `@file` within a file.
 */
export async function readTargetEntries(
  words: string[],
  options: { what: "target" | "exclusion"; readTextFile: (path: string) => Promise<string> },
): Promise<TargetEntry[]> {
  const article = options.what === "target" ? "a target" : "an exclusion";
  const entries: TargetEntry[] = [];
  for (const word of words) {
    if (word.startsWith("@")) {
      for (const line of await readLines(word.slice(1), options)) entries.push(readEntry(line.text, line.place));
    } else {
      entries.push(readEntry(word.trim(), article));
    }
  }
  return entries;
}

const targetForms = "targets look like 10.1.0.0/24, 10.1.0.1-99, 10.1.0.7, 10.1.0.7:1161, fd00::7 or printer.example";

/** The error for an entry with valid syntax that cannot be used. */
export function entryError({ text, place }: Pick<TargetEntry, "text" | "place">, reason: string, hint?: string) {
  return new UsageError(`Cannot use ${place} as ${reason}: current value is "${text}"`, hint);
}

function readEntry(text: string, place: string): TargetEntry {
  try {
    return { text, spec: parseTargetSpec(text), place };
  } catch (error) {
    if (!(error instanceof TargetSyntaxError)) throw error;
    throw entryError({ text, place }, error.reason, error.hint ?? targetForms);
  }
}

async function readLines(
  path: string,
  options: { what: string; readTextFile: (path: string) => Promise<string> },
): Promise<{ text: string; place: string }[]> {
  let content: string;
  try {
    content = await options.readTextFile(path);
  } catch (cause) {
    throw new UsageError(
      `Cannot read ${options.what}s from a file as ${reasonOf(cause)}: current value is "@${path}"`,
      `a file of ${options.what}s has one a line, and # starts a comment`,
      { cause },
    );
  }
  const lines = content.split(/\r\n|\n|\r/)
    .map((line, i) => ({ text: line.replace(/(^|\s)#.*$/, "").trim(), place: `line ${i + 1} of "${path}"` }))
    .filter((line) => line.text !== "");
  for (const line of lines) {
    if (line.text.startsWith("@")) {
      throw entryError(line, "a file of targets cannot name another file", "give each @file on the command line");
    }
  }
  if (lines.length === 0) {
    throw new UsageError(
      `Cannot read ${options.what}s from a file as it names none: current value is "@${path}"`,
      `write one ${options.what} a line, such as 192.0.2.0/24`,
    );
  }
  return lines;
}

function reasonOf(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  if (name === "NotFound") return "it does not exist";
  if (name === "PermissionDenied" || name === "NotCapable") return "reading it is not permitted";
  return messageOf(error);
}
