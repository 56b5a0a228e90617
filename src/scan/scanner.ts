/**
 * One worker's scanning: takes shards, sweeps them, reads who answers, and reports in batches. Several shards are under
 * way at once, so that waiting for silent addresses costs no time; the number of devices read at once is limited, and no
 * shard is pulled while many devices wait, so that memory stays bounded.
 */
import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import { fullNeighbourTable } from "../../common/core/shortage.ts";
import { type Credential, credentialsFor, planFromWire } from "../snmp/credential.ts";
import type { Problem, UnreadDevice } from "../../common/reading/reading.ts";
import { decodeText } from "../printers/text.ts";
import type { DatagramHub } from "../snmp/datagram_hub.ts";
import { maxProbeId, minProbeId, type ProbeTemplate, sysDescr, sysObjectId } from "../snmp/probe.ts";
import { type Target, targetAt } from "../targets/address_space.ts";
import { isNear } from "../targets/near_targets.ts";
import { permute } from "../targets/permute.ts";
import type { Remembered } from "./access.ts";
import { createBreather } from "./breather.ts";
import { createNeighbourPacer, heldMs } from "./neighbour_pacer.ts";
import { probeRounds } from "./probe_rounds.ts";
import { createLossEstimate, expectedMissing } from "./loss_estimate.ts";
import { createReadLimiter, type ReadSlot } from "./read_limiter.ts";
import type { SendGate } from "./send_gate.ts";
import { createRoundTrip } from "./round_trip.ts";
import { bugOutcome, type DeviceOutcome, readDevice } from "./read_device.ts";
import { type Found, idOf, maybeMessage, type ShardSweep, sweepShard } from "./sweep_shard.ts";
import { createPacer } from "./token_bucket.ts";
import {
  type DeviceResult,
  type FoundDevice,
  type FromScanner,
  neighbourTableCode,
  type ScannerConfig,
  type ScannerCounters,
  type Shard,
} from "./worker_messages.ts";

export interface ScannerParts {
  hub: DatagramHub;
  /** Its sockets are guarded by this. */
  gate: SendGate;
  clock: Clock;
  post: (message: FromScanner) => void;
}

export interface Scanner {
  take(shard: Shard): void;
  /** There are no further shards: late answers are waited for no longer than at the end of a scan. */
  last(): void;
  /** Begins nothing more, reports what was read and resolves when nothing is under way, or at once. */
  stop(options: { atOnce: boolean }): Promise<void>;
}

const neighbourTable = `${fullNeighbourTable.what} (${fullNeighbourTable.hint})`;
const reportEveryMs = 250;
/** Shards whose answers are waited for at the same time. */
const maxShards = 16;
/** Shards that send at the same time where a rate holds them back: the others would only be finished later. */
const maxSending = 2;
/** Found devices that may wait for their reading before no further shard is pulled. */
const maxWaiting = 64;
/** Longest wait for one answer, however slow the others were. */
const maxTimeoutMs = 8_000;
/** Rounds before a device that answered before is taken for silent: as snmpbulkwalk -r 5 does. */
const knownRounds = 6;
/** Share of late answers from which on they are taken for the network's loss, and not for slow devices. */
const lossyShare = 0.02;
/** Rounds of probes that a lossy network can cause. */
const maxRounds = 8;
/** How long after its first probe the answer of an address counts while the scan goes on. */
const lateMs = 10_000;
/**
 * The same when nothing else is left to do, in timeouts: printers that sleep take up to four seconds. A large scan waits
 * so long only when somebody was late, as it has had most of its late answers by then.
 */
const lateTimeouts = 5;
const smallScan = 512;
/** Shards that are done and of which late answers are named. */
const maxDone = 64;

