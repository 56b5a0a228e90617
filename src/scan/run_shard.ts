/**
 * One shard of a scan: its addresses are probed, devices that answer are read, late answers are waited for, and the
 * result is reported.
 */
import type { Clock } from "../../common/core/clock.ts";
import { fullNeighbourTable } from "../../common/core/shortage.ts";
import type { Problem } from "../../common/reading/reading.ts";
import { decodeText } from "../printers/text.ts";
import type { DatagramHub } from "../snmp/datagram_hub.ts";
import { maxProbeId, minProbeId, sysDescr, sysObjectId } from "../snmp/probe.ts";
import { targetAt } from "../targets/address_space.ts";
import { isNear } from "../targets/near_targets.ts";
import { permute } from "../targets/permute.ts";
import type { LateAnswers } from "./late_answers.ts";
import { expectedMissing, type LossEstimate, missingBeside } from "./loss_estimate.ts";
import { entryLifetimeMs } from "./neighbour_pacer.ts";
import { keyOf, type ProbePlan } from "./probe_plan.ts";
import type { DeviceKinds } from "./device_kinds.ts";
import { bugOutcome, type DeviceOutcome, readDevice } from "./read_device.ts";
import type { ReadLimiter, ReadSlot } from "./read_limiter.ts";
import type { RoundTrip } from "./round_trip.ts";
import type { ScanPace } from "./scan_pace.ts";
import type { ScanReports } from "./scan_reports.ts";
import type { SendGate } from "./send_gate.ts";
import type { SendThrottle } from "./send_throttle.ts";
import { type Found, type ShardSweep, type SweepOptions, sweepShard } from "./sweep_shard.ts";
import {
  type FoundDevice,
  type FromScanner,
  neighbourTableCode,
  type ScannerConfig,
  type Shard,
} from "./worker_messages.ts";

/** What the shards of one worker share. */
export interface ScannerState {
  config: ScannerConfig;
  hub: DatagramHub;
  gate: SendGate;
  clock: Clock;
  post: (message: FromScanner) => void;
  plan: ProbePlan;
  pace: ScanPace;
  throttle: SendThrottle;
  reports: ScanReports;
  late: LateAnswers;
  limiter: ReadLimiter;
  roundTrip: RoundTrip;
  loss: LossEstimate;
  kinds: DeviceKinds;
  /** Aborted when nothing more may be started. */
  stopping: AbortController;
  /** By shard, including finished ones, so that late answers are reported. */
  sweeps: Map<number, { firstId: number; size: number; sweep: ShardSweep }>;
  doneShards: number[];
  /** Request id of the next shard's first address. */
  nextId: number;
  underWay: number;
  /** Shards that do not wait for answers. */
  sending: number;
  /** Shards that send their first round, and what resolves when there is none. */
  beginning: { shards: number; over: PromiseWithResolvers<void> };
  /** The supervisor has not been asked for a shard since there was room for one. */
  wantsShard: boolean;
  /** Resolves when the last shard that was given a turn has finished it. */
  turn: Promise<void>;
}

/** A shard that is under way. */
interface ShardRun {
  shard: Shard;
  /** "address port" of targets that are not asked. */
  skip: ReadonlySet<string>;
  firstId: number;
  /** When all targets had been sent their first probe. */
  askedMs: number;
  isFirstRoundSent: boolean;
  isSwept: boolean;
  isDone: boolean;
  /** Resolve to true if the device was read completely. */
  readings: Promise<boolean>[];
  foundAgain: string[];
  problems: Problem[];
}

/** Shards whose answers are waited for at the same time. */
const maxShards = 16;
/** Shards that send at the same time under a rate: more would only delay the first ones. */
const maxSending = 2;
/** Found devices that may wait for their reading before no further shard is pulled. */
const maxWaiting = 1024;
/** Rounds of probes until a device that answered before counts as silent: the same as snmpbulkwalk -r 5. */
const knownRounds = 6;
/** Rounds of probes that a lossy network can cause. */
const maxRounds = 8;
/** Share of late answers above which loss in the network is assumed, not slow devices. */
const lossyShare = 0.02;
/** Finished shards that are kept to report their late answers. */
const maxDone = 64;
const neighbourTable = `${fullNeighbourTable.what} (${fullNeighbourTable.hint})`;

