/**
 * Devices that answer SNMP on loopback. Every device has a socket of its own, as only that makes the source address of an
 * answer right; 1,000 of them in one process are fine.
 */
import { messageOf, UnavailableError } from "../common/core/errors.ts";
import { BerSyntaxError } from "../src/snmp/ber.ts";
import { decodeMessage, type Pdu, type SnmpMessage } from "../src/snmp/message.ts";
import { isUnder } from "../src/snmp/oid.ts";
import type { Varbind } from "../src/snmp/value.ts";
import { maybeCommunityAnswer } from "./community_agent.ts";
import { type Device, deviceOf, type DeviceOptions } from "./device.ts";
import { sendWithFaults, siblingAddress } from "./faulty_send.ts";
import { armFaults, dueFaults, type Fault, type FaultState } from "./faults.ts";
import { ObjectTable } from "./object_table.ts";
import { seededRandom } from "./random.ts";
import { createUsmEngine, maybeUsmAnswer, type UsmEngine } from "./usm_agent.ts";
import type { WebRequest, WebServer } from "./web_server.ts";

export interface SimulatorClock {
  /** Milliseconds that never go back. */
  now(): number;
  /** Resolves after so many milliseconds, or at once when aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export interface SimulatorOptions {
  devices: Iterable<DeviceOptions>;
  /** Of everything random: probabilities, garbage, salts. Default: 1. */
  seed?: number;
  clock?: SimulatorClock;
  /** Keeps every request that could be decoded; default: off. */
  log?: boolean;
  /** Lets a socket of the wildcard address that allows it as well have what is sent to all other addresses. */
  reuseAddress?: boolean;
  /** Gives each printer a web page at its address, on these TCP ports; 0 takes any that is free. Default: none. */
  web?: { port?: number | undefined; tlsPort?: number | undefined };
}

/** A request as it arrived; `pdu` is absent where it could not be read (encrypted for somebody else). */
export interface LoggedRequest {
  device: string;
  from: string;
  /** When it arrived, of the simulator's clock. */
  atMs: number;
  version: "1" | "2c" | "3";
  type?: number;
  oids: string[];
  maxRepetitions?: number;
}

export interface Endpoint {
  name: string;
  address: string;
  port: number;
  /** Where its web page is, such as `http://127.77.0.11:8000`; absent without one. */
  web?: string;
  webTls?: string;
}

/** `device` below is a name, an address, or `address:port`; an unknown one throws `RangeError`. */
export interface Simulator extends AsyncDisposable {
  readonly endpoints: readonly Endpoint[];
  /** Datagrams that arrived at all devices, malformed ones included. */
  readonly packetsReceived: number;
  readonly packetsSent: number;
  /** Set requests that arrived; a reader never sends one. */
  readonly sets: number;
  readonly log: readonly LoggedRequest[];
  /** Datagrams that arrived at one device. */
  requests(device: string): number;
  /** Replaces the faults and their counts. */
  setFaults(device: string, faults: readonly Fault[]): void;
  /** The last thousand requests to its web page, of both ports. */
  webRequests(device: string): readonly WebRequest[];
  /** Adds objects of the default context or changes their values. */
  setObjects(device: string, objects: Iterable<Varbind>): void;
  /** Removes every object of the default context at or below `under`. */
  removeObjects(device: string, under: string): void;
}

interface Running {
  device: Device;
  socket: Deno.DatagramConn;
  /** The other address of the fault `wrong-address`; opened when first needed. */
  stray?: Deno.DatagramConn;
  faults: FaultState[];
  engine: UsmEngine;
  requests: number;
  /** Its web page by HTTP and by HTTPS. */
  web?: WebServer | undefined;
  webTls?: WebServer | undefined;
}

const realClock: SimulatorClock = {
  now: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done, { once: true });
    }),
};

/** A simulator that runs. */
interface Simulation {
  options: SimulatorOptions;
  clock: SimulatorClock;
  random: () => number;
  stop: AbortController;
  startedAt: number;
  running: Running[];
  /** By name, address and `address:port`. */
  byName: Map<string, Running>;
  log: LoggedRequest[];
  packetsReceived: number;
  packetsSent: number;
  sets: number;
  /** One for each device. */
  loops: Promise<void>[];
  /** Answers that faults hold back. */
  late: Set<Promise<void>>;
}

