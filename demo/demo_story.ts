/** The story of the demo: each step is what an operator types, and what it prints is what is shown. */
import { Record as RecordMessage } from "../proto/gen/opendca/v1/batch.ts";
import type { Host } from "../src/cli/host.ts";
import { runCli } from "../src/cli/run_cli.ts";
import { UnavailableError } from "../common/core/errors.ts";
import type { Reading, ScanDocument } from "../common/reading/reading.ts";
import { renderPrinters, renderTable } from "../common/report/table.ts";
import { meterOf } from "../common/report/fleet.ts";
import { readingFromMessage } from "../common/reading/decode_reading.ts";
import { aborted, type Children, createChildren, shownCommand } from "./demo_children.ts";
import type { DemoScreen } from "./demo_screen.ts";
import { showWebPage } from "./demo_web_page.ts";
import { parseFleet } from "../simulator/fleet_file.ts";
import { type Simulator, startSimulator } from "../simulator/simulator.ts";

const fleet = new URL("../simulator/fleet/office.yaml", import.meta.url);
const credentials = new URL("../simulator/fleet/office_credentials.yaml", import.meta.url).pathname;
const network = "127.77.0.0/24";
/** A loaded machine needs several times the usual eight seconds. */
const arrivalMs = 120_000;
/** Within which the agent has begun to read before the demo looks; what was made up is a day older. */
const startMs = 3_600_000;
/** Three times the interval at which the agent writes its status; then the demo shows what there is. */
const statusMs = 30_000;

export interface DemoOptions {
  /** Goes on until the signal instead of ending. */
  keep: boolean;
  /** UDP port of the simulated devices. */
  port: number;
  host: Host;
  screen: DemoScreen;
  signal: AbortSignal;
}

/** Leaves no process and no file behind, however it ends. Throws when the signal is aborted, but not after `keep`. */
export async function tellDemo(options: DemoOptions): Promise<void> {
  const { host, screen, signal, port } = options;
  await using built = new AsyncDisposableStack();
  const simulator = built.use(await startFleet(port));
  const folder = await Deno.makeTempDir({ prefix: "opendca-demo-" });
  built.defer(() => removeFolder(folder));
  // Places of its own, so that the demo never looks at this machine's activation.
  const env = { OPENDCA_GUARD_DIRECTORY: `${folder}/guard`, OPENDCA_STATE_DIRECTORY: `${folder}/state` };
  const children = built.use(createChildren({ folder, env, signal }));

  await screen.heading("1  A scan");
  await screen.say(`${simulator.endpoints.length} simulated devices answer on ${network}, UDP port ${port}.`);
  await screen.command(`opendca scan ${network} --port ${port} --credentials office_credentials.yaml`);
  const scanned = await scan({ host, env, folder, port, signal });
  await screen.print(renderTable(scanned, screen.options));

  await screen.heading("2  A platform, and an agent that reports to it");
  const webPort = Number(new URL(simulator.endpoints[0]!.web!).port);
  const past = options.keep ? scanned.printers : undefined;
  const { agentId, platform, opendca, ca, portal } = await startService({
    screen,
    children,
    folder,
    port,
    webPort,
    past,
    signal,
  });
  const since = host.clock.now();

  await screen.heading("3  Readings arrive");
  const arrived = await untilArrived(scanned.printers, { platform, children, host, screen, signal, since });
  await screen.command("opendca-platform reading list --json");
  await screen.say(`The ${arrived.length} readings, as they were received, drawn as a scan draws them:\n`);
  await screen.print(renderPrinters(arrived, screen.options));
  await screen.say(comparison(scanned.printers, arrived));
  await untilWritten(arrived.length, { opendca, children, host, signal });
  for (const command of ["status", "ledger"]) {
    await screen.say("");
    await screen.command(`opendca ${command}`);
    await screen.print(await opendca(command));
  }
  await screen.heading("4  A printer's own page, in a browser");
  await showWebPage({ platform, opendca, screen, ca, webPort, address: simulator.endpoints[0]!.address, signal });
  await screen.heading(options.keep ? "5  It continues until Ctrl-C" : "5  What next");
  await screen.print(options.keep ? keptText({ folder, agentId, portal }) : nextText);
  if (!options.keep) return;
  await Promise.race([children.failed, aborted(signal).catch(() => {})]);
}

