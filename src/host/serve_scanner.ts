/** A scanner with sockets of its own, which serves the supervisor. */
import { systemClock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import { createSendGate } from "../scan/send_gate.ts";
import { type Scanner, startScanner } from "../scan/scanner.ts";
import { encodeForPost, type PostedByScanner, type ScannerConfig, type ToScanner } from "../scan/worker_messages.ts";
import { type DatagramHub, type DatagramPort, startDatagramHub } from "../snmp/datagram_hub.ts";
import { maxProbeSockets } from "../snmp/probe_sockets.ts";
import type { AddressSpace } from "../targets/address_space.ts";

export interface ScannerServiceParts {
  /** Opens a client socket. */
  openPort(family: 4 | 6): DatagramPort;
  post(message: PostedByScanner): void;
  /** Called when all sockets are open. */
  onOpened(): void;
}

/** Returns what takes the messages to the scanner. */
export function serveScanner({ openPort, post, onOpened }: ScannerServiceParts): (message: ToScanner) => void {
  let ports: ScannerPorts | undefined;
  let hub: DatagramHub | undefined;
  let scanner: Scanner | undefined;

  function start(config: ScannerConfig, furtherSockets?: number): void {
    const gate = createSendGate(config.window, systemClock);
    const { ipv4, ipv6, moreSessions, openMore } = ports = openScannerPorts(config.space, { openPort, furtherSockets });
    onOpened();
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
      post: (message) => post(encodeForPost(message)),
      sessionSockets: 1 + Math.max(moreSessions[4].length, moreSessions[6].length),
    });
    post({ type: "ready" });
  }

  async function stop(options: { atOnce: boolean }): Promise<void> {
    await scanner?.stop(options);
    await hub?.close();
    ports?.closeRest();
    post({ type: "stopped" });
  }

  return (message) => {
    try {
      if (message.type === "start") start(message.config, message.furtherSockets);
      else if (message.type === "shard") scanner?.take(message.shard);
      else if (message.type === "last") scanner?.last();
      else void stop(message);
    } catch (error) {
      post({ type: "failed", code: "start", message: messageOf(error) });
    }
  };
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

/** Opens as many sockets as the sweep of `space` may need, at most `furtherSockets` in addition to one per family. */
function openScannerPorts(
  space: AddressSpace,
  { openPort, furtherSockets = Infinity }: Pick<ScannerServiceParts, "openPort"> & {
    furtherSockets?: number | undefined;
  },
): ScannerPorts {
  const sizes = { 4: 0, 6: 0 };
  for (const { family, count } of space.segments) sizes[family] += count;
  const ipv4 = openFamily(() => openPort(4), { size: sizes[4], furtherSockets });
  const left = furtherSockets - ipv4.more.length - ipv4.sessions.length;
  const ipv6 = openFamily(() => openPort(6), { size: sizes[6], furtherSockets: left });
  const ports = { 4: ipv4, 6: ipv6 };
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
  open: () => DatagramPort,
  { size, furtherSockets }: { size: number; furtherSockets: number },
): FamilyPorts {
  if (size === 0) return { first: undefined, more: [], sessions: [] };
  const first = open();
  const more = openSeveral(open, Math.min(furtherSockets, maxProbeSockets, Math.ceil(size / addressesPerSocket)));
  const further = Math.min(maxFurtherSessions, Math.ceil(size / devicesPerSocket) - 1);
  const sessions = openSeveral(open, Math.min(furtherSockets - more.length, further));
  return { first, more, sessions };
}

/** As many as the system provides: with fewer a scan continues more slowly. */
function openSeveral(open: () => DatagramPort, wanted: number): DatagramPort[] {
  const opened: DatagramPort[] = [];
  try {
    while (opened.length < wanted) opened.push(open());
  } catch {
    // The first one is there.
  }
  return opened;
}