/** Binds every device and answers until disposed; a port that cannot be bound rejects and nothing stays open. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { clock = realClock } = options;
  const simulation: Simulation = {
    options,
    clock,
    random: seededRandom(options.seed ?? 1),
    stop: new AbortController(),
    startedAt: clock.now(),
    running: [],
    byName: new Map(),
    log: [],
    packetsReceived: 0,
    packetsSent: 0,
    sets: 0,
    loops: [],
    late: new Set(),
  };
  try {
    for (const one of options.devices) await open(simulation, one);
  } catch (error) {
    await close(simulation);
    throw error;
  }
  simulation.loops = simulation.running.map((entry) => serve(simulation, entry));
  const find = (name: string) => findDevice(simulation, name);
  return {
    endpoints: simulation.running.map(endpointOf),
    get packetsReceived() {
      return simulation.packetsReceived;
    },
    get packetsSent() {
      return simulation.packetsSent;
    },
    get sets() {
      return simulation.sets;
    },
    log: simulation.log,
    requests: (device) => find(device).requests,
    webRequests: (device) => [find(device).web, find(device).webTls].flatMap((server) => server?.log ?? []),
    setFaults: (device, faults) => {
      find(device).faults = armFaults(faults);
    },
    setObjects: (name, objects) => changeObjects(find(name).device, objects),
    removeObjects: (name, under) => {
      const { device } = find(name);
      device.contexts.set("", device.contexts.get("")!.filtered((oid) => !isUnder(oid, under)));
    },
    [Symbol.asyncDispose]: () => close(simulation),
  };
}

async function open({ options, random, running, byName }: Simulation, one: DeviceOptions): Promise<void> {
  const device = deviceOf(one);
  const socket = await bind(device, options.reuseAddress ?? false);
  device.port = (socket.addr as Deno.NetAddr).port;
  const engine = createUsmEngine(device, random);
  const entry: Running = { device, socket, faults: armFaults(device.faults), engine, requests: 0 };
  running.push(entry);
  for (const key of [device.name, device.address, `${device.address}:${device.port}`]) {
    if (!byName.has(key)) byName.set(key, entry);
  }
  if (options.web !== undefined) await openWeb(entry, options.web);
}

function endpointOf({ device: { name, address, port }, web, webTls }: Running): Endpoint {
  return {
    name,
    address,
    port,
    ...(web === undefined ? {} : { web: web.origin }),
    ...(webTls === undefined ? {} : { webTls: webTls.origin }),
  };
}

/** A device without a Printer MIB is no printer, and has no page. */
async function openWeb(entry: Running, { port, tlsPort }: NonNullable<SimulatorOptions["web"]>): Promise<void> {
  const { name, address, contexts } = entry.device;
  const table = () => contexts.get("")!;
  if (!table().hasUnder("1.3.6.1.2.1.43")) return;
  const { startWebServer } = await import("./web_server.ts");
  if (port !== undefined) entry.web = await startWebServer({ address, port, table });
  if (tlsPort === undefined) return;
  const { createWebCertificate } = await import("./web_certificate.ts");
  const certificate = await createWebCertificate({ name, address });
  entry.webTls = await startWebServer({ address, port: tlsPort, table, certificate });
}

async function close({ stop, running, loops, late }: Simulation): Promise<void> {
  stop.abort();
  const pages = running.flatMap(({ web, webTls }) => [web, webTls]);
  await Promise.all(pages.map((page) => page?.[Symbol.asyncDispose]()));
  for (const { socket, stray } of running.splice(0)) {
    socket.close();
    stray?.close();
  }
  await Promise.all([...loops, ...late]);
}

async function serve(simulation: Simulation, entry: Running): Promise<void> {
  const { stop, late } = simulation;
  // Requests are small; what does not fit is cut and dropped as malformed.
  const buffer = new Uint8Array(4096);
  while (!stop.signal.aborted) {
    let packet: Uint8Array, from: Deno.Addr;
    try {
      [packet, from] = await entry.socket.receive(buffer);
    } catch (error) {
      if (stop.signal.aborted) return;
      throw error;
    }
    simulation.packetsReceived++;
    entry.requests++;
    const { answer, faults } = answerPacket(simulation, entry, packet, from as Deno.NetAddr);
    if (answer === undefined) continue;
    const sending = deliver(simulation, entry, { answer, faults, to: from });
    if (faults.length === 0) {
      await sending;
    } else {
      // A late answer must not hold up the next request.
      late.add(sending);
      sending.finally(() => late.delete(sending));
    }
  }
}

