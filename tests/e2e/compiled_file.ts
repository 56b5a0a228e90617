/** Tests of compiled files. A machine that has no base for them skips these by name, as `peerTest` does. */
import { maybeProgram } from "../peers.ts";

const root = new URL("../../", import.meta.url).pathname;
const sharedBase = `${root}../shared/tools/denort`;
const decoder = new TextDecoder();

/** Compiles an entry with further arguments of `deno compile`, and returns the path of the file. */
export type Compile = (entry: string, args: readonly string[]) => Promise<string>;

/** Registers a test that may compile programs; they are removed afterwards. */
export function compiledTest(name: string, body: (compile: Compile) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir();
    try {
      let count = 0;
      await body(async (entry, args) => {
        const output = `${folder}/program${count++}`;
        const { success, stderr } = await new Deno.Command(Deno.execPath(), {
          args: [
            ...["compile", "--quiet", "--no-prompt", "--no-check", "--frozen"],
            ...[...args, "--output", output, entry],
          ],
          cwd: root,
          env: await compileBase(),
        }).output();
        if (!success) throw new CompileError(entry, decoder.decode(stderr));
        return output;
      });
    } catch (error) {
      if (!(error instanceof CompileError && error.isWithoutBase) || Deno.env.get("OPENDCA_REQUIRE_PEERS") === "1") {
        throw error;
      }
      console.warn(`skipped: ${name} (no base for compiled files can be had here)`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

class CompileError extends Error {
  /** Deno's server, which has them, cannot be reached. */
  readonly isWithoutBase: boolean;
  constructor(entry: string, said: string) {
    super(`Cannot compile ${entry}: ${said}`);
    this.isWithoutBase = /denort|dl\.deno\.land|download/i.test(said);
  }
}

/** What names the base of compiled files, for a machine that cannot load it from Deno's server. */
export async function compileBase(): Promise<Record<string, string>> {
  if (Deno.env.get("DENORT_BIN") || maybeProgram("python3") === undefined) return {};
  try {
    const { success, stdout } = await new Deno.Command(sharedBase, { stderr: "null" }).output();
    return success ? { DENORT_BIN: decoder.decode(stdout).trim() } : {};
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}
