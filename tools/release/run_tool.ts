import { ReleaseError } from "./release_error.ts";

export interface ToolOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** What the tool is for, in an error. */
  to: string;
  /** Returns what it printed as errors as well. */
  withErrors?: boolean;
}

/** Runs a tool and returns its standard output. Throws `ReleaseError` with what it said. */
export async function runTool(
  command: readonly string[],
  { to, withErrors = false, ...options }: ToolOptions,
): Promise<string> {
  const [program, ...args] = command;
  const decoder = new TextDecoder();
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(program!, { args, stdin: "null", ...options }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new ReleaseError(`Cannot ${to} as ${program} is not installed`);
  }
  const said = decoder.decode(output.stderr).trim();
  if (!output.success) throw new ReleaseError(`Cannot ${to}: ${said === "" ? `exit code ${output.code}` : said}`);
  return decoder.decode(output.stdout) + (withErrors ? said : "");
}
