/** Process edge: arguments in, exit code out. */
import { exitCodeFor } from "../common/core/errors.ts";
import { runSimulator } from "./command.ts";
import { denoHost } from "./deno_host.ts";

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
