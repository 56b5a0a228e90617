/**
 * One conversation with one device: v3 by usm_session.ts; v1 and v2c here, with our own codec, which accepts what real
 * devices send (unsigned values without their leading zero).
 *
 * Each datagram of v1 and v2c has its own request-id, also if it is a repetition: so the first answer to any copy counts,
 * however late, and each answer has an exact round trip (Karn's rule never has to discard one).
 */
import { type Clock, systemClock } from "../../common/core/clock.ts";
import type { CommunityCredential, Credential } from "./credential.ts";
import type { DatagramHub } from "./datagram_hub.ts";
import { type Patience, triesOf } from "./session_tries.ts";
import type { openUsmSession } from "./usm_session.ts";
import type { Varbind } from "./value.ts";
import { BerSyntaxError } from "./ber.ts";
import { decodeMessage, ErrorStatus, type Pdu, PduType, type SnmpMessage } from "./message.ts";
import { requestEncoder, type RequestFields } from "./request_template.ts";
import { startSending } from "./retransmit.ts";
import { createRequests, oneForEach, type OpenRequest, type SessionRequests } from "./session_requests.ts";
import { agentError } from "./snmp_error.ts";

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

/** Request-ids are positive and have four octets, as strict agents require. */
const firstId = 0x01000000, lastId = 0x7effffff;

interface CommunitySession {
  hub: DatagramHub;
  target: { address: string; port: number };
  options: SessionOptions;
  clock: Clock;
  encode: (fields: RequestFields) => Uint8Array;
  requests: SessionRequests<Pdu>;
  /** Datagrams without an answer, by request-id. */
  sent: Map<number, { atMs: number; request: OpenRequest<Pdu> }>;
  nextId: number;
  /** Datagrams since the last answer: the waits double with them (RFC 6298 section 5.5). */
  unanswered: number;
  /** Stops retransmissions of the open request. */
  stopSending: () => void;
}

/** Opens a session. What is sent and received goes through the hub. */
function openCommunitySession(
  hub: DatagramHub,
  target: { address: string; port: number },
  credential: CommunityCredential,
  options: SessionOptions & { version?: "1" | "2c" },
): SnmpSession {
  const { version = "2c", clock = systemClock } = options;
  const community = new TextEncoder().encode(credential.community.reveal());
  const requests = createRequests<Pdu>(target.address, () => session.stopSending());
  const session: CommunitySession = {
    hub,
    target,
    options,
    clock,
    encode: requestEncoder(version === "1" ? 0 : 1, community),
    requests,
    sent: new Map(),
    nextId: firstId + Math.floor(Math.random() * (lastId - firstId)),
    unanswered: 0,
    stopSending: () => {},
  };
  const stopListening = hub.listenTo(target.address, target.port, (bytes) => accept(session, bytes));
  return {
    version,
    get: (oids, patience = "long") => askEach(session, PduType.get, oids, patience),
    getNext: (oids, patience = "long") => askEach(session, PduType.getNext, oids, patience),
    async getBulk(oids, nonRepeaters, maxRepetitions, patience = "long") {
      const varbinds = await ask(session, { type: PduType.getBulk, nonRepeaters, maxRepetitions, oids }, patience);
      return toLists(varbinds, oids.length, nonRepeaters, maxRepetitions);
    },
    engineId: () => null,
    overheadOctets: overhead + community.length,
    get malformed() {
      return requests.counters.malformed;
    },
    get requests() {
      return requests.counters.requests;
    },
    get answers() {
      return requests.counters.answers;
    },
    close() {
      stopListening();
      session.sent.clear();
      requests.close();
    },
  };
}

/** True if the datagram is an answer for this session, valid or not. */
function accept(session: CommunitySession, bytes: Uint8Array): boolean {
  const { requests, sent, options, clock } = session;
  let message: SnmpMessage;
  try {
    message = decodeMessage(bytes);
  } catch (error) {
    if (!(error instanceof BerSyntaxError)) throw error;
    requests.counters.malformed++;
    return true;
  }
  if (message.version === 3 || message.pdu.type !== PduType.response) return false;
  const asked = sent.get(message.pdu.requestId);
  if (asked === undefined) return false;
  sent.delete(message.pdu.requestId);
  requests.counters.answers++;
  session.unanswered = 0;
  // The answer to an abandoned request also shows the device's round trip.
  options.onAnswer?.(clock.monotonicMs() - asked.atMs);
  requests.succeed(asked.request, message.pdu);
  return true;
}

async function ask(
  session: CommunitySession,
  question: Omit<RequestFields, "requestId">,
  patience: Patience,
): Promise<Varbind[]> {
  const { hub, target, options, clock, requests, sent } = session;
  const request = requests.begin();
  session.stopSending = startSending({
    send: (sentBefore) => {
      if (sentBefore > 0) options.onRetransmit?.();
      const requestId = session.nextId;
      session.nextId = requestId === lastId ? firstId : requestId + 1;
      sent.set(requestId, { atMs: clock.monotonicMs(), request });
      session.unanswered++;
      return hub.send(session.encode({ ...question, requestId }), target.address, target.port);
    },
    tries: triesOf(patience, { retries: options.retries, hasAnswered: requests.counters.answers > 0 }),
    waitMs: () => options.timeoutMs(session.unanswered - 1),
    pace: options.pace,
    onSilence: requests.onSilence,
    onRefused: requests.onRefused,
    clock,
  });
  const answer = await request.answer;
  if (answer.errorStatus === ErrorStatus.noError) return answer.varbinds;
  throw agentError(answer.errorStatus, answer.errorIndex, target.address);
}

async function askEach(
  session: CommunitySession,
  type: number,
  oids: readonly string[],
  patience: Patience,
): Promise<Varbind[]> {
  const varbinds = await ask(session, { type, nonRepeaters: 0, maxRepetitions: 0, oids }, patience);
  return oneForEach(oids, varbinds, session.target.address);
}

/**
 * Maximum octets of sequence, version, tag and length of the community, PDU, request-id, error-status and -index, list.
 */
const overhead = 4 + 3 + 2 + 4 + 6 + 3 + 4 + 4;

/** Sorts the varbinds of a GetBulk answer by the OID they answer (RFC 3416 section 4.2.3); a cut answer is normal. */
function toLists(varbinds: Varbind[], oids: number, nonRepeaters: number, maxRepetitions: number): Varbind[][] {
  const lists: Varbind[][] = [];
  for (let i = 0; i < oids; i++) lists.push([]);
  const most = nonRepeaters + (oids - nonRepeaters) * maxRepetitions;
  let at = 0;
  for (let i = 0; i < varbinds.length && i < most; i++) {
    lists[at++]!.push(varbinds[i]!);
    if (at === oids) at = nonRepeaters;
  }
  return lists;
}
