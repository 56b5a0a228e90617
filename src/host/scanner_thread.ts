/** A scanner in its sealed thread: opens its sockets, gives up the right to open more, and answers the supervisor. */
import "./seal_imports.ts";
import { systemClock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import { createSendGate } from "../scan/send_gate.ts";
import { type Scanner, startScanner } from "../scan/scanner.ts";
import type { FromScanner, ScannerConfig, ToScanner } from "../scan/worker_messages.ts";
import { type DatagramHub, startDatagramHub } from "../snmp/datagram_hub.ts";
import { openScannerPorts, type ScannerPorts } from "./scanner_ports.ts";

/** The worker's own global scope; the library types of the main thread do not know its `postMessage`. */
const scope = globalThis as unknown as { postMessage(message: FromScanner): void };

let ports: ScannerPorts | undefined;
let hub: DatagramHub | undefined;
let scanner: Scanner | undefined;

function start(config: ScannerConfig, furtherSockets?: number): void {
  const gate = createSendGate(config.window, systemClock);
  const { ipv4, ipv6, openMore } = ports = openScannerPorts(config.space, furtherSockets);
  hub = startDatagramHub({
    ipv4: ipv4 && gate.guard(ipv4),
    ipv6: ipv6 && gate.guard(ipv6),
    openMore(family) {
      const port = openMore(family);
      return port && gate.guard(port);
    },
  });
  scanner = startScanner(config, { hub, gate, clock: systemClock, post: (message) => scope.postMessage(message) });
  scope.postMessage({ type: "ready" });
}

async function stop(options: { atOnce: boolean }): Promise<void> {
  await scanner?.stop(options);
  await hub?.close();
  ports?.closeRest();
  scope.postMessage({ type: "stopped" });
}

// Told as a message, so that a defect ends in one sentence of the supervisor and not in a stack trace on the screen.
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
