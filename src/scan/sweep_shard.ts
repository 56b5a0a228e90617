/**
 * The sweep of one shard: a slice of the shuffled address space, asked in rounds.
 *
 * An id belongs to one address of the shard for the whole sweep (`firstId` + position), so an answer to any round
 * counts, however late, and an answer counts only when it comes from the very address and port that the id was sent to.
 *
 * Round 1 sends the first choice of every credential, round 2 asks silent addresses with the second choice (the other
 * SNMP version). Further rounds repeat these while the previous round still found devices, or while the measured loss
 * suggests missing ones: a clean network is asked twice, a lossy one more often.
 */
import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import { withoutZone } from "../../common/core/ip.ts";
import { BerSyntaxError } from "../snmp/ber.ts";
import type { Datagram } from "../snmp/datagram_hub.ts";
import { decodeMessage, PduType, type SnmpMessage } from "../snmp/message.ts";
import { createProbeBuffers, type ProbeBuffers, type ProbeTemplate } from "../snmp/probe.ts";
import type { ProbeSockets } from "../snmp/probe_sockets.ts";
import type { Varbind } from "../snmp/value.ts";
import type { Target } from "../targets/address_space.ts";

/** How a device was found. */
export interface Found {
  target: Target;
  /** Absent when only the SNMPv3 engine answered. */
  community?: { version: "1" | "2c"; name: string };
  varbinds: Varbind[];
  /** Milliseconds from its first probe to the answer; `certain` if there was only one probe. */
  probeTiming?: { afterMs: number; certain: boolean };
}

export interface SweepOptions {
  /** Position in the shard → target; undefined if it must not be asked. */
  targetAt: (position: number) => Target | undefined;
  size: number;
  firstId: number;
  /** Probes of one address by round; those of a round are sent one after the other, with half a timeout between. */
  roundsFor: (target: Target) => readonly (readonly ProbeTemplate[])[];
  /** Tries after the first round: 1 is the normal second try; further ones depend on what the last found. */
  retries: number;
  maxRounds: number;
  /** Expected number of devices that are still missing after `rounds` rounds, if `found` of this shard were found. */
  expectedMissing: (found: number, rounds: number) => number;
  /** How long an answer may take; called repeatedly, as it is learned from the answers. */
  timeoutMs: () => number;
  /**
   * Called with the milliseconds between the first probe of a device and its answer, unless it came after the sweep;
   * `certain` if there was only one probe.
   */
  onAnswer: (ms: number, certain: boolean) => void;
  /** See `ProbeSockets.send`; nothing else of the shard is sent meanwhile. */
  send: ProbeSockets["send"];
  pace: (target: Target) => Promise<void> | undefined;
  /**
   * Set while other shards send their first round, which comes before further ones: the last address of a scan is then
   * asked its first time as early as possible, and so its last time.
   */
  firstRounds?: () => Promise<void> | undefined;
  /** A pause that lets answers be received; undefined when there is none. */
  throttle: () => Promise<void> | undefined;
  /** Resolves when the answers that have arrived have been received. */
  receive: () => Promise<void>;
  clock: Clock;
  signal: AbortSignal;
  onFound: (found: Found) => void;
  /** The answer to a silent address came from another address or port; called once for each. */
  onElsewhere?: (found: Found, from: { address: string; port: number }) => void;
  /** The system or the sandbox refused to send; called once for each message. */
  onRefused: (target: Pick<Target, "address" | "port">, message: string) => void;
  /** Called when every address has been sent its first probe: the worker may begin the next shard meanwhile. */
  onFirstRoundSent: () => void;
  onProbed: (count: number) => void;
  /**
   * If probes may be lost before they leave this machine, all silent addresses are asked once more, `afterMs` after the
   * last probe. Calls `onFound` for devices that answer only then. `turn` gives the shard its turn among others, until
   * the function that it resolves with is called: the rounds of a shard must follow each other while its addresses are
   * resolved.
   */
  secondPass?: { afterMs: number; onFound: (target: Target) => void; turn: () => Promise<() => void> } | undefined;
  /** Called with true while the sweep only waits for answers. */
  onIdle?: (isIdle: boolean) => void;
}

export interface ShardSweep {
  /** Whether the datagram answers a probe of this shard. Throws nothing. */
  accept(bytes: Uint8Array, address: string, port: number, message: SnmpMessage): boolean;
  /**
   * Resolves when every address has had its time to answer. Rejects only with the abort reason. Later answers are
   * accepted as well.
   */
  run(): Promise<void>;
  readonly everybodyAnswered: AbortSignal;
}

/** Number of probes that are sent together: sending each on its own would double the cost. */
const burstSize = 32;

/** Time for some turns of the event loop, in which pending datagrams are received. */
const drainMs = 5;

/** Expected missing devices of a shard below which there is no further round. */
const negligible = 0.005;

/** Decodes a datagram for `accept`; undefined when it is malformed. */
export function maybeMessage(bytes: Uint8Array): SnmpMessage | undefined {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    if (error instanceof BerSyntaxError) return undefined;
    throw error;
  }
}

