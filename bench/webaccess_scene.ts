/** A platform with its gateways, seven agents of one customer and their printers, each program on its own. */
import { systemClock } from "../common/core/clock.ts";
import { openSession } from "../platform/access/manage_sessions.ts";
import { createLink } from "../platform/access/web_sessions.ts";
import type { TenantBy } from "../platform/audit/use_case.ts";
import { openPlatform } from "../platform/compose.ts";
import { listCustomers } from "../platform/customers/customers.ts";
import { createTask, type TaskPayload } from "../platform/tasks/manage_tasks.ts";
import { startSimulator } from "../simulator/simulator.ts";
import { type AgentScene, scenePrinter, startScene } from "../tests/fixtures/agent_fixture.ts";
import { freePort } from "../tests/fixtures/free_port.ts";
import { createHostKeyFile, forwardPorts, sshdUser, startSshd } from "../tests/fixtures/sshd_peer.ts";
import { type RunningProgram, runProgram, startProgram } from "../tests/fixtures/start_program.ts";
import { until } from "../tests/fixtures/until.ts";

export interface WebSceneOptions {
  agents?: number;
  /** Debian's sshd is the gateway. */
  sshd?: boolean;
}

/** With three sessions each, they have more than twenty. */
export const agents = 7;
const printersOfAgent = 3;
const network = 79;

export interface OpenedPage {
  /** `https://LABEL.access.localhost:PORT`. */
  origin: string;
  token: string;
}

export interface WebScene extends AsyncDisposable {
  ports: { ssh: number; page: number; file: number };
  /** The authority of the gateway's certificate: a file, and its text. */
  ca: { path: string; pem: string };
  folder: string;
  platform: RunningProgram;
  agents: RunningProgram[];
  /** Asks the agent of that number for a session with its printer of that number. */
  open(agent: number, printer: number, port: number): Promise<OpenedPage>;
  address(agent: number, printer: number): string;
}

const address = (agent: number, printer: number) => `127.${network}.${agent}.${printer + 1}`;

function settings(agent: number, { snmp, ssh, page, file }: { snmp: number } & WebScene["ports"]): string {
  return `sites: [{ name: office, ranges: [${address(agent, 0)}-${printersOfAgent}], port: ${snmp} }]
limits: { workers: 1 }
log: { format: json }
policy:
  features: { webAccess: true }
  ports: { webAccess: [${page}, ${file}], sshGateway: [${ssh}] }
  webAccess: { maxSize: 100GB }
`;
}

