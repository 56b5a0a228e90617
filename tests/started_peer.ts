/** Programs of others that run beside a test. */
import { freePort } from "./free_port.ts";
import { maybeProgram } from "./peers.ts";

/** A program that listens on loopback; disposal kills it and removes its folder. */
export interface Peer extends AsyncDisposable {
  address: string;
  port: number;
}

/** Starts a program in a folder of its own and waits until it says that it is ready. */
export async function startPeer(
  program: string,
  ready: string,
  prepare: (folder: string, port: number) => Promise<string[]>,
): Promise<Peer> {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o777);
  const port = freePort();
  const child = new Deno.Command(maybeProgram(program)!, {
    args: await prepare(folder, port),
    env: { SNMP_PERSISTENT_DIR: folder, MIBS: "", HOME: folder },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const isReady = Promise.withResolvers<void>();
  let said = "";
  async function listen(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      said += text;
      if (said.includes(ready)) isReady.resolve();
    }
  }
  const drained = Promise.all([listen(child.stdout), listen(child.stderr)]);
  const ended = drained.then(() => isReady.reject(new Error(`Cannot start ${program} as it ended: ${said}`)));
  async function stop(): Promise<void> {
    try {
      child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // It has ended by itself.
    }
    await ended;
    await child.status;
    await Deno.remove(folder, { recursive: true });
  }
  try {
    await isReady.promise;
  } catch (error) {
    await stop();
    throw error;
  }
  return { address: "127.0.0.1", port, [Symbol.asyncDispose]: stop };
}

/** What a program prints that ends by itself; throws with what it complains of. */
export async function toolOutput(program: string, args: string[], input = ""): Promise<string> {
  const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (code !== 0) throw new Error(`Cannot run ${program} ${args[0]}: ${text(stderr)}`);
  return text(stdout);
}
