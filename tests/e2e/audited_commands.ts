/** Runs commands of a program one after the other in this process: `[[…arguments], …]` as JSON on standard input. */
import { text } from "node:stream/consumers";
import process from "node:process";

const commands: string[][] = JSON.parse(await text(process.stdin));
const [program] = Deno.args;
const run = program === "opendca" ? await agent() : await platform();
for (const args of commands) console.error(JSON.stringify({ args, code: await run(args) }));

async function agent(): Promise<(args: string[]) => Promise<number>> {
  const { runCli } = await import("../../src/cli/run_cli.ts");
  const { denoHost } = await import("../../src/host/deno_host.ts");
  return (args) => runCli(args, denoHost());
}

async function platform(): Promise<(args: string[]) => Promise<number>> {
  const { runPlatform } = await import("../../platform/edge/cli/run_platform.ts");
  const { denoPlatformHost } = await import("../../platform/compose.ts");
  return (args) => runPlatform(args, { ...denoPlatformHost(), untilStopped: () => Promise.resolve() });
}
