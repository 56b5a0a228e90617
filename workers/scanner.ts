/** Thread entry of a scanner: opens its sockets inside its sandbox, hands messages to the scanner, nothing else. */
import { systemClock } from "../src/core/clock.ts";
import { messageOf } from "../src/core/errors.ts";
import { maybeUdpPort, openUdpPort } from "../src/host/udp_port.ts";
import { createSendGate } from "../src/scanner/send_gate.ts";
import { startScanner } from "../src/scanner/scanner.ts";
import type { Scanner } from "../src/scanner/scanner.ts";
import type { FromScanner, ScannerConfig, ToScanner } from "../src/scanner/worker_messages.ts";
import { startDatagramHub } from "../src/snmp/datagram_hub.ts";
import type { DatagramHub } from "../src/snmp/datagram_hub.ts";

/** The worker's own global scope; the library types of the main thread do not know its `postMessage`. */
const scope = globalThis as unknown as {
  postMessage(message: FromScanner): void;
  onmessage: ((event: MessageEvent<ToScanner>) => void) | null;
};

let hub: DatagramHub | undefined;
let scanner: Scanner | undefined;

function start(config: ScannerConfig, furtherSockets = Infinity): void {
  const has = (family: 4 | 6) => config.space.segments.some((segment) => segment.family === family);
  const gate = createSendGate(config.window, systemClock);
  hub = startDatagramHub({
    ipv4: has(4) ? gate.guard(openUdpPort(4)) : undefined,
    ipv6: has(6) ? gate.guard(openUdpPort(6)) : undefined,
    openMore(family) {
      if (furtherSockets-- < 1) return undefined;
      const port = maybeUdpPort(family);
      return port === undefined ? undefined : gate.guard(port);
    },
  });
  scanner = startScanner(config, { hub, gate, clock: systemClock, post: (message) => scope.postMessage(message) });
  scope.postMessage({ type: "ready" });
}

async function stop(options: { atOnce: boolean }): Promise<void> {
  await scanner?.stop(options);
  await hub?.close();
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

scope.onmessage = ({ data }) => {
  try {
    if (data.type === "start") start(data.config, data.furtherSockets);
    else if (data.type === "shard") scanner?.take(data.shard);
    else if (data.type === "last") scanner?.last();
    else void stop(data);
  } catch (error) {
    scope.postMessage({ type: "failed", code: "start", message: messageOf(error) });
  }
};