/** The id of the probe that a message answers. */
export function idOf(message: SnmpMessage): number {
  return message.version === 3 ? message.msgId : message.pdu.requestId;
}

/** State of a running sweep. */
interface Sweep {
  options: SweepOptions;
  answered: Uint8Array;
  firstSentAt: Float64Array;
  /** Number of probes to each address, up to 255. */
  probed: Uint8Array;
  /** Addresses whose answer may be one to the second pass. */
  askedAgain: Uint8Array;
  isSecondPass: boolean;
  isOver: boolean;
  found: number;
  /** Positions whose answer came from another address. */
  elsewhere: Set<number>;
  buffers: ProbeBuffers;
  /** Probes that are sent together, all of one address family. */
  burst: Datagram[];
  /** When its first probe was added; the others follow within microseconds. */
  burstAt: number;
  family: Target["family"] | undefined;
  /** Number of addresses whose first probe was sent or is in the burst. */
  begun: number;
  lastSentAt: number;
  lastWaveAt: number;
  /** Error messages of refused sends. */
  refused: Set<string>;
  /** Aborted when all have answered, which ends the wait. */
  complete: AbortController;
  untilComplete: AbortSignal;
}

export function sweepShard(options: SweepOptions): ShardSweep {
  const { size, signal } = options;
  const complete = new AbortController();
  const sweep: Sweep = {
    options,
    answered: new Uint8Array(size),
    firstSentAt: new Float64Array(size),
    probed: new Uint8Array(size),
    askedAgain: new Uint8Array(size),
    isSecondPass: false,
    isOver: false,
    found: 0,
    elsewhere: new Set(),
    buffers: createProbeBuffers(),
    burst: [],
    burstAt: 0,
    family: undefined,
    begun: 0,
    lastSentAt: 0,
    lastWaveAt: 0,
    refused: new Set(),
    complete,
    untilComplete: AbortSignal.any([signal, complete.signal]),
  };
  return {
    accept: (_bytes, address, port, message) => accept(sweep, { address, port }, message),
    run: () => run(sweep),
    everybodyAnswered: complete.signal,
  };
}

function accept(sweep: Sweep, from: { address: string; port: number }, message: SnmpMessage): boolean {
  const { options, answered, probed, elsewhere } = sweep;
  const position = idOf(message) - options.firstId;
  if (position < 0 || position >= options.size) return false;
  const target = options.targetAt(position);
  const answer = answerOf(message);
  if (target === undefined || answer === undefined) return false;
  if (withoutZone(target.address) !== from.address || target.port !== from.port) {
    if (answered[position] === 1 || elsewhere.has(position)) return false;
    elsewhere.add(position);
    options.onElsewhere?.({ target, ...answer }, from);
    return false;
  }
  if (answered[position] === 1) return true;
  answered[position] = 1;
  sweep.found++;
  const afterMs = options.clock.monotonicMs() - sweep.firstSentAt[position]!;
  const certain = probed[position] === 1;
  if (!sweep.isOver && !sweep.isSecondPass) options.onAnswer(afterMs, certain);
  if (sweep.found === options.size) sweep.complete.abort();
  if (sweep.askedAgain[position] === 1) options.secondPass?.onFound(target);
  options.onFound({ target, ...answer, ...(sweep.isSecondPass ? {} : { probeTiming: { afterMs, certain } }) });
  return true;
}

async function run(sweep: Sweep): Promise<void> {
  const { size, secondPass, retries, clock } = sweep.options;
  await ask(sweep);
  if (secondPass !== undefined && retries > 0 && sweep.found < size) {
    await wait(sweep, Math.max(0, sweep.lastSentAt + secondPass.afterMs - clock.monotonicMs()));
    sweep.isSecondPass = true;
    await ask(sweep);
  }
  sweep.isOver = true;
}

async function ask(sweep: Sweep): Promise<void> {
  const endTurn = await sweep.options.secondPass?.turn();
  try {
    await askInRounds(sweep, endTurn);
  } finally {
    endTurn?.();
  }
}

async function askInRounds(sweep: Sweep, endTurn: (() => void) | undefined): Promise<void> {
  const { options } = sweep;
  for (let round = 0;; round++) {
    const foundBefore = sweep.found;
    await sendRound(sweep, round);
    if (round >= options.retries) {
      endTurn?.();
      await waitForAnswers(sweep);
      const { found } = sweep, rounds = round + 1;
      const mayFind = found > foundBefore || options.expectedMissing(found, rounds) > negligible;
      if (options.retries === 0 || found === options.size || !mayFind || rounds >= options.maxRounds) return;
    } else {
      await waitHalf(sweep);
    }
  }
}

/**
 * Sends the waves of a round: an address gets its next probe half a timeout after the last one, so no more than two are
 * outstanding; an answer to an earlier one still counts.
 */
