/**
 * `deno task demo:platform`: a simulated fleet, a platform and an agent together on loopback. Every step is a command that
 * an operator types; the readings then arrive. Ends with Ctrl-C, or by itself with `--once`.
 */
import { parseFleet } from "./fleet_file.ts";
import { startSimulator } from "./simulator.ts";

const root = new URL("../", import.meta.url).pathname;
const fleet = new URL("fleet/office.yaml", import.meta.url);
const once = Deno.args.includes("--once");

const stopped = Promise.withResolvers<void>();
Deno.addSignalListener("SIGINT", () => stopped.resolve());

async function demo(): Promise<void> {
  await using built = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "opendca-demo-" });
  built.defer(() => Deno.remove(folder, { recursive: true }));
  const devices = parseFleet(Deno.readTextFileSync(fleet), { file: fleet.pathname });
  const simulator = built.use(await startSimulator({ devices }));
  say(`${simulator.endpoints.length} simulated devices answer on 127.77.0.0/24`);

  const data = `${folder}/platform`, config = `${folder}/agent.yaml`;
  // A guard of its own, so that a demo never touches this machine's activation.
  const env = { OPENDCA_GUARD_DIRECTORY: `${folder}/guard` };
  const platform = (...args: string[]) => run("platform/main.ts", ["--data", data, ...args], env);
  const opendca = (...args: string[]) => run("main.ts", [...args, "--config", config], env);

  await platform("customer", "create", "Acme");
  await platform("site", "create", "Head office");
  const server = spawn("platform/main.ts", ["--data", data, "serve", "--listen", "127.0.0.1:0"], {
    env,
    stdout: "piped",
    stderr: "null",
  });
  built.use(server);
  const { port, ca } = JSON.parse(await firstLine(server.stdout));
  say(`the platform listens on localhost:${port}`);

  await Deno.writeTextFile(config, agentYaml({ folder, port, ca }));
  const code = await platform("code", "create");
  await opendca("activate", code.trim());
  const agentId = JSON.parse(await opendca("status", "--json")).agentId;
  say("the agent starts; a task has it read everything at once instead of within half a minute");
  await platform("task", "scan", agentId);
  built.use(spawn("main.ts", ["run", "--config", config], { env, stdout: "inherit", stderr: "inherit" }));

  let known = 0;
  for (let quiet = 0; quiet < 4;) {
    if (await Promise.race([pause(1000), stopped.promise.then(() => true)])) return;
    const list = JSON.parse(await run("platform/main.ts", ["--data", data, "--json", "device", "list"], env));
    quiet = list.length > 0 && list.length === known ? quiet + 1 : 0;
    if (list.length !== known) say(`${list.length} printers have arrived`);
    known = list.length;
  }
  console.log(await platform("device", "list"));
  console.log(await opendca("status"));
  console.log(await opendca("ledger"));
  if (once) return;
  say(`the agent goes on; Ctrl-C ends it. Try: opendca status --config ${config}`);
  await stopped.promise;
}

function agentYaml({ folder, port, ca }: { folder: string; port: number; ca: string }): string {
  return `platform:
  rootDomain: localhost
  endpoints: [localhost:${port}]
  ca: ${ca}
stateDirectory: ${folder}/state
sites:
  - name: office
    ranges: [127.77.0.0/24]
    port: 1161
credentials:
  - community: public
  # One printer of the fleet speaks SNMPv3 alone; its keys are as invented as it is.
  - user: demo
    auth: { protocol: sha256, key: demo-auth-key }
    priv: { protocol: aes128, key: demo-priv-key }
log: { format: text }
`;
}

/** Runs one command, shows it, and returns what it printed. */
async function run(entry: string, args: string[], env: Record<string, string>): Promise<string> {
  const child = spawn(entry, args, { env, stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await child.output();
  if (!args.includes("--json")) {
    say(`$ ${entry === "main.ts" ? "opendca" : "opendca-platform"} ${shown(args)}`);
  }
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Without the folders of this demo, which an installation has as defaults. */
function shown(args: string[]): string {
  return args.filter((arg, i) => !/^--(data|config)$/.test(arg) && !/^--(data|config)$/.test(args[i - 1] ?? "")).join(
    " ",
  );
}

function spawn(entry: string, args: string[], options: Deno.CommandOptions): Deno.ChildProcess {
  const flags = ["run", "--no-prompt", "--allow-net", "--allow-read", "--allow-write", "--allow-env", "--allow-sys"];
  return new Deno.Command(Deno.execPath(), {
    ...options,
    args: [...flags, root + entry, ...args],
    stdin: "null",
  }).spawn();
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const part of stream.values({ preventCancel: true })) {
    text += new TextDecoder().decode(part);
    if (text.includes("\n")) return text.slice(0, text.indexOf("\n"));
  }
  throw new Error("the platform ended before it was ready");
}

function pause(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), ms));
}

function say(text: string): void {
  console.error(`\x1b[2m${text}\x1b[0m`);
}

if (import.meta.main) await demo();