async function startFleet(port: number): Promise<Simulator> {
  const devices = parseFleet(await Deno.readTextFile(fleet), { file: fleet.pathname });
  try {
    return await startSimulator({ devices: devices.map((device) => ({ ...device, port })), web: { port: 0 } });
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    const other = port === 1161 ? 2161 : 1161;
    const hint = `another demo or simulator may be running; take another port: deno task demo --port ${other}`;
    throw new UnavailableError(error.message, hint, 0, { cause: error });
  }
}

/** The real command, in this process; its progress is shown as it is. */
async function scan(
  { host, env, folder, port, signal }: Pick<DemoOptions, "host" | "port" | "signal"> & {
    env: Record<string, string>;
    folder: string;
  },
): Promise<ScanDocument> {
  const file = `${folder}/scan.json`;
  const options = ["--port", String(port), "--credentials", credentials, "--format", "json", "--output", file];
  const code = await runCli(["scan", network, ...options], { ...host, env: (name) => env[name] ?? host.env(name) });
  signal.throwIfAborted();
  if (code !== 0) throw new UnavailableError(`Cannot continue the demo as the scan ended with exit code ${code}`);
  return JSON.parse(await Deno.readTextFile(file));
}

export type Run = (...args: string[]) => Promise<string>;

async function startService(
  { screen, children, folder, port, webPort, past, signal }: {
    screen: DemoScreen;
    children: Children;
    folder: string;
    port: number;
    webPort: number;
    /** What the weeks before are made of; undefined: nothing was before. */
    past: readonly Reading[] | undefined;
    signal: AbortSignal;
  },
): Promise<{ agentId: string; platform: Run; opendca: Run; ca: string; portal: string }> {
  const data = `${folder}/platform`, config = `${folder}/agent.yaml`;
  const platform: Run = (...args) => children.run("opendca-platform", ["--data", data, ...args]);
  const opendca: Run = (...args) => children.run("opendca", [...args, "--config", config]);
  const show = async (program: "opendca" | "opendca-platform", ...args: string[]) => {
    await screen.command(shownCommand(program, args));
    const text = await (program === "opendca" ? opendca : platform)(...args);
    await screen.print(text);
    return text.trim();
  };

  await show("opendca-platform", "customer", "create", "Acme");
  await show("opendca-platform", "site", "create", "Head office");
  const code = await show("opendca-platform", "code", "create");
  if (past !== undefined) {
    const { addWeeks } = await import("./weeks_of_history.ts");
    const readings = await addWeeks({ dataDirectory: data, printers: past, now: new Date(), signal });
    await screen.say(`Ten weeks before are made up, for the portal: ${readings} readings of two agents.`);
  }
  const serve = [
    ...["serve", "--listen", "127.0.0.1:0", "--mqtt-wss-listen", "127.0.0.1:0", "--ssh-listen", "127.0.0.1:0"],
    ...["--access-listen", "127.0.0.1:0", "--access-domain", "access.localhost", "--portal-listen", "127.0.0.1:0"],
  ];
  await screen.command(`opendca-platform ${serve.join(" ")} &`);
  const ready: Ready = JSON.parse(
    await children.start("opendca-platform", ["--data", data, ...serve], { untilLine: true }),
  );
  await screen.say(`It listens on ${ready.target} with a certificate of its own authority.`);
  await Deno.writeTextFile(config, agentYaml({ folder, port, webPort, ready }));
  await show("opendca", "activate", code);
  const { agentId } = JSON.parse(await opendca("status", "--json"));
  // Asked for before it starts, as the first sweep of the schedule begins within half a minute.
  await show("opendca-platform", "task", "scan", agentId);
  await screen.command("opendca run &");
  await children.start("opendca", ["run", "--config", config], { untilLine: false });
  return { agentId, platform, opendca, ca: await Deno.readTextFile(ready.ca), portal: ready.portal.firstUser };
}

/** What the platform says when it is ready. */
interface Ready {
  target: string;
  ca: string;
  mqtt: { wss: number };
  portal: { firstUser: string };
  sshPort: number;
}

