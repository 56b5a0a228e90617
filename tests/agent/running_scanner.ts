/** A scanner thread that tries to run programs, and tells how each was refused. */
import { pingPrograms } from "../../src/host/ping.ts";

const scope = globalThis as unknown as { postMessage(message: unknown): void };

async function refusalOf(program: string): Promise<[program: string, refusal: string]> {
  try {
    await new Deno.Command(program, { args: ["-c", "1", "127.0.0.1"] }).output();
    return [program, "it ran"];
  } catch (error) {
    return [program, error instanceof Error ? error.name : String(error)];
  }
}

scope.postMessage(await Promise.all(pingPrograms.map(refusalOf)));
