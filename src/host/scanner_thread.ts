/** A scanner in its sealed thread: opens its sockets, drops the permission to open more, and serves the supervisor. */
import "./seal_imports.ts";
import { systemClock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import { createSendGate } from "../scan/send_gate.ts";
import { type Scanner, startScanner } from "../scan/scanner.ts";
import { encodeForPost, type PostedByScanner, type ScannerConfig, type ToScanner } from "../scan/worker_messages.ts";
import { type DatagramHub, type DatagramPort, startDatagramHub } from "../snmp/datagram_hub.ts";
import { maxProbeSockets } from "../snmp/probe_sockets.ts";
import type { AddressSpace } from "../targets/address_space.ts";
import { maybeUdpPort, openUdpPort } from "./udp_port.ts";

/** The worker's own global scope; the library types of the main thread do not know its `postMessage`. */
const scope = globalThis as unknown as { postMessage(message: PostedByScanner): void };

let ports: ScannerPorts | undefined;
let hub: DatagramHub | undefined;
let scanner: Scanner | undefined;

function start(config: ScannerConfig, furtherSockets?: number): void {
  const gate = createSendGate(config.window, systemClock);
  const { ipv4, ipv6, moreSessions, openMore } = ports = openScannerPorts(config.space, furtherSockets);
  hub = startDatagramHub({
    ipv4: ipv4 && gate.guard(ipv4),
    ipv6: ipv6 && gate.guard(ipv6),
    moreSessions: { 4: moreSessions[4].map(gate.guard), 6: moreSessions[6].map(gate.guard) },
    openMore(family) {
      const port = openMore(family);
      return port && gate.guard(port);
    },
  });
  scanner = startScanner(config, {
    hub,
    gate,
    clock: systemClock,
    post: (message) => scope.postMessage(encodeForPost(message)),
    sessionSockets: 1 + Math.max(moreSessions[4].length, moreSessions[6].length),
  });
  scope.postMessage({ type: "ready" });
}

async function stop(options: { atOnce: boolean }): Promise<void> {
  await scanner?.stop(options);
  await hub?.close();
  ports?.closeRest();
  scope.postMessage({ type: "stopped" });
}

// Sent as a message, so that the supervisor reports a defect in one sentence instead of a stack trace on the screen.
globalThis.addEventListener("error", (event) => {
  event.preventDefault();
  scope.postMessage({ type: "failed", code: "bug", message: event.message });
});
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  scope.postMessage({ type: "failed", code: "bug", message: messageOf(event.reason) });
});

export function onMessage({ data }: MessageEvent<ToScanner>): void {
  try {
    if (data.type === "start") start(data.config, data.furtherSockets);
    else if (data.type === "shard") scanner?.take(data.shard);
    else if (data.type === "last") scanner?.last();
    else void stop(data);
  } catch (error) {
    scope.postMessage({ type: "failed", code: "start", message: messageOf(error) });
  }
}

interface ScannerPorts {
  ipv4: DatagramPort | undefined;
  ipv6: DatagramPort | undefined;
  /** Further sockets of the sessions. */
  moreSessions: { 4: DatagramPort[]; 6: DatagramPort[] };
  /** A socket that was opened for the sweep; undefined if all are in use. */
  openMore(family: 4 | 6): DatagramPort | undefined;
  /** Closes the unused sockets. */
  closeRest(): void;
}

/** Addresses per socket of a sweep: one socket can queue up to eight datagrams to each of them. */
const addressesPerSocket = 32;
/** Devices per socket of the sessions, and the maximum number of further sockets. */
const devicesPerSocket = 48;
const maxFurtherSessions = 3;

/**
 * Opens as many sockets as the sweep of `space` may need, at most `furtherSockets` in addition to one per family, then
 * drops the permission to bind, which would allow listening on TCP as well. Open sockets can still send.
 */
function openScannerPorts(space: AddressSpace, furtherSockets = Infinity): ScannerPorts {
  const sizes = { 4: 0, 6: 0 };
  for (const { family, count } of space.segments) sizes[family] += count;
  const ipv4 = openFamily(4, { size: sizes[4], furtherSockets });
  const left = furtherSockets - ipv4.more.length - ipv4.sessions.length;
  const ipv6 = openFamily(6, { size: sizes[6], furtherSockets: left });
  const ports = { 4: ipv4, 6: ipv6 };
  for (const host of ["0.0.0.0:0", "[::]:0"]) Deno.permissions.revokeSync({ name: "net", host });
  return {
    ipv4: ipv4.first,
    ipv6: ipv6.first,
    moreSessions: { 4: ipv4.sessions, 6: ipv6.sessions },
    openMore: (family) => ports[family].more.pop(),
    closeRest() {
      for (const port of [...ports[4].more, ...ports[6].more]) port.close();
    },
  };
}

interface FamilyPorts {
  first: DatagramPort | undefined;
  more: DatagramPort[];
  sessions: DatagramPort[];
}

function openFamily(
  family: 4 | 6,
  { size, furtherSockets }: { size: number; furtherSockets: number },
): FamilyPorts {
  if (size === 0) return { first: undefined, more: [], sessions: [] };
  const first = openUdpPort(family);
  const more = openSeveral(family, Math.min(furtherSockets, maxProbeSockets, Math.ceil(size / addressesPerSocket)));
  const further = Math.min(maxFurtherSessions, Math.ceil(size / devicesPerSocket) - 1);
  const sessions = openSeveral(family, Math.min(furtherSockets - more.length, further));
  return { first, more, sessions };
}

function openSeveral(family: 4 | 6, wanted: number): DatagramPort[] {
  const opened: DatagramPort[] = [];
  while (opened.length < wanted) {
    const port = maybeUdpPort(family);
    if (port === undefined) break;
    opened.push(port);
  }
  return opened;
}
