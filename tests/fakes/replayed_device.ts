/** A device behind a hub without a network: it answers at once, from a table, unless the network loses something. */
import { type CommunityMessage, decodeMessage } from "../../src/snmp/message.ts";
import type { DatagramHub, DatagramListener } from "../../src/snmp/datagram_hub.ts";
import { maybeCommunityAnswer } from "../../simulator/community_agent.ts";
import type { ObjectTable } from "../../simulator/object_table.ts";

export interface ReplayedDevice {
  hub: DatagramHub;
  target: { address: string; port: number };
  /** Octets of each answer that the device sent. */
  answers: number[];
  /** Requests as they arrived. */
  requests: CommunityMessage[];
}

export interface Network {
  /** Whether a request or an answer is lost. */
  loses?: (octets: number, what: "request" | "answer") => boolean;
  /** Octets of the largest answer that the device makes: it cuts a GetBulk, and calls another answer too big. */
  maxMessageSize?: number;
  /** It answers one of them alone. */
  speaks?: "1" | "2c";
}

export function replayDevice(table: ObjectTable, network: Network = {}): ReplayedDevice {
  const { loses = () => false, maxMessageSize = 65_507, speaks } = network;
  const target = { address: "192.0.2.1", port: 161 };
  const listeners = new Set<DatagramListener>();
  const answers: number[] = [];
  const requests: CommunityMessage[] = [];
  const hub: DatagramHub = {
    send(bytes) {
      const message = decodeMessage(bytes);
      if (message.version === 3 || loses(bytes.length, "request")) return Promise.resolve();
      requests.push(message);
      if (speaks !== undefined && message.version !== (speaks === "1" ? 0 : 1)) return Promise.resolve();
      const answer = maybeCommunityAnswer(message, { table, maxMessageSize, faults: [] });
      if (answer === undefined) return Promise.resolve();
      answers.push(answer.length);
      if (loses(answer.length, "answer")) return Promise.resolve();
      queueMicrotask(() => listeners.forEach((listener) => listener(answer, target.address, target.port)));
      return Promise.resolve();
    },
    listenTo(_address, _port, listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    probe: () => Promise.reject(new Error("nobody sweeps here")),
    setSweep() {},
    counters: { sent: 0, received: 0, stray: 0 },
    close: () => Promise.resolve(),
  };
  return { hub, target, answers, requests };
}
