/**
 * v1 and v2c through our own codec, which reads what devices really send (unsigned values without their leading zero).
 *
 * Each datagram has a request-id of its own, also when it repeats a question: so the first answer counts, however late
 * and to whichever copy, and each answer tells exactly how long it took (Karn's rule never has to throw one away).
 */
import type { CommunityCredential } from "./credential.ts";
import { messageOf } from "../../common/core/errors.ts";
import { systemClock } from "../../common/core/clock.ts";
import { BerSyntaxError } from "./ber.ts";
import type { DatagramHub } from "./datagram_hub.ts";
import { decodeMessage, ErrorStatus, type Pdu, PduType, type SnmpMessage } from "./message.ts";
import { requestEncoder, type RequestFields } from "./request_template.ts";
import { startSending } from "./retransmit.ts";
import { agentError, SnmpError } from "./snmp_error.ts";
import type { SessionOptions, SnmpSession } from "./session.ts";
import { type Patience, triesOf } from "./session_tries.ts";
import type { Varbind } from "./value.ts";

/** Request-ids are positive and of four octets, as strict agents want. */
const firstId = 0x01000000, lastId = 0x7effffff;

interface OpenRequest {
  resolve(pdu: Pdu): void;
  reject(error: Error): void;
  /** Ends sending and waiting. */
  stop: () => void;
}

/** Opens a session. What is sent and received goes through the hub. */
export function openCommunitySession(
  hub: DatagramHub,
  target: { address: string; port: number },
  credential: CommunityCredential,
  options: SessionOptions & { version?: "1" | "2c" },
): SnmpSession {
  const { version = "2c", clock = systemClock } = options;
  const community = new TextEncoder().encode(credential.community.reveal());
  const encode = requestEncoder(version === "1" ? 0 : 1, community);
  /** Of each datagram whose answer has not come. */
  const sent = new Map<number, { atMs: number; request: OpenRequest }>();
  let nextId = firstId + Math.floor(Math.random() * (lastId - firstId));
  let open: OpenRequest | undefined;
  let isClosed = false;
  let malformed = 0, requests = 0, answers = 0;
  /** Datagrams since the last answer: the waits double with them (RFC 6298 section 5.5). */
  let unanswered = 0;

  const stopListening = hub.listenTo(target.address, target.port, (bytes) => {
    let message: SnmpMessage;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      if (!(error instanceof BerSyntaxError)) throw error;
      malformed++;
      return true;
    }
    if (message.version === 3 || message.pdu.type !== PduType.response) return false;
    const asked = sent.get(message.pdu.requestId);
    if (asked === undefined) return false;
    sent.delete(message.pdu.requestId);
    answers++;
    unanswered = 0;
    // Also the answer to a question that was given up tells how long this device takes.
    options.onAnswer?.(clock.monotonicMs() - asked.atMs);
    settle(asked.request, (request) => request.resolve(message.pdu));
    return true;
  });

  function settle(request: OpenRequest, how: (request: OpenRequest) => void): void {
    if (open !== request) return;
    open = undefined;
    request.stop();
    how(request);
  }

  async function ask(question: Omit<RequestFields, "requestId">, patience: Patience): Promise<Varbind[]> {
    if (open !== undefined) throw new RangeError("Cannot send two requests at once in one session");
    if (isClosed) throw closedError();
    requests++;
    const { promise, resolve, reject } = Promise.withResolvers<Pdu>();
    const request: OpenRequest = { resolve, reject, stop: () => {} };
    open = request;
    request.stop = startSending({
      send: (sentBefore) => {
        if (sentBefore > 0) options.onRetransmit?.();
        const requestId = nextId;
        nextId = nextId === lastId ? firstId : nextId + 1;
        sent.set(requestId, { atMs: clock.monotonicMs(), request });
        unanswered++;
        return hub.send(encode({ ...question, requestId }), target.address, target.port);
      },
      tries: triesOf(patience, { retries: options.retries, hasAnswered: answers > 0 }),
      waitMs: () => options.timeoutMs(unanswered - 1),
      pace: options.pace,
      onSilence: () => {
        settle(request, () => reject(new SnmpError("timeout", `${target.address} did not answer in time`)));
      },
      onRefused: (error) => {
        settle(request, () => reject(new SnmpError("unreachable", messageOf(error), {}, { cause: error })));
      },
      clock,
    });
    const answer = await promise;
    if (answer.errorStatus === ErrorStatus.noError) return answer.varbinds;
    throw agentError(answer.errorStatus, answer.errorIndex, target.address);
  }

  async function askEach(type: number, oids: readonly string[], patience: Patience): Promise<Varbind[]> {
    const varbinds = await ask({ type, nonRepeaters: 0, maxRepetitions: 0, oids }, patience);
    if (varbinds.length !== oids.length) {
      throw new SnmpError("malformed", `${target.address} answered ${varbinds.length} of ${oids.length} values`);
    }
    return varbinds;
  }

  function closedError(): SnmpError {
    return new SnmpError("closed", `The session with ${target.address} was closed`);
  }

  return {
    version,
    get: (oids, patience = "long") => askEach(PduType.get, oids, patience),
    getNext: (oids, patience = "long") => askEach(PduType.getNext, oids, patience),
    async getBulk(oids, nonRepeaters, maxRepetitions, patience = "long") {
      const varbinds = await ask({ type: PduType.getBulk, nonRepeaters, maxRepetitions, oids }, patience);
      return toLists(varbinds, oids.length, nonRepeaters, maxRepetitions);
    },
    engineId: () => null,
    overheadOctets: overhead + community.length,
    get malformed() {
      return malformed;
    },
    get requests() {
      return requests;
    },
    get answers() {
      return answers;
    },
    close() {
      isClosed = true;
      stopListening();
      sent.clear();
      if (open !== undefined) settle(open, (request) => request.reject(closedError()));
    },
  };
}

/** Sequence, version, tag and length of the community, PDU, request-id, error-status and -index, list: at most. */
const overhead = 4 + 3 + 2 + 4 + 6 + 3 + 4 + 4;

/** Sorts the varbinds of a GetBulk answer by the OID they answer (RFC 3416 section 4.2.3); a cut answer is normal. */
function toLists(varbinds: Varbind[], oids: number, nonRepeaters: number, maxRepetitions: number): Varbind[][] {
  const lists: Varbind[][] = Array.from({ length: oids }, () => []);
  const repeaters = oids - nonRepeaters;
  const most = nonRepeaters + repeaters * maxRepetitions;
  for (let i = 0; i < varbinds.length && i < most; i++) {
    const at = i < nonRepeaters ? i : nonRepeaters + (i - nonRepeaters) % repeaters;
    lists[at]!.push(varbinds[i]!);
  }
  return lists;
}