function agentYaml(
  { folder, port, webPort, ready: { target, ca, mqtt, sshPort } }: {
    folder: string;
    port: number;
    webPort: number;
    ready: Ready;
  },
): string {
  return `# Written by the demo: what an agent needs, and nothing else.
platform:
  rootDomain: localhost
  endpoints: [${target}]
  mqtt: ["wss://localhost:${mqtt.wss}"]
  ca: ${ca}
stateDirectory: ${folder}/state
sites:
  - name: office
    ranges: [${network}]
    port: ${port}
credentials:
  - community: public
  # One printer of the fleet speaks SNMPv3 alone; its keys are as invented as it is.
  - user: demo
    auth: { protocol: sha256, key: demo-auth-key }
    priv: { protocol: aes128, key: demo-priv-key }
policy:
  # Printers' own pages are not shown to anybody unless the administrator of the agent's machine says so.
  features: { webAccess: true }
  ports: { webAccess: [${webPort}], sshGateway: [${sshPort}] }
log:
  file: { path: ${folder}/agent.log }
`;
}

/** The platform's latest reading of each device, in the order of the scan, when it has one of each printer. */
async function untilArrived(
  printers: readonly Reading[],
  parts: Pick<DemoOptions, "host" | "screen" | "signal"> & { platform: Run; children: Children; since: Date },
): Promise<Reading[]> {
  const { host, screen, signal, platform, children, since } = parts;
  const { clock } = host;
  for (const endMs = clock.monotonicMs() + arrivalMs;;) {
    const list: { record: unknown }[] = JSON.parse(await platform("--json", "reading", "list"));
    const held = new Map(list.flatMap(({ record }): [string, Reading][] => {
      const { content, observedAt } = RecordMessage.fromJSON(record);
      // Not what was made up of the weeks before.
      const isOwn = observedAt !== undefined && observedAt.getTime() > since.getTime() - startMs;
      return content?.$case === "reading" && isOwn ? [[content.value.address, readingFromMessage(content.value)]] : [];
    }));
    const arrived = printers.flatMap(({ address }) => held.get(address) ?? []);
    await screen.passing(arrived.length < printers.length ? `${arrived.length} of ${printers.length} printers` : "");
    if (arrived.length === printers.length) return arrived;
    if (clock.monotonicMs() > endMs) {
      throw new UnavailableError(
        `Cannot show all readings as ${arrived.length} of ${printers.length} printers arrived in ${arrivalMs / 1000} s`,
        "the machine may be busy; try again: deno task demo",
      );
    }
    await Promise.race([clock.sleep(300, signal), children.failed]);
  }
}

/** The agent writes its status some seconds behind its work; a status of half of it would puzzle the reader. */
async function untilWritten(
  printers: number,
  { opendca, children, host, signal }: Pick<DemoOptions, "host" | "signal"> & { opendca: Run; children: Children },
): Promise<void> {
  for (const endMs = host.clock.monotonicMs() + statusMs; host.clock.monotonicMs() < endMs;) {
    const { agent, spool } = JSON.parse(await opendca("status", "--json"));
    const { awake, asleep } = agent?.devices ?? { awake: 0, asleep: 0 };
    if (awake + asleep >= printers && spool?.depth === 0) return;
    await Promise.race([host.clock.sleep(300, signal), children.failed]);
  }
}

function comparison(printers: readonly Reading[], arrived: readonly Reading[]): string {
  const same = printers.filter((reading, index) => meterOf(reading, "total") === meterOf(arrived[index]!, "total"));
  return `The page counts of ${same.length} of ${printers.length} printers are those that the scan found.`;
}

const nextText =
  `deno task demo --keep            the same, left running: a portal with weeks of history, and a link to sign in
deno task scan 192.168.1.0/24    your own printers; a scan only reads
deno task opendca scan --preview-upload 192.168.1.0/24
                                 what an agent would send of them
docs/agent.md, docs/platform.md  how to run both
`;

function keptText({ folder, agentId, portal }: { folder: string; agentId: string; portal: string }): string {
  return `The portal, for its first user; the browser warns, as it does not know the demo's authority:

${portal}

In another window, in this folder:

export OPENDCA_CONFIG=${folder}/agent.yaml
export OPENDCA_GUARD_DIRECTORY=${folder}/guard
export OPENDCA_PLATFORM_DATA=${folder}/platform
deno task opendca status
deno task opendca doctor
deno task opendca ledger --verify
deno task opendca scan --preview-upload
deno task platform device list
deno task platform task ping ${agentId} 127.77.0.11
deno task platform task list
tail -f ${folder}/agent.log
`;
}

async function removeFolder(folder: string): Promise<void> {
  try {
    await Deno.remove(folder, { recursive: true });
  } catch (error) {
    // A child that was the last to end has removed it.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