/** The device of all printers' file ports. */
function startDevice(port: number): AsyncDisposable {
  const path = new URL("webaccess_device.ts", import.meta.url).pathname;
  const args = ["run", "--no-prompt", "--allow-net", path, `${port}`];
  const child = new Deno.Command(Deno.execPath(), { args, stdout: "null", stderr: "null" }).spawn();
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

export async function startWebScene(
  { agents: count = agents, sshd: hasSshd = false }: WebSceneOptions = {},
): Promise<WebScene> {
  await using built = new AsyncDisposableStack();
  const sshd = hasSshd ? built.use(await sshdGateway()) : undefined;
  const ports = { ssh: sshd?.port ?? freePort(), page: freePort(), file: freePort() },
    mqtt = freePort(),
    access = freePort();
  built.use(startDevice(ports.file));
  const numbers = [...Array(count).keys()], printers = [...Array(printersOfAgent).keys()];
  const devices = numbers.flatMap((agent) => printers.flatMap((printer) => scenePrinter(address(agent, printer))));
  built.use(await startSimulator({ devices, web: { port: ports.page } }));
  const own = { snmp: devices[0]!.port!, ...ports };
  const scene = built.use(await startScene({ network, printers: 0, settings: settings(0, own) }));
  const config = (await Deno.readTextFile(scene.config)).replace(
    "  ca:",
    `  mqtt: ["mqtts://localhost:${mqtt}"]\n  ca:`,
  );
  await Deno.writeTextFile(scene.config, config);
  const gateways = [
    ...["--poll-seconds", "5m", "--mqtt-listen", `127.0.0.1:${mqtt}`],
    ...(sshd?.options ?? ["--ssh-listen", `127.0.0.1:${ports.ssh}`]),
    ...["--access-listen", `127.0.0.1:${access}`, "--access-domain", "access.localhost"],
  ];
  const platform = built.use(await scene.startPlatform(...gateways));
  const dataDirectory = `${scene.folder}/platform`;
  const store = built.use(await openPlatform({ dataDirectory, clock: systemClock, log() {} }));
  const actor = { kind: "operator", name: "eva" } as const;
  const by: TenantBy = { actor, tenant: (await listCustomers(store, { actor }, {}))[0]!.customer_id };
  const running = await Promise.all(
    numbers.map((agent) =>
      startAgent(scene, agent, { config: config.replace(settings(0, own), settings(agent, own)) })
    ),
  );
  for (const { program } of running) built.use(program);
  const payload: TaskPayload = { $case: "scanNow", value: { site: "", targets: [], knownDevicesOnly: false } };
  for (const { agentId } of running) await createTask(store, by, { agentId, payload, validMs: 600_000 });
  const known = "SELECT count(*) AS known FROM devices";
  await until("the printers are known", () => scene.store<{ known: number }>(known)[0]!.known === devices.length);
  const path = `${dataDirectory}/server-authority.pem`, pem = await Deno.readTextFile(path);
  const moved = built.move();
  return {
    ports,
    ca: { path, pem },
    folder: scene.folder,
    platform,
    agents: running.map(({ program }) => program),
    address,
    async open(agent, printer, port) {
      const wish = { device: address(agent, printer), port, scheme: "http", lastsMs: 600_000 } as const;
      const { sessionId } = await openSession(store, by, wish);
      const { origin, searchParams } = new URL((await createLink(store, by, { sessionId })).link);
      return { origin, token: searchParams.get("token")! };
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

/** As docs/gateway-openssh.md has it, and the options of `serve` for it. */
async function sshdGateway(): Promise<{ port: number; options: string[] } & AsyncDisposable> {
  await using built = new AsyncDisposableStack();
  const hostKey = built.use(await createHostKeyFile()), keysPort = freePort();
  const { port } = built.use(await startSshd(hostKey, { keysPort }));
  const { firstPort, lastPort } = forwardPorts();
  const options = [
    ...["--sshd-keys", `127.0.0.1:${keysPort}`, "--sshd-host-key", `${hostKey.path}.pub`, "--sshd-user", sshdUser],
    ...["--sshd-ports", `${firstPort}-${lastPort}`, "--ssh-host", `localhost:${port}`],
  ];
  const moved = built.move();
  return { port, options, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

/** The first is that of the scene; the others are activated as well. */
async function startAgent(
  scene: AgentScene,
  agent: number,
  { config }: { config: string },
): Promise<{ program: RunningProgram; agentId: string }> {
  let path = scene.config, env = scene.env, { agentId } = scene;
  if (agent > 0) {
    path = `${scene.folder}/agent-${agent}.yaml`;
    env = { OPENDCA_GUARD_DIRECTORY: `${scene.folder}/guard-${agent}` };
    const state = `${scene.folder}/state`;
    await Deno.writeTextFile(path, config.replace(`stateDirectory: ${state}`, `stateDirectory: ${state}-${agent}`));
    const opendca = async (...args: string[]) => {
      const { code, out, err } = await runProgram("main.ts", [...args, "--config", path], env);
      if (code !== 0) throw new Error(`opendca ${args[0]} ended with ${code}: ${err}`);
      return out;
    };
    await opendca("activate", await scene.admin("code", "create"));
    ({ agentId } = JSON.parse(await opendca("status", "--json")));
  }
  const program = startProgram("main.ts", ["run", "--config", path], env);
  await program.line((line) => line.includes('"mqttConnected"'));
  return { program, agentId };
}
