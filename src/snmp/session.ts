/** One conversation with one device: v1 and v2c by community_session.ts, v3 by usm_session.ts. */
import type { Clock } from "../../common/core/clock.ts";
import type { Credential } from "./credential.ts";
import { openCommunitySession } from "./community_session.ts";
import type { DatagramHub } from "./datagram_hub.ts";
import type { Patience } from "./session_tries.ts";
import type { openUsmSession } from "./usm_session.ts";
import type { Varbind } from "./value.ts";

export type SnmpVersion = "1" | "2c" | "3";

export { SnmpError } from "./snmp_error.ts";
export type { SnmpFailure } from "./snmp_error.ts";

/** One request at a time. */
export interface SnmpSession {
  readonly version: SnmpVersion;
  /** One varbind for each OID, "no such" exceptions included. Default: long timeouts. */
  get(oids: readonly string[], patience?: Patience): Promise<Varbind[]>;
  getNext(oids: readonly string[], patience?: Patience): Promise<Varbind[]>;
  /** One list for each OID: one varbind for a non-repeater, up to `maxRepetitions` for the others. */
  getBulk(oids: string[], nonRepeaters: number, maxRepetitions: number, patience?: Patience): Promise<Varbind[][]>;
  /** Hexadecimal snmpEngineID; null until it is known (v3). */
  engineId(): string | null;
  /** Maximum octets of a message around its variable bindings. */
  readonly overheadOctets: number;
  /** Datagrams from this device that were dropped because they were malformed or not secured as asked. */
  readonly malformed: number;
  readonly requests: number;
  /** Datagrams that answered one of its requests, without those of engine discovery. */
  readonly answers: number;
  close(): void;
}

export interface SessionOptions {
  /** Milliseconds to wait for an answer, after `unanswered` datagrams without one. */
  timeoutMs: (unanswered: number) => number;
  /** Retransmissions after the first send. */
  retries: number;
  /** An answer has arrived; with its round trip in milliseconds, if it is certain which datagram it answers. */
  onAnswer?: (ms: number | undefined) => void;
  onRetransmit?: () => void;
  /** Awaited before each datagram. */
  pace: () => Promise<void> | undefined;
  /** Default: the machine's. */
  clock?: Clock;
}

let openUsm: typeof openUsmSession | undefined;

/** Makes sessions of v3 possible. Without it net-snmp is not loaded, which takes time and memory of each thread. */
export function enableUsm(open: typeof openUsmSession): void {
  openUsm = open;
}

/** Opens a session; `version` is ignored for a USM credential, which is always v3. */
export function openSession(
  hub: DatagramHub,
  target: { address: string; port: number },
  credential: Credential,
  options: SessionOptions & { version?: "1" | "2c" },
): SnmpSession {
  if (credential.kind !== "usm") return openCommunitySession(hub, target, credential, options);
  if (openUsm === undefined) {
    throw new RangeError("Cannot open a session of SNMPv3 as it is not enabled in this thread");
  }
  return openUsm(hub, target, credential, options);
}