export async function runShard(state: ScannerState, shard: Shard): Promise<void> {
  const { clock, late, stopping, reports, sweeps } = state;
  const size = shard.to - shard.from;
  const firstId = state.nextId + size > maxProbeId ? minProbeId : state.nextId;
  state.nextId = firstId + size;
  const run: ShardRun = {
    shard,
    skip: new Set(shard.skip),
    firstId,
    askedMs: clock.monotonicMs(),
    isFirstRoundSent: false,
    isSwept: false,
    isDone: false,
    readings: [],
    foundAgain: [],
    problems: [],
  };
  const sweep = sweepShard(sweepOptions(state, run));
  sweeps.set(shard.id, { firstId, size, sweep });
  state.sending++;
  if (state.beginning.shards++ === 0) state.beginning.over = Promise.withResolvers();
  late.asking(1);
  try {
    await sweep.run();
    run.isSwept = true;
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
  } finally {
    endFirstRound(state, run);
    state.sending--;
    late.asking(-1);
  }
  const lateAnswers = late.wait(run.askedMs, AbortSignal.any([stopping.signal, sweep.everybodyAnswered]));
  pullIfRoom(state);
  await lateAnswers;
  run.isDone = true;
  forgetOldest(state, shard.id);
  const areRead = (await Promise.all(run.readings)).every(Boolean);
  reports.flush();
  // On a lossy network the loss is the cause.
  if (!isLossy(state) && run.foundAgain.length > 0) run.problems.push(neighbourProblem(run.foundAgain));
  state.post({ type: "shardDone", shard: shard.id, complete: run.isSwept && areRead, problems: run.problems });
}

function sweepOptions(state: ScannerState, run: ShardRun): SweepOptions {
  const { config, clock, plan, roundTrip, reports } = state;
  const { space, seed } = config;
  const { from, to } = run.shard;
  const known = plan.knownIn(run.shard);
  const size = to - from;
  const asked = size - run.skip.size;
  // One more than the place of each position in the space, 0 until it is asked for: every round asks again.
  const places = new Uint32Array(size);
  const others = (found: number) => ({
    probed: reports.counters.probed - asked,
    answered: reports.counters.answered - found,
  });
  return {
    size,
    firstId: run.firstId,
    targetAt: (position) => {
      const place = places[position] ||= permute(from + position, space.size, seed) + 1;
      const target = targetAt(space, place - 1);
      return run.skip.size > 0 && run.skip.has(keyOf(target)) ? undefined : target;
    },
    roundsFor: plan.roundsFor,
    retries: config.retries,
    maxRounds,
    expectedMissing: (found, rounds) => {
      if (found < known && rounds < knownRounds) return known - found;
      // If only this shard has few answers, compare it with the others: a busy peer or machine may delay answers.
      const missing = rounds < knownRounds ? missingBeside(found, { size: asked, others: others(found) }) : 0;
      return missing + expectedMissing(found, { rounds, share: state.loss.share() });
    },
    timeoutMs: roundTrip.timeoutMs,
    onAnswer: (ms, certain) => {
      if (certain || !isLossy(state)) roundTrip.observe(ms);
    },
    clock,
    signal: state.stopping.signal,
    pace: state.pace.probe,
    // Under a rate the order of the probes makes no difference to the end, and shards are to be done one by one.
    firstRounds: () => isFast(config) ? othersFirst(state) : undefined,
    throttle: state.throttle.pause,
    receive: state.throttle.receive,
    send: state.hub.probe,
    onElsewhere: (rest, from) =>
      reports.unread({ ...foundDevice(rest), reason: "elsewhere", answeredFrom: `${from.address} port ${from.port}` }),
    onFound: (found) => onFound(state, run, found),
    secondPass: secondPass(state, run),
    onRefused: ({ address, port }, message) => {
      // Linux reports EINVAL for an IPv6 neighbour that does not fit into its table.
      const why = address.includes(":") && message === "Invalid argument" ? neighbourTable : message;
      run.problems.push({
        code: "send-refused",
        message: `Cannot send to ${address} port ${port} (and perhaps others): ${why}`,
        address,
      });
    },
    onFirstRoundSent: () => {
      endFirstRound(state, run);
      run.askedMs = clock.monotonicMs();
      state.wantsShard = true;
      pullIfRoom(state);
    },
    onProbed: (count) => reports.counters.probed += count,
    onIdle(isIdle) {
      state.sending += isIdle ? -1 : 1;
      if (isIdle) pullIfRoom(state);
    },
  };
}

/** Whether probes are sent as fast as this machine can, and not in turns. */
export function isFast({ ratePerSecond, neighbourLimit }: ScannerConfig): boolean {
  return ratePerSecond === 0 && neighbourLimit === undefined;
}

/** Resolves when no shard sends its first round; undefined if none does. */
function othersFirst({ beginning }: ScannerState): Promise<void> | undefined {
  return beginning.shards > 0 ? beginning.over.promise : undefined;
}

