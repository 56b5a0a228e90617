/**
 * `opendca` or `opendca-platform` as the demo starts them: the program itself, which in addition ends when standard input
 * does. The demo holds the other end, so that nothing runs on when the demo is killed; then this also removes the folder,
 * which has keys in it.
 */
import { denoPlatformHost } from "../../platform/compose.ts";
import { runPlatform } from "../../platform/edge/cli/run_platform.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import { denoHost } from "../../src/host/deno_host.ts";

async function untilInputEnds(): Promise<void> {
  const buffer = new Uint8Array(64);
  while (await Deno.stdin.read(buffer) !== null);
}

async function runChild(program: string, args: string[]): Promise<number> {
  const ended = untilInputEnds().then(() => void (isOrphan = true));
  if (program === "opendca-platform") {
    const host = denoPlatformHost();
    return await runPlatform(args, { ...host, untilStopped: () => Promise.race([host.untilStopped(), ended]) });
  }
  const host = denoHost();
  return await runCli(args, {
    ...host,
    onInterrupt(callback) {
      let wanted = true;
      const stopListening = host.onInterrupt(callback);
      ended.then(() => wanted && callback());
      return () => {
        wanted = false;
        stopListening();
      };
    },
  });
}

let isOrphan = false;

if (import.meta.main) {
  const [program, folder, ...args] = Deno.args;
  const code = await runChild(program!, args);
  // The demo does the same, unless it was killed; the last one finds nothing.
  if (isOrphan) await Deno.remove(folder!, { recursive: true }).catch(() => {});
  // Nothing takes back the wait for input, which would keep the process.
  Deno.exit(code);
}
