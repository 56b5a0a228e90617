/** Debian's snmpsim, which replays recordings: one process for any number of addresses. */
import { maybeProgram } from "../fixtures/peers.ts";

export interface Served {
  address: string;
  name: string;
  /** A recording (.snmprec). */
  text: string;
}

/** Replays to the community "public"; answers when it returns. Disposal ends it. */
export async function startSnmpsim(served: readonly Served[], port: number): Promise<AsyncDisposable> {
  const folder = await Deno.makeTempDir({ prefix: "opendca-snmpsim-" });
  const groups: string[] = [];
  // snmpsim drops root, so what it reads and caches must be within nobody's reach.
  for (const { address, name, text } of served) {
    const data = `${folder}/${name}`;
    await Deno.mkdir(data, { mode: 0o755 });
    await Deno.writeTextFile(`${data}/public.snmprec`, text);
    groups.push("--v3-engine-id=auto", `--data-dir=${data}`, `--agent-udpv4-endpoint=${address}:${port}`);
  }
  await Deno.mkdir(`${folder}/cache`);
  await Deno.chmod(folder, 0o755);
  await Deno.chmod(`${folder}/cache`, 0o777);
  const asNobody = Deno.uid() === 0 ? ["--process-user=nobody", "--process-group=nogroup"] : [];
  const process = new Deno.Command(maybeProgram("snmpsimd")!, {
    args: [...asNobody, `--cache-dir=${folder}/cache`, "--logging-method=null", ...groups],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const stop = async () => {
    process.kill("SIGTERM");
    await process.status;
    await Deno.remove(folder, { recursive: true });
  };
  try {
    await waitForAnswer(served.at(-1)!.address, port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { [Symbol.asyncDispose]: stop };
}

/** Waits until the last endpoint answers: snmpsim indexes every recording first. */
async function waitForAnswer(address: string, port: number): Promise<void> {
  for (let attempt = 0; attempt < 120; attempt++) {
    const { success } = await new Deno.Command(maybeProgram("snmpgetnext")!, {
      args: ["-v2c", "-c", "public", "-t", "0.5", "-r", "0", `${address}:${port}`, "1.3.6.1"],
      stdout: "null",
      stderr: "null",
    }).output();
    if (success) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`snmpsim did not answer at ${address}`);
}