export function startScanner(config: ScannerConfig, parts: ScannerParts): Scanner {
  const { hub, gate, clock, post } = parts;
  const plan = planFromWire(config.credentials);
  const pacer = createPacer(config.ratePerSecond, clock);
  const { crowded } = config;
  const readPacer = createPacer(config.reads?.perSecond ?? 0, clock, config.reads?.burst);
  const stopping = new AbortController();
  const neighbours = crowded && createNeighbourPacer(crowded.most, clock, stopping.signal);
  gate.closed.addEventListener("abort", () => stopping.abort(gate.closed.reason));
  const counters: Omit<ScannerCounters, "packetsSent" | "packetsReceived" | "stray"> = {
    malformed: 0,
    probed: 0,
    answered: 0,
    reading: 0,
  };
  const breather = createBreather(clock, () => ({ sent: hub.counters.sent, answered: counters.answered }));
  const sweeps = new Map<number, { firstId: number; size: number; sweep: ShardSweep }>();
  const roundsOf = new Map<readonly Credential[], Map<string, ProbeTemplate[][]>>();
  let nextId = minProbeId + Math.floor(Math.random() * 0x10000000);
  const results: DeviceResult[] = [];
  const founds: FoundDevice[] = [];
  const unread: (UnreadDevice & { key: string })[] = [];
  const doneShards: number[] = [];
  let underWay = 0, sending = 0;
  /** Shards of which addresses are still asked, and those that wait for late answers alone. */
  let asking = 0, lingering = 0;
  let isLast = false, somebodyWasLate = false;
  let waitsAnew = Promise.withResolvers<void>();
  const roundTrip = createRoundTrip({ minMs: config.timeoutMs, maxMs: Math.max(config.timeoutMs, maxTimeoutMs) });
  const loss = createLossEstimate();
  const isLossy = () => loss.share() > lossyShare;
  const limiter = createReadLimiter({
    max: config.maxReading,
    roundTripMs: roundTrip.smoothedMs,
    slowMs: config.timeoutMs / 2,
    onAnswer: loss.answered,
  });
  let wantsShard = false;
  /** Ends with the turn of the last shard that was given one. */
  let turn: Promise<void> = Promise.resolve();
  let settled: (() => void) | undefined;

  hub.setSweep((bytes, address, port) => {
    const message = maybeMessage(bytes);
    if (message === undefined) {
      counters.malformed++;
      return false;
    }
    const id = idOf(message);
    for (const { firstId, size, sweep } of sweeps.values()) {
      if (id >= firstId && id < firstId + size) return sweep.accept(bytes, address, port, message);
    }
    return false;
  });

  const reporter = setInterval(report, reportEveryMs);

  function report(): void {
    if (founds.length > 0) post({ type: "found", devices: founds.splice(0) });
    if (unread.length > 0) post({ type: "unread", devices: unread.splice(0) });
    if (results.length > 0) post({ type: "results", results: results.splice(0) });
    const { sent, received, stray } = hub.counters;
    post({ type: "progress", counters: { ...counters, packetsSent: sent, packetsReceived: received, stray } });
  }

  // Most plans have one rule for all, and then an address need not be looked up.
  const [firstRule] = plan.rules;
  const forAll = firstRule?.ranges === null ? firstRule.credentials : undefined;

  function credentialsOf(target: Target): readonly Credential[] {
    return forAll ?? credentialsFor(plan, target.address);
  }

  /** Devices that answered before, where the shard is of such ones: their silence is worth more questions. */
  function knownIn({ from, to }: Shard): number {
    if (config.remembered === undefined) return 0;
    let known = 0;
    for (let at = from; at < to; at++) {
      const target = targetAt(config.space, permute(at, config.space.size, config.seed));
      if ((rememberedOf(target)?.credential ?? null) !== null) known++;
    }
    return known * 2 > to - from ? known : 0;
  }

  function rememberedOf(target: Target): Remembered | undefined {
    return config.remembered?.[keyOf(target)];
  }

  function roundsFor(target: Target): ProbeTemplate[][] {
    const credentials = credentialsOf(target);
    const { credential = null, known } = rememberedOf(target) ?? {};
    let byPreferred = roundsOf.get(credentials);
    if (byPreferred === undefined) roundsOf.set(credentials, byPreferred = new Map());
    const key = `${known?.version} ${credential}`;
    let rounds = byPreferred.get(key);
    if (rounds === undefined) {
      byPreferred.set(key, rounds = probeRounds(credentials, config.retries, credential, known?.version));
    }
    return rounds;
  }

  async function runShard(shard: Shard): Promise<void> {
    const size = shard.to - shard.from;
    const skip = new Set(shard.skip);
    const problems: Problem[] = [];
    const readings: Promise<boolean>[] = [];
    const foundAgain: string[] = [];
    let askedMs = clock.monotonicMs(), isSwept = false, isDone = false;
    const known = knownIn(shard);
    const firstId = nextId + size > maxProbeId ? minProbeId : nextId;
    nextId = firstId + size;
    const sweep = sweepShard({
      size,
      firstId,
      targetAt: (position) => {
        const target = targetAt(config.space, permute(shard.from + position, config.space.size, config.seed));
        return skip.size > 0 && skip.has(keyOf(target)) ? undefined : target;
      },
      roundsFor,
      retries: config.retries,
      maxRounds,
      expectedMissing: (found, rounds) => {
        if (found < known && rounds < knownRounds) return known - found;
        return expectedMissing(found, { rounds, share: loss.share() });
      },
      timeoutMs: roundTrip.timeoutMs,
      onAnswer: (ms, certain) => {
        if (certain || !isLossy()) roundTrip.observe(ms);
      },
      clock,
      signal: stopping.signal,
      pace: paceProbe,
      breathe: () => breather.breathe(),
      send: hub.probe,
      onElsewhere: (rest, from) => {
        unread.push({ ...foundDevice(rest), reason: "elsewhere", answeredFrom: `${from.address} port ${from.port}` });
      },
      onFound: ({ heard, ...rest }) => {
        if (isDone) return void unread.push({ ...foundDevice(rest), reason: "late" });
        counters.answered++;
        founds.push(foundDevice(rest));
        somebodyWasLate ||= isSwept;
        // Where packets are lost, an answer to the second probe says nothing of how slow the device is.
        const tells = heard !== undefined && (heard.certain || !isLossy());
        readings.push(read(shard.id, tells ? { ...rest, heard } : rest));
      },
      ...(crowded === undefined ? {} : {
        again: {
          afterMs: heldMs,
          turn: takeTurn,
          onFound(target) {
            if (isNear(target.address, crowded.links)) foundAgain.push(target.address);
          },
        },
      }),
      onRefused: (target, message) => {
        problems.push({
          code: "send-refused",
          message: `Cannot send to ${target.address} port ${target.port} (and perhaps others): ${
            // What Linux says of an IPv6 neighbour that it has no room for.
            target.address.includes(":") && message === "Invalid argument" ? neighbourTable : message}`,
          address: target.address,
        });
      },
      onFirstRoundSent: () => {
        askedMs = clock.monotonicMs();
        wantsShard = true;
        pullIfRoom();
      },
      onProbed: (count) => counters.probed += count,
      onRest(isResting) {
        sending += isResting ? -1 : 1;
        if (isResting) pullIfRoom();
      },
    });
    sweeps.set(shard.id, { firstId, size, sweep });
    sending++;
    asking++;
    try {
      await sweep.run();
      isSwept = true;
    } catch (error) {
      if (!stopping.signal.aborted) throw error;
    } finally {
      sending--;
      asking--;
    }
    await waitForLate(askedMs, sweep.everybodyAnswered);
    isDone = true;
    forgetOldest(shard.id);
    const areRead = (await Promise.all(readings)).every(Boolean);
    report();
    // Where packets are lost on the network, it is that.
    if (!isLossy() && foundAgain.length > 0) problems.push(neighbourProblem(foundAgain));
    post({ type: "shardDone", shard: shard.id, complete: isSwept && areRead, problems });
  }

  /** Whoever answers a shard that is done is named; ids of old ones may come again. */
  function forgetOldest(id: number): void {
    doneShards.push(id);
    if (doneShards.length > maxDone) sweeps.delete(doneShards.shift()!);
  }

  /** Other shards are asked meanwhile. */
  async function waitForLate(askedMs: number, everybodyAnswered: AbortSignal): Promise<void> {
    lingering++;
    waitAnew();
    pullIfRoom();
    const enough = AbortSignal.any([stopping.signal, everybodyAnswered]);
    while (!enough.aborted) {
      const waitMs = askedMs + patienceMs() - clock.monotonicMs();
      if (waitMs <= 0) break;
      const otherwise = new AbortController();
      const rest = clock.sleep(waitMs, AbortSignal.any([enough, otherwise.signal])).catch(() => {}); // Enough.
      await Promise.race([rest, waitsAnew.promise]);
      otherwise.abort();
    }
    lingering--;
  }

  function patienceMs(): number {
    if (!isLast || asking > 0) return lateMs;
    const isWorthIt = somebodyWasLate || config.space.size <= smallScan;
    return isWorthIt ? Math.min(lateMs, lateTimeouts * config.timeoutMs) : 0;
  }

  /** Whoever waits for late answers looks anew how long. */
  function waitAnew(): void {
    waitsAnew.resolve();
    waitsAnew = Promise.withResolvers();
  }

  /** False where the scan was stopped before the device was read to its end. */
  async function read(shard: number, found: Found): Promise<boolean> {
    counters.reading++;
    let isRead = false;
    const slot = await limiter.acquire();
    if (!stopping.signal.aborted) {
      const outcome = await readOne(found, slot);
      // What was cut off is no reading: the device is read again as a whole.
      isRead = !gate.closed.aborted;
      if (isRead) results.push({ shard, key: keyOf(found.target), ...outcome });
      if (results.length >= 64) report();
    }
    slot.release();
    counters.reading--;
    pullIfRoom();
    return isRead;
  }

  async function readOne(found: Found, slot: ReadSlot): Promise<DeviceOutcome> {
    try {
      return await readDevice(found, {
        hub,
        credentials: credentialsOf(found.target),
        remembered: rememberedOf(found.target),
        roundTrip,
        slot,
        timeoutMs: config.timeoutMs,
        isLossy,
        retries: config.retries,
        deadlineMs: config.deviceDeadlineMs,
        pace: paceRead,
        now: () => clock.now(),
        scope: config.scope,
        learns: config.learns ?? false,
        capture: config.capture,
      });
    } catch (error) {
      return bugOutcome(found.target, error);
    }
  }

  async function takeTurn(): Promise<() => void> {
    const before = turn;
    const mine = Promise.withResolvers<void>();
    turn = mine.promise;
    await before;
    return mine.resolve;
  }

  function paceProbe({ address }: Target): Promise<void> | undefined {
    if (neighbours === undefined || crowded === undefined || !isNear(address, crowded.links)) return pacer.take();
    const room = neighbours.take(address);
    if (room === undefined) return pacer.take();
    const paced = room.then(() => pacer.take());
    paced.catch(() => {}); // Of a scan that is stopped, perhaps before anybody waits for this.
    return paced;
  }

  /** Never faster than the reads may be, nor than everything together. */
  function paceRead(): Promise<void> | undefined {
    const paced = readPacer.take();
    return paced === undefined ? pacer.take() : paced.then(() => pacer.take());
  }

  function pullIfRoom(): void {
    if (!wantsShard || stopping.signal.aborted || underWay - lingering >= maxShards || limiter.waiting >= maxWaiting) {
      return;
    }
    if (config.ratePerSecond > 0 && sending >= maxSending) return;
    wantsShard = false;
    post({ type: "pull" });
  }

  return {
    take(shard) {
      underWay++;
      void runShard(shard).catch((error) => {
        post({ type: "failed", code: "bug", message: messageOf(error) });
      }).finally(() => {
        underWay--;
        if (underWay === 0) {
          wantsShard = true;
          settled?.();
        }
        pullIfRoom();
      });
    },
    last() {
      isLast = true;
      waitAnew();
    },
    async stop({ atOnce }) {
      stopping.abort(new DOMException("The scan was stopped", "AbortError"));
      report();
      if (atOnce) {
        gate.close();
        clearInterval(reporter);
        return;
      }
      limiter.drain();
      if (underWay > 0) await new Promise<void>((resolve) => settled = resolve);
      clearInterval(reporter);
      report();
    },
  };
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

function keyOf(target: Target): string {
  return `${target.address} ${target.port}`;
}