function endFirstRound({ beginning }: ScannerState, run: ShardRun): void {
  if (run.isFirstRoundSent) return;
  run.isFirstRoundSent = true;
  if (--beginning.shards === 0) beginning.over.resolve();
}

/** If the neighbour table is too small for the scan, silent addresses are asked once more when it has room again. */
function secondPass(state: ScannerState, { foundAgain }: ShardRun): SweepOptions["secondPass"] {
  const { neighbourLimit } = state.config;
  return neighbourLimit && {
    afterMs: entryLifetimeMs,
    turn: () => takeTurn(state),
    onFound({ address }) {
      if (isNear(address, neighbourLimit.links)) foundAgain.push(address);
    },
  };
}

async function takeTurn(state: ScannerState): Promise<() => void> {
  const before = state.turn;
  const mine = Promise.withResolvers<void>();
  state.turn = mine.promise;
  await before;
  return mine.resolve;
}

function onFound(state: ScannerState, run: ShardRun, { probeTiming, ...rest }: Found): void {
  const { reports, late } = state;
  if (run.isDone) return reports.unread({ ...foundDevice(rest), reason: "late" });
  reports.counters.answered++;
  reports.found(foundDevice(rest));
  if (run.isSwept) late.noteAnswer();
  // On a lossy network, an answer to the second probe does not show that the device is slow.
  const tells = probeTiming !== undefined && (probeTiming.certain || !isLossy(state));
  run.readings.push(readFound(state, run.shard.id, tells ? { ...rest, probeTiming } : rest));
}

/** False if the scan was stopped before the device was read completely. */
async function readFound(state: ScannerState, shard: number, found: Found): Promise<boolean> {
  const { reports, limiter, stopping, gate } = state;
  reports.counters.reading++;
  let isRead = false;
  const slot = await limiter.acquire();
  if (!stopping.signal.aborted) {
    const outcome = await readOne(state, found, slot);
    // An interrupted reading is discarded: the whole device is read again.
    isRead = !gate.closed.aborted;
    if (isRead) reports.result({ shard, key: keyOf(found.target), ...outcome });
  }
  slot.release();
  reports.counters.reading--;
  pullIfRoom(state);
  return isRead;
}

async function readOne(state: ScannerState, found: Found, slot: ReadSlot): Promise<DeviceOutcome> {
  const { config, plan, clock } = state;
  try {
    return await readDevice(found, {
      hub: state.hub,
      credentials: plan.credentialsOf(found.target),
      remembered: plan.rememberedOf(found.target),
      roundTrip: state.roundTrip,
      slot,
      timeoutMs: config.timeoutMs,
      isLossy: () => isLossy(state),
      retries: config.retries,
      deadlineMs: config.deviceDeadlineMs,
      pace: state.pace.read,
      now: () => clock.now(),
      scope: config.scope,
      learns: config.learns ?? false,
      capture: config.capture,
      kinds: state.kinds,
    });
  } catch (error) {
    return bugOutcome(found.target, error);
  }
}

function isLossy({ loss }: ScannerState): boolean {
  return loss.share() > lossyShare;
}

/** Asks the supervisor for a further shard, if this worker wants one and has room for it. */
export function pullIfRoom(state: ScannerState): void {
  const { config, stopping, underWay, late, limiter, sending } = state;
  if (!state.wantsShard || stopping.signal.aborted) return;
  if (underWay - late.waiting >= maxShards || limiter.waiting >= maxWaiting) return;
  if (config.ratePerSecond > 0 && sending >= maxSending) return;
  state.wantsShard = false;
  state.post({ type: "pull" });
}

/** Forgets the oldest finished shards, so that their request ids can be used again. */
function forgetOldest({ doneShards, sweeps }: ScannerState, id: number): void {
  doneShards.push(id);
  if (doneShards.length > maxDone) sweeps.delete(doneShards.shift()!);
}

function foundDevice({ target, varbinds }: Found): FoundDevice {
  const { address, port, hostname } = target;
  const valueOf = (oid: string) => varbinds.find((varbind) => varbind.oid === oid)?.value;
  const description = valueOf(sysDescr), objectId = valueOf(sysObjectId);
  return {
    key: keyOf(target),
    address,
    port,
    hostname,
    description: description instanceof Uint8Array ? decodeText(description) || null : null,
    objectId: typeof objectId === "string" ? objectId : null,
  };
}

function neighbourProblem([address = "", ...others]: readonly string[]): Problem {
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  return {
    code: neighbourTableCode,
    message: `${address}${more} answered only when asked again: ${neighbourTable}`,
    address,
  };
}
