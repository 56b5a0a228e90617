import { systemClock } from "../../../common/core/clock.ts";
import { outputFailure } from "../../../common/core/errors.ts";
import type { PlatformHost } from "./host.ts";

/** The machine that the program runs on. */
export function denoPlatformHost(): PlatformHost {
  return {
    clock: systemClock,
    env: (name) => Deno.env.get(name),
    account: Deno.uid() === null ? "unknown" : `uid ${Deno.uid()}`,
    columns: terminalWidth() ?? 100,
    tableWidth: terminalWidth() ?? Infinity,
    stdout: (text) =>
      writeAll(Deno.stdout, text, (error) => {
        throw outputFailure(error, "standard output");
      }),
    // Where nobody can be told anything, the exit code is what is left.
    stderr: (text) => writeAll(Deno.stderr, text, () => {}),
    readTextFile: (path) => path === "-" ? new Response(Deno.stdin.readable).text() : Deno.readTextFile(path),
    untilStopped() {
      const { promise, resolve } = Promise.withResolvers<void>();
      const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
      for (const signal of signals) Deno.addSignalListener(signal, resolve);
      return promise.finally(() => signals.forEach((signal) => Deno.removeSignalListener(signal, resolve)));
    },
  };
}

function terminalWidth(): number | undefined {
  return Deno.stdout.isTerminal() ? Deno.consoleSize().columns || undefined : undefined;
}

async function writeAll(
  stream: typeof Deno.stdout,
  text: string,
  onFailure: (error: unknown) => void,
): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += await stream.write(bytes.subarray(at));
  } catch (error) {
    onFailure(error);
  }
}
