/** A real platform and real agents as processes on loopback, with simulated printers. */
import { DatabaseSync } from "node:sqlite";
import type { ShownStatus } from "../../src/service/read_status.ts";
import { type Simulator, startSimulator } from "../../simulator/simulator.ts";
import { parseFleet } from "../../simulator/fleet_file.ts";
import type { DeviceOptions } from "../../simulator/device.ts";
import { freePort } from "../free_port.ts";
import { port as printerPort } from "../scan/scan_fixture.ts";
import { type ProcessOutput, type RunningProgram, runProgram, startProgram } from "../start_program.ts";

/** Ids of the records of which the agent has said that they are durable. */
export function spooledIds({ lines }: Pick<RunningProgram, "lines">): string[] {
  return lines.filter((line) => line.includes('"recordsSpooled"')).flatMap((line) => JSON.parse(line).ids);
}

export interface AgentScene extends AsyncDisposable {
  folder: string;
  config: string;
  simulator: Simulator;
  agentId: string;
  /** Command line that `opendca` is put behind, such as one that enters a namespace. */
  within: readonly string[];
  /** Runs an admin command of the platform; returns its standard output. */
  admin(...args: string[]): Promise<string>;
  /** With further arguments of `serve`. */
  startPlatform(...more: string[]): Promise<RunningProgram>;
  /** `opendca run`, when it has said that it started. */
  startAgent(): Promise<RunningProgram>;
  /** `opendca run`, which may say anything yet; with the scene's configuration unless told. */
  spawnAgent(path?: string, ...more: string[]): RunningProgram;
  /** Runs `opendca` with `--config`. */
  opendca(...args: string[]): Promise<ProcessOutput>;
  status(): Promise<ShownStatus>;
  /** One question to the platform's store, which may be in use. */
  store<Row>(sql: string): Row[];
}

export interface SceneOptions {
  /** Second octet of the printers, 127.x; no two tests have the same, so that they can run side by side. */
  network: number;
  printers: number;
  activated?: boolean;
  /** Name of the platform; localhost without it. */
  host?: string;
  /** SNMP packets per second of the site; unlimited without it. */
  rate?: number;
  /** Further lines of agent.yaml. */
  more?: string;
  /** What the platform is set up within, such as a clock of the past: its certificates are from then. */
  madeWithin?: readonly string[];
}

/** The page counter of the printer number `index`, each its own. */
export function totalOf(index: number): number {
  return 10_000 + 37 * index;
}

/** The page counter of the printer at an address of a scene. */
export function totalAt(address: string): number {
  return totalOf(Number(address.split(".")[3]) - 1);
}

/** A printer at an address of a scene, with the counter that belongs there. */
export function scenePrinter(address: string): DeviceOptions[] {
  return parseFleet(`
printers:
  - name: ${address}
    address: ${address}
    port: ${printerPort}
    maker: Example
    model: Laser 9000
    serial: ZZ${address.replaceAll(".", "")}
    description: Example Laser 9000
    meters: { total: ${totalAt(address)} }
    supplies: [{ type: toner, description: Black Toner, colorant: black, unit: percent, capacity: 100, level: 60 }]
`);
}

/** Sets up the platform with customer, site and code, and activates an agent over `printers` simulated devices. */
export async function startScene(options: SceneOptions): Promise<AgentScene> {
  const { network, printers, host = "localhost" } = options;
  await using built = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  built.defer(() => Deno.remove(folder, { recursive: true }));
  const addresses = [...Array(printers).keys()].map((i) => `127.${network}.0.${i + 1}`);
  const devices = addresses.flatMap(scenePrinter);
  const simulator = built.use(await startSimulator({ devices }));
  const data = `${folder}/platform`, config = `${folder}/agent.yaml`;
  const env = { OPENDCA_GUARD_DIRECTORY: `${folder}/guard` };
  const port = freePort();

  let platformWithin = options.madeWithin ?? [];

  async function admin(...args: string[]): Promise<string> {
    const { code, out, err } = await runProgram("platform/main.ts", ["--data", data, ...args], {}, platformWithin);
    if (code !== 0) throw new Error(`opendca-platform ${args.join(" ")} ended with ${code}: ${err}`);
    return out.trim();
  }

  async function startPlatform(...more: string[]): Promise<RunningProgram> {
    const args = [
      "--data",
      data,
      "serve",
      "--listen",
      `127.0.0.1:${port}`,
      "--host-name",
      host,
      "--poll-seconds",
      "30",
      ...more,
    ];
    const program = startProgram("platform/main.ts", args, {}, platformWithin);
    await program.line((line) => line.includes('"ready"'));
    return program;
  }

  async function status(): Promise<ShownStatus> {
    const { out, err, code } = await runProgram("main.ts", ["status", "--json", "--config", config], env, scene.within);
    if (code !== 0) throw new Error(`opendca status ended with ${code}: ${err}`);
    return JSON.parse(out);
  }

  const scene: AgentScene = {
    folder,
    config,
    simulator,
    agentId: "",
    within: [],
    admin,
    startPlatform,
    async startAgent() {
      const program = scene.spawnAgent();
      await program.line((line) => line.includes('"agentStarted"'));
      return program;
    },
    spawnAgent: (path = config, ...more) =>
      startProgram("main.ts", ["run", "--config", path, ...more], env, scene.within),
    opendca: (...args) => runProgram("main.ts", [...args, "--config", config], env, scene.within),
    status,
    store<Row>(sql: string) {
      const db = new DatabaseSync(`${data}/platform.db`, { readOnly: true });
      try {
        return db.prepare(sql).all() as Row[];
      } finally {
        db.close();
      }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
  if (platformWithin.length > 0) {
    await using before = await startPlatform();
    await before.kill("SIGTERM");
    platformWithin = [];
  }
  await admin("customer", "create", "Acme");
  await admin("site", "create", "Berlin");
  {
    await using platform = await startPlatform();
    await Deno.writeTextFile(
      config,
      `platform:
  rootDomain: ${host}
  endpoints: [${host}:${port}]
  ca: ${data}/server-authority.pem
stateDirectory: ${folder}/state
sites:
  - name: office
    ranges: [127.${network}.0.0/24]
    port: ${printerPort}
    rate: ${options.rate ?? 0}
limits: { timeout: 300ms, workers: 1 }
log: { level: debug, format: json }
${options.more ?? ""}`,
    );
    if (options.activated !== false) {
      const { code, err } = await scene.opendca("activate", await admin("code", "create"));
      if (code !== 0) throw new Error(`opendca activate ended with ${code}: ${err}`);
      scene.agentId = (await status()).agentId!;
    }
    await platform.kill("SIGTERM");
  }
  const stack = built.move();
  return scene;
}
