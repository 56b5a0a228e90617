/** Process edge: arguments in, exit code out. */
import { exitCodeFor, messageOf } from "../common/core/errors.ts";
import { type CommandHost, runSimulator } from "./command.ts";

if (import.meta.main) {
  const host = denoHost();
  try {
    await runSimulator(host);
    Deno.exit(0);
  } catch (error) {
    host.reportError(error);
    Deno.exit(exitCodeFor(error));
  }
}

function denoHost(): CommandHost & { reportError(error: unknown): void } {
  return {
    args: Deno.args,
    printLine: (line) => console.log(line),
    printError: (line) => console.error(line),
    readText: (path) => Deno.readTextFileSync(path),
    listFiles: (path) => [...Deno.readDirSync(path)].filter((entry) => entry.isFile).map((entry) => entry.name),
    stopped: new Promise((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => resolve());
    }),
    reportError(error) {
      // A bug needs its stack; everything else says what to do.
      console.error(exitCodeFor(error) === 70 ? error : `error: ${messageOf(error)}`);
      if (error instanceof Error && "hint" in error && error.hint) console.error(`hint: ${error.hint}`);
    },
  };
}
