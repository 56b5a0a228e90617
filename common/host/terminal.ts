/** Standard input and output of a command line program, and requests to terminate it. */
import { outputFailure } from "../core/errors.ts";

export interface OutputStream {
  isTerminal: boolean;
  /** Rejects with `OutputError` or `ReaderGoneError`. */
  write(text: string): Promise<void>;
}

export function standardOutput(): OutputStream {
  return {
    isTerminal: Deno.stdout.isTerminal(),
    async write(text) {
      try {
        await writeAll(Deno.stdout, text);
      } catch (error) {
        throw outputFailure(error, "standard output");
      }
    },
  };
}

/** Never rejects: if standard error fails, only the exit code reports the failure. */
export function standardError(): OutputStream {
  return {
    isTerminal: Deno.stderr.isTerminal(),
    write: (text) => writeAll(Deno.stderr, text).catch(() => {}),
  };
}

/** Width in cells; undefined without a terminal, such as under cron. */
export function terminalColumns(): number | undefined {
  try {
    return Deno.consoleSize().columns || undefined;
  } catch {
    return undefined;
  }
}

/** The text of a file; "-" is standard input, which can only be read once. */
export function readTextFile(path: string): Promise<string> {
  return path === "-" ? new Response(Deno.stdin.readable).text() : Deno.readTextFile(path);
}

/** Calls back on Ctrl-C or a termination signal, until the returned function is called. */
export function onInterrupt(callback: () => void): () => void {
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, callback);
  return () => {
    for (const signal of signals) Deno.removeSignalListener(signal, callback);
  };
}

/** Writes the whole text, even if only a part is accepted at a time. */
export async function writeAll(stream: { write(bytes: Uint8Array): Promise<number> }, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await stream.write(bytes.subarray(at));
}
