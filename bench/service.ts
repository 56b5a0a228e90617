/** A platform in a process of its own, and an agent's configuration that was activated with it, for real. */
import { DatabaseSync } from "node:sqlite";
import { type RunningProgram, runProgram, startProgram } from "../tests/fixtures/start_program.ts";

export interface Service extends AsyncDisposable {
  platform: RunningProgram;
  /** Of the platform. */
  port: number;
  /** Path of agent.yaml. */
  config: string;
  stateDirectory: string;
  /** `opendca run`, from its very start. */
  startAgent(): RunningProgram;
  /** Environment of the agent's processes. */
  env: Record<string, string>;
  /** One question to the platform's store, which may be in use. */
  store<Row>(sql: string): Row[];
}

/** `more`: the lines of agent.yaml behind platform and state directory. */
export async function startService(more: string): Promise<Service> {
  await using built = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  built.defer(() => Deno.remove(folder, { recursive: true }));
  const data = `${folder}/platform`, config = `${folder}/agent.yaml`, stateDirectory = `${folder}/state`;
  const env = { OPENDCA_GUARD_DIRECTORY: `${folder}/guard` };

  async function admin(...args: string[]): Promise<string> {
    return succeed(await runProgram("platform/main.ts", ["--data", data, ...args]));
  }

  await admin("customer", "create", "Bench");
  await admin("site", "create", "Head office");
  const listen = ["--data", data, "serve", "--listen", "127.0.0.1:0"];
  const platform = built.use(startProgram("platform/main.ts", listen));
  const { port } = JSON.parse(await platform.line((line) => line.includes('"ready"')));

  const head =
    `platform: { rootDomain: localhost, endpoints: ["localhost:${port}"], ca: "${data}/server-authority.pem" }
stateDirectory: "${stateDirectory}"
`;
  await Deno.writeTextFile(config, head + more);
  const code = await admin("code", "create");
  succeed(await runProgram("main.ts", ["activate", code, "--config", config], env));
  const stack = built.move();
  return {
    platform,
    port,
    config,
    stateDirectory,
    env,
    startAgent: () => startProgram("main.ts", ["run", "--config", config], env),
    store<Row>(sql: string) {
      using db = new DatabaseSync(`${data}/platform.db`, { readOnly: true });
      return db.prepare(sql).all() as Row[];
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function succeed({ code, out, err }: { code: number; out: string; err: string }): string {
  if (code !== 0) throw new Error(`Cannot prepare the benchmark: a program ended with ${code}: ${err}`);
  return out.trim();
}
