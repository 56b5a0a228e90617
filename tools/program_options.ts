/** What a benchmark or a tool is called with, and how it says that it was called wrongly. */
import { parseArgs } from "node:util";
import { exitCodeFor, messageOf, UsageError } from "../common/core/errors.ts";

/** Each option by its default: text, a whole number, or false for a flag. */
type Defaults = Record<string, string | number | boolean>;

export interface Limits {
  /** How many arguments there may be beside options. */
  mostWords?: number;
  /** Numbers that may be 0; the others begin at 1. */
  mayBeZero?: readonly string[];
}

/** `words`: what is no option. Throws `UsageError`. */
export function parseProgramOptions<D extends Defaults>(
  args: readonly string[],
  defaults: D,
  { mostWords = 0, mayBeZero = [] }: Limits = {},
): { values: D; words: string[] } {
  const options = Object.fromEntries(
    Object.entries(defaults).map(([name, value]) =>
      [name, { type: typeof value === "boolean" ? "boolean" : "string" }] as const
    ),
  );
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: mostWords > 0 });
  } catch (error) {
    throw new UsageError(`Cannot begin: ${messageOf(error).split(". ")[0]}`, undefined, { cause: error });
  }
  const { values: texts, positionals: words } = parsed;
  if (words.length > mostWords) throw new UsageError(`Cannot begin with ${words.length} arguments: ${words.join(" ")}`);
  const values = Object.entries(defaults).map(([name, value]) => {
    const text = texts[name];
    if (typeof value !== "number" || text === undefined) return [name, text ?? value];
    const least = mayBeZero.includes(name) ? 0 : 1;
    if (/^\d{1,9}$/.test(String(text)) && Number(text) >= least) return [name, Number(text)];
    throw new UsageError(`Cannot use --${name} as a whole number from ${least}: current value is "${text}"`);
  });
  return { values: Object.fromEntries(values), words };
}

/** `--help` prints the usage and ends the program; a mistake ends it with one sentence and the usage. */
export function programOptions<D extends Defaults>(
  usage: string,
  defaults: D,
  limits: Limits = {},
): { values: D; words: string[] } {
  endIfHelp(usage);
  try {
    return parseProgramOptions(Deno.args, defaults, limits);
  } catch (error) {
    console.error(`error: ${messageOf(error)}\nhint: ${usage}`);
    // deno-lint-ignore opendca/only-main-exits -- nothing of the program has begun
    Deno.exit(exitCodeFor(error));
  }
}

/** For a program that reads its arguments itself. */
export function endIfHelp(usage: string): void {
  if (!Deno.args.includes("--help")) return;
  console.log(usage);
  // deno-lint-ignore opendca/only-main-exits -- nothing of the program has begun
  Deno.exit(0);
}
