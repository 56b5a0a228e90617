/** The simulator as a command: files in, devices up, a ready line out, until a signal. */
import { parseArgs } from "node:util";
import { ConfigError, messageOf, UsageError } from "../common/core/errors.ts";
import type { DeviceOptions } from "./device.ts";
import { parseFleet } from "./fleet_file.ts";
import { dottedAddress, maybeLoopbackRange } from "./loopback_range.ts";
import { startSimulator } from "./simulator.ts";
import { parseSnmprec } from "../src/recording/snmprec.ts";

const usage = "simulator/main.ts --fleet FILE [--fleet FILE…] [--recordings DIR [--network CIDR] [--port PORT]] " +
  "[--web-port PORT] [--web-tls-port PORT] [--seed N] [--reuse-address]";

export interface CommandHost {
  args: string[];
  printLine(line: string): void;
  printError(line: string): void;
  readText(path: string): string;
  /** Names of the files in a folder. */
  listFiles(path: string): string[];
  /** Resolves when the process is asked to end. */
  stopped: Promise<void>;
}

/** Starts what the arguments name, prints one line a device and the ready line, and answers until `stopped`. */
export async function runSimulator(host: CommandHost): Promise<void> {
  const options = parseOptions(host.args);
  const devices = [
    ...options.fleet.flatMap((path) => loadFleet(path, host)),
    ...(options.recordings === undefined ? [] : loadRecordings(options.recordings, { ...options, host })),
  ];
  if (devices.length === 0) throw new UsageError("Cannot simulate no devices", usage);
  await using simulator = await startSimulator({
    devices,
    seed: options.seed,
    reuseAddress: options["reuse-address"],
    web: { port: options.webPort, tlsPort: options.webTlsPort },
  });
  for (const { address, port, name, web, webTls } of simulator.endpoints) {
    host.printError([`${address}:${port}`, name, web, webTls].filter((part) => part !== undefined).join("  "));
  }
  host.printLine(JSON.stringify({ ready: true, devices: simulator.endpoints }));
  await host.stopped;
  host.printError(`${simulator.packetsReceived} packets received, ${simulator.packetsSent} sent`);
}

/** Devices of a fleet file; recordings that it names stand relative to it. */
export function loadFleet(path: string, host: Pick<CommandHost, "readText">): DeviceOptions[] {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : "";
  const readText = (name: string) => host.readText(name.startsWith("/") ? name : folder + name);
  return parseFleet(readFile(path, host), { file: path, readText });
}

/** One device for every .snmprec file of a folder, in the order of their names. */
function loadRecordings(
  folder: string,
  { host, network, port }: { host: CommandHost; network: string; port: number },
): DeviceOptions[] {
  const { first, size } = maybeLoopbackRange({ value: network, path: "--network", file: "the command line" })!;
  const names = host.listFiles(folder).filter((name) => name.endsWith(".snmprec")).sort();
  if (names.length === 0) throw new UsageError(`Cannot replay "${folder}": it holds no .snmprec file`);
  if (names.length > size - 2) throw new UsageError(`Cannot give ${names.length} recordings an address in ${network}`);
  return names.map((name, i) => {
    const { objects, malformedLines } = parseSnmprec(readFile(`${folder}/${name}`, host));
    if (malformedLines > 0) host.printError(`${name}: ${malformedLines} malformed lines skipped`);
    return { name: name.slice(0, -".snmprec".length), address: dottedAddress(first + 1 + i), port, objects };
  });
}

function parseOptions(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        fleet: { type: "string", multiple: true, default: [] },
        recordings: { type: "string" },
        network: { type: "string", default: "127.77.1.0/24" },
        port: { type: "string", default: "1161" },
        "web-port": { type: "string" },
        "web-tls-port": { type: "string" },
        seed: { type: "string", default: "1" },
        "reuse-address": { type: "boolean", default: false },
      },
    });
    return {
      ...values,
      recordings: values.recordings,
      port: numberOption("--port", values.port, 65535),
      webPort: maybePort("--web-port", values["web-port"]),
      webTlsPort: maybePort("--web-tls-port", values["web-tls-port"]),
      seed: numberOption("--seed", values.seed, 0xffffffff),
    };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(messageOf(error), usage, { cause: error });
  }
}

function maybePort(name: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : numberOption(name, text, 65535);
}

function numberOption(name: string, text: string, high: number): number {
  const value = Number(text);
  if (text === "" || !Number.isInteger(value) || value < 0 || value > high) {
    throw new UsageError(`Cannot use ${name} as a number from 0 to ${high}: current value is "${text}"`);
  }
  return value;
}

function readFile(path: string, host: Pick<CommandHost, "readText">): string {
  try {
    return host.readText(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new ConfigError(`Cannot read "${path}": there is no such file`, undefined, { cause: error });
  }
}