async function sendRound(sweep: Sweep, round: number): Promise<void> {
  const { options } = sweep;
  let hasMore = true;
  for (let wave = 0; hasMore; wave++) {
    if (wave > 0) await waitHalf(sweep);
    sweep.lastWaveAt = options.clock.monotonicMs();
    hasMore = await sendWave(sweep, round, wave);
    if (round === 0 && wave === 0 && !sweep.isSecondPass) options.onFirstRoundSent();
  }
}

/** Sends one probe of the round to each silent address; true if some address has a further one. */
async function sendWave(sweep: Sweep, round: number, wave: number): Promise<boolean> {
  const { options, answered, probed, buffers } = sweep;
  const { size, firstId, clock } = options;
  const isFirst = round === 0 && wave === 0 && !sweep.isSecondPass;
  let hasMore = false;
  for (let position = 0; position < size; position++) {
    if (answered[position] === 1) continue;
    const target = options.targetAt(position);
    if (target === undefined) continue;
    const rounds = options.roundsFor(target);
    const probes = rounds[round % rounds.length] ?? [];
    const template = probes[wave];
    hasMore ||= probes.length > wave + 1;
    if (template === undefined) {
      if (isFirst) sweep.begun++;
      continue;
    }
    const others = isFirst || sweep.burst.length > 0 ? undefined : options.firstRounds?.();
    if (others !== undefined) {
      await others;
      if (answered[position] === 1) continue;
    }
    const throttled = options.throttle();
    if (throttled !== undefined) {
      await sendBurst(sweep);
      await throttled;
    }
    const paced = options.pace(target);
    if (paced !== undefined) {
      await sendBurst(sweep);
      await paced;
    }
    if (sweep.burst.length > 0 && sweep.family !== target.family) await sendBurst(sweep);
    sweep.family = target.family;
    if (sweep.burst.length === 0) sweep.burstAt = clock.monotonicMs();
    if (isFirst) {
      sweep.firstSentAt[position] = sweep.burstAt;
      sweep.begun++;
    }
    if (probed[position]! < 255) probed[position]!++;
    if (sweep.isSecondPass) sweep.askedAgain[position] = 1;
    const bytes = buffers.probeFor(template, firstId + position);
    sweep.burst.push({ bytes, address: target.address, port: target.port });
    if (sweep.burst.length === burstSize) await sendBurst(sweep);
  }
  await sendBurst(sweep);
  return hasMore;
}

async function sendBurst(sweep: Sweep): Promise<void> {
  const { options, burst } = sweep;
  options.signal.throwIfAborted();
  if (burst.length > 0) {
    sweep.burst = [];
    const { mayReuse } = await options.send(burst, (datagram, error) => refuse(sweep, datagram, error));
    sweep.buffers.next(mayReuse);
    sweep.lastSentAt = options.clock.monotonicMs();
  }
  if (sweep.begun > 0) options.onProbed(sweep.begun);
  sweep.begun = 0;
}

function refuse({ refused, options }: Sweep, { address, port }: Datagram, error: unknown): void {
  const message = messageOf(error);
  if (refused.has(message)) return;
  if (refused.size < 100) refused.add(message);
  options.onRefused({ address, port }, message);
}

async function waitHalf(sweep: Sweep): Promise<void> {
  const { timeoutMs, clock, receive } = sweep.options;
  await wait(sweep, Math.max(0, timeoutMs() / 2 - (clock.monotonicMs() - sweep.lastWaveAt)));
  await receive();
}

/**
 * Waits until the answer to the last probe would be late, by the timeout as it is then: slow answers may arrive
 * meanwhile and raise it. Answers that arrived while this thread was not running are then still in the socket, and are
 * received first.
 */
async function waitForAnswers(sweep: Sweep): Promise<void> {
  const { options: { timeoutMs, clock, receive }, complete } = sweep;
  while (!complete.signal.aborted) {
    const leftMs = sweep.lastSentAt + timeoutMs() - clock.monotonicMs();
    const { found } = sweep;
    await wait(sweep, Math.max(drainMs, leftMs));
    await receive();
    if (leftMs <= 0 && sweep.found === found) return;
  }
}

async function wait({ options, untilComplete }: Sweep, ms: number): Promise<void> {
  options.onIdle?.(true);
  try {
    await options.clock.sleep(ms, untilComplete);
  } catch (error) {
    if (options.signal.aborted) throw error;
  } finally {
    options.onIdle?.(false);
  }
}

const decoder = new TextDecoder();

function answerOf(message: SnmpMessage): Omit<Found, "target" | "probeTiming"> | undefined {
  if (message.version === 3) {
    return message.scopedPdu?.pdu.type === PduType.report ? { varbinds: [] } : undefined;
  }
  if (message.pdu.type !== PduType.response) return undefined;
  const name = decoder.decode(message.community);
  return {
    community: { version: message.version === 0 ? "1" : "2c", name },
    varbinds: message.pdu.errorStatus === 0 ? message.pdu.varbinds : [],
  };
}