function deliver(
  simulation: Simulation,
  entry: Running,
  { answer, faults, to }: { answer: Uint8Array; faults: Fault[]; to: Deno.Addr },
): Promise<void> {
  const { random, clock, stop: { signal } } = simulation;
  return sendWithFaults(answer, {
    faults,
    random,
    clock,
    signal,
    async send(octets, astray) {
      if (signal.aborted) return;
      const socket = astray ? entry.stray ??= openStray(entry.device) : entry.socket;
      simulation.packetsSent++;
      await socket.send(octets, to);
    },
  });
}

function answerPacket(simulation: Simulation, entry: Running, packet: Uint8Array, from: Deno.NetAddr) {
  const { options, clock, random, log } = simulation;
  const { device } = entry;
  const silence = { answer: undefined, faults: [] as Fault[] };
  const message = maybeMessage(packet);
  if (message === undefined) return silence;
  const version = message.version === 0 ? "1" : message.version === 1 ? "2c" : "3";
  if (!device.versions.has(version)) return silence;
  const elapsedMs = clock.now() - simulation.startedAt;
  let faults: Fault[] = [];
  // The request is only known once it is decrypted, so the agent asks back which faults are due.
  function decide(pdu: Pdu | undefined): Fault[] {
    if (pdu?.type === 0xa3) simulation.sets++;
    if (options.log) log.push(logged(device, { from, atMs: clock.now() }, version, pdu));
    return faults = dueFaults(entry.faults, pdu, random);
  }
  const common = {
    ...(device.upTimeSeconds === undefined
      ? {}
      : { upTimeTicks: Math.floor(device.upTimeSeconds * 100 + elapsedMs / 10) % 0x100000000 }),
    maxMessageSize: device.maxMessageSize,
  };
  if (message.version === 3) {
    const answer = maybeUsmAnswer(packet, message, { engine: entry.engine, elapsedMs, decide, ...common });
    return { answer, faults };
  }
  if (!device.communities.has(latin1(message.community))) return silence;
  const view = { table: device.contexts.get("")!, faults: decide(message.pdu), ...common };
  return { answer: maybeCommunityAnswer(message, view), faults };
}

function findDevice({ byName }: Simulation, name: string): Running {
  const entry = byName.get(name);
  if (entry === undefined) throw new RangeError(`Cannot find a simulated device: current value is "${name}"`);
  return entry;
}

function changeObjects(device: Device, objects: Iterable<Varbind>): void {
  device.contexts.set("", device.contexts.get("")!.merged(ObjectTable.from(objects)));
}

function maybeMessage(packet: Uint8Array): SnmpMessage | undefined {
  try {
    return decodeMessage(packet);
  } catch (error) {
    // Agents drop what they cannot parse (RFC 3412 section 7.2), without a word.
    if (error instanceof BerSyntaxError) return undefined;
    throw error;
  }
}

function logged(
  device: Device,
  { from, atMs }: { from: Deno.NetAddr; atMs: number },
  version: "1" | "2c" | "3",
  pdu: Pdu | undefined,
): LoggedRequest {
  const entry: LoggedRequest = { device: device.name, from: `${from.hostname}:${from.port}`, atMs, version, oids: [] };
  if (pdu === undefined) return entry;
  entry.type = pdu.type;
  entry.oids = pdu.varbinds.map((varbind) => varbind.oid);
  if (pdu.type === 0xa5) entry.maxRepetitions = pdu.errorIndex;
  return entry;
}

/** A socket that was just closed may still be held by its last receive, so an address in use is tried again for 2 s. */
async function bind(
  device: Pick<Device, "name" | "address" | "port">,
  reuseAddress: boolean,
  triesLeft = 40,
): Promise<Deno.DatagramConn> {
  const { name, address, port } = device;
  try {
    return Deno.listenDatagram({ transport: "udp", hostname: address, port, reuseAddress });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse && triesLeft > 0) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return await bind(device, reuseAddress, triesLeft - 1);
    }
    const hint = error instanceof Deno.errors.PermissionDenied
      ? "ports below 1024 need CAP_NET_BIND_SERVICE"
      : "another simulator may be running";
    const message = `Cannot listen as ${name}: ${address} port ${port} is refused: ${messageOf(error)}`;
    throw new UnavailableError(message, hint, 0, { cause: error });
  }
}

function openStray(device: Device): Deno.DatagramConn {
  return Deno.listenDatagram({ transport: "udp", hostname: siblingAddress(device.address), port: 0 });
}

function latin1(octets: Uint8Array): string {
  return String.fromCharCode(...octets);
}
