/** A scanner thread with one bad address: sending to 127.94.0.7 kills the thread, sending to 127.94.1.7 makes it hang. */
import { systemClock } from "../../common/core/clock.ts";
import { openUdpPort } from "../../src/host/udp_port.ts";
import { createSendGate } from "../../src/scan/send_gate.ts";
import { type Scanner, startScanner } from "../../src/scan/scanner.ts";
import { encodeForPost, type PostedByScanner, type ToScanner } from "../../src/scan/worker_messages.ts";
import { startDatagramHub } from "../../src/snmp/datagram_hub.ts";

const scope = globalThis as unknown as {
  postMessage(message: PostedByScanner): void;
  onmessage: ((event: MessageEvent<ToScanner>) => void) | null;
};
const hub = startDatagramHub({ ipv4: openUdpPort(4), ipv6: undefined });
const poisoned: typeof hub = {
  ...hub,
  counters: hub.counters,
  probe(datagrams, onRefused) {
    const isSentTo = (wanted: string) => datagrams.some(({ address }) => address === wanted);
    if (isSentTo("127.94.0.7")) {
      queueMicrotask(() => {
        throw new Error("poisoned");
      });
    }
    while (isSentTo("127.94.1.7"));
    return hub.probe(datagrams, onRefused);
  },
};
let scanner: Scanner | undefined;

scope.onmessage = async ({ data }) => {
  if (data.type === "start") {
    scanner = startScanner(data.config, {
      hub: poisoned,
      gate: createSendGate(undefined, systemClock),
      clock: systemClock,
      post: (message) => scope.postMessage(encodeForPost(message)),
    });
    scope.postMessage({ type: "ready" });
  } else if (data.type === "shard") scanner?.take(data.shard);
  else if (data.type === "last") scanner?.last();
  else {
    await scanner?.stop(data);
    await hub.close();
    scope.postMessage({ type: "stopped" });
  }
};
