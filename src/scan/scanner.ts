/**
 * One worker's scanning: takes shards, sweeps them, reads the devices that answer, and reports in batches. Several
 * shards run at once, so that waiting for silent addresses costs no time; the number of devices read at once is
 * limited, and no shard is pulled while many devices wait, so that memory stays bounded.
 */
import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import type { DatagramHub } from "../snmp/datagram_hub.ts";
import { minProbeId } from "../snmp/probe.ts";
import { createDeviceKinds } from "./device_kinds.ts";
import { createLateAnswers } from "./late_answers.ts";
import { createLossEstimate } from "./loss_estimate.ts";
import { createProbePlan } from "./probe_plan.ts";
import { createReadLimiter } from "./read_limiter.ts";
import { createRoundTrip } from "./round_trip.ts";
import { isFast, pullIfRoom, runShard, type ScannerState } from "./run_shard.ts";
import { createScanPace } from "./scan_pace.ts";
import { createScanReports } from "./scan_reports.ts";
import type { SendGate } from "./send_gate.ts";
import { createSendThrottle } from "./send_throttle.ts";
import { idOf, maybeMessage } from "./sweep_shard.ts";
import type { FromScanner, ScannerConfig, Shard } from "./worker_messages.ts";

export interface ScannerParts {
  hub: DatagramHub;
  /** Guards the worker's sockets. */
  gate: SendGate;
  clock: Clock;
  post: (message: FromScanner) => void;
  /** Sockets of the sessions; default: 1. */
  sessionSockets?: number;
}

export interface Scanner {
  take(shard: Shard): void;
  /** There are no further shards: from now on the shorter wait for late answers applies. */
  last(): void;
  /** Starts nothing more, reports what was read, and resolves when nothing is in progress, or at once. */
  stop(options: { atOnce: boolean }): Promise<void>;
}

/** Longest wait for one answer, however slow the others were. */
const maxTimeoutMs = 8_000;

export function startScanner(config: ScannerConfig, parts: ScannerParts): Scanner {
  const state = createState(config, parts);
  const { reports, late, limiter, stopping, gate } = state;
  let settled: (() => void) | undefined;
  gate.closed.addEventListener("abort", () => stopping.abort(gate.closed.reason));
  state.hub.setSweep((bytes, address, port) => acceptAnswer(state, bytes, address, port));
  return {
    take(shard) {
      state.underWay++;
      void runShard(state, shard).catch((error) => {
        state.post({ type: "failed", code: "bug", message: messageOf(error) });
      }).finally(() => {
        state.underWay--;
        if (state.underWay === 0) {
          state.wantsShard = true;
          settled?.();
        }
        pullIfRoom(state);
      });
    },
    last: late.last,
    async stop({ atOnce }) {
      stopping.abort(new DOMException("The scan was stopped", "AbortError"));
      reports.flush();
      if (atOnce) {
        gate.close();
        reports.close();
        return;
      }
      limiter.drain();
      if (state.underWay > 0) await new Promise<void>((resolve) => settled = resolve);
      reports.close();
      reports.flush();
    },
  };
}

function createState(config: ScannerConfig, parts: ScannerParts): ScannerState {
  const { hub, gate, clock, post, sessionSockets = 1 } = parts;
  const { timeoutMs } = config;
  const stopping = new AbortController();
  const reports = createScanReports(hub, post);
  const roundTrip = createRoundTrip({ minMs: timeoutMs, maxMs: Math.max(timeoutMs, maxTimeoutMs) });
  const loss = createLossEstimate();
  const state: ScannerState = {
    config,
    hub,
    gate,
    clock,
    post,
    plan: createProbePlan(config),
    pace: createScanPace(config, clock, stopping.signal),
    throttle: createSendThrottle(clock, () => reports.counters.answered, hub.holdSessions),
    reports,
    late: createLateAnswers({ clock, size: config.space.size, timeoutMs }),
    limiter: createReadLimiter({
      clock,
      max: config.maxReading,
      // Reads that are spread over time are few on purpose: one socket is enough.
      sockets: config.reads === undefined ? sessionSockets : 1,
      roundTripMs: roundTrip.smoothedMs,
      slowMs: timeoutMs / 2,
      isProbing: () => isFast(config) && state.sending > 0,
      onAnswer: loss.answered,
    }),
    roundTrip,
    loss,
    kinds: createDeviceKinds(),
    stopping,
    sweeps: new Map(),
    doneShards: [],
    nextId: minProbeId + Math.floor(Math.random() * 0x10000000),
    underWay: 0,
    sending: 0,
    beginning: { shards: 0, over: Promise.withResolvers() },
    wantsShard: false,
    turn: Promise.resolve(),
  };
  return state;
}

/** Gives a datagram to the shard whose probe it answers. */
function acceptAnswer({ reports, sweeps }: ScannerState, bytes: Uint8Array, address: string, port: number): boolean {
  const message = maybeMessage(bytes);
  if (message === undefined) {
    reports.counters.malformed++;
    return false;
  }
  const id = idOf(message);
  for (const { firstId, size, sweep } of sweeps.values()) {
    if (id >= firstId && id < firstId + size) return sweep.accept(bytes, address, port, message);
  }
  return false;
}
