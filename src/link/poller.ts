/** Polls the platform: sends status and results; receives configuration, tasks and acknowledgements. */
import { createHash } from "node:crypto";
import type { PollRequest, PollResponse } from "../../proto/gen/opendca/v1/agent_service.ts";
import type { ConfigDocument } from "../../proto/gen/opendca/v1/config.ts";
import type { SignedTask, TaskResult } from "../../proto/gen/opendca/v1/task.ts";
import type { UpdateOffer } from "../../proto/gen/opendca/v1/update.ts";
import type { ClockBook } from "../store/clock_book.ts";
import type { Clock } from "../../common/core/clock.ts";
import { messageOf, NotPermittedError, UnavailableError } from "../../common/core/errors.ts";
import type { Wake } from "../../common/core/wake.ts";
import type { AgentApi } from "./agent_api.ts";
import { jitteredBackoff } from "./retry.ts";

export type PollEvent =
  | { event: "pollSucceeded"; tasks: number; configChanged: boolean; nextMs: number; clockOffsetMs: number | null }
  | { event: "pollFailed"; error: Error; nextMs: number }
  | { event: "configRefused"; message: string }
  /** The platform has revoked the agent: polling has ended, and the agent must end. */
  | { event: "agentRevoked"; error: NotPermittedError };

export interface PollerOptions {
  api: Pick<AgentApi, "poll">;
  clock: Clock;
  /** Triggers a poll, for a result or a wake-up; at the earliest `minWakeMs` after the last poll. */
  wake: Wake;
  /** Interval of the configuration, used if the platform sets none; called each time. */
  intervalMs(): number;
  /** The status part of the request. */
  status(): PollRequest["status"];
  config: PollConfig;
  /** Results to report, and their acknowledgement by the platform. */
  results: { owed(): TaskResult[]; acknowledge(ids: readonly string[]): void };
  /** Compares the machine's clock with the platform's time in an answer; see ClockBook. */
  beginMeasure: ClockBook["beginMeasure"];
  /** `now` is the platform's time. */
  onTasks(tasks: readonly SignedTask[], now: Date): void;
  /** Called for each answer, after the event of it was reported. */
  onUpdate?(offer: UpdateOffer | undefined): void;
  report(event: PollEvent): void;
  random?: () => number;
}

/** The platform's part of the configuration as the agent holds it. */
export interface PollConfig {
  /** Hash of the present document; empty if there is none. */
  hash(): string;
  effectiveHash(): string;
  /** YAML with redacted secrets, sent if the platform requests it. */
  effectiveYaml(): string;
  /** What the policy refused of the present document. */
  refusals(): readonly string[];
  /** Stores and applies a document with a verified hash. An error is reported, and changes nothing. */
  apply(document: ConfigDocument): Promise<void>;
}

/** Wake-ups closer together than this become one poll. */
const minWakeMs = 2000;

/** Polls at once, then at the platform's interval; disposal aborts the present call. */
export function startPoller(options: PollerOptions): AsyncDisposable {
  const { api, clock, config, report, wake } = options;
  const random = options.random ?? Math.random;
  const backoffMs = jitteredBackoff({ firstMs: 5000, maxMs: 5 * 60_000, random });
  const stop = new AbortController();
  let sendEffective = false;

  function request(): PollRequest {
    return {
      status: options.status(),
      configHash: config.hash(),
      effectiveConfigHash: config.effectiveHash(),
      effectiveConfig: sendEffective ? config.effectiveYaml() : undefined,
      taskResults: options.results.owed(),
      configRefusals: [...config.refusals()],
    };
  }

  /** Returns the wait until the next poll in milliseconds. */
  async function pollOnce(signal: AbortSignal): Promise<number> {
    const asked = request();
    const measure = options.beginMeasure();
    const answer = await api.poll(asked, signal);
    const serverTime = maybeTime(answer.serverTime);
    const clockOffsetMs = serverTime === undefined ? null : measure(serverTime);
    sendEffective = answer.sendEffectiveConfig;
    options.results.acknowledge(answer.acknowledgedTaskIds);
    options.onTasks(answer.tasks, serverTime ?? clock.now());
    const configChanged = await applyConfig(answer, options);
    const nextMs = withJitter(paceMs(answer.nextPollSeconds, options.intervalMs()), random());
    report({ event: "pollSucceeded", tasks: answer.tasks.length, configChanged, nextMs, clockOffsetMs });
    options.onUpdate?.(answer.update);
    // A new or requested effective configuration is reported at once.
    return configChanged || sendEffective ? minWakeMs : nextMs;
  }

  async function run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      let waitMs: number;
      try {
        waitMs = await pollOnce(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof NotPermittedError) return report({ event: "agentRevoked", error });
        failures++;
        const asked = error instanceof UnavailableError ? error.retryAfterMs : 0;
        waitMs = Math.max(backoffMs(failures), asked);
        // Continue even after a defect: an agent that no longer polls could not be updated.
        report({
          event: "pollFailed",
          error: error instanceof Error ? error : new Error(messageOf(error)),
          nextMs: waitMs,
        });
      }
      await pause(waitMs, signal, failures > 0);
    }
  }

  /** A wake-up shortens the pause after a success; after a failure the backoff applies. */
  async function pause(ms: number, signal: AbortSignal, failed: boolean): Promise<void> {
    const least = failed ? ms : Math.min(minWakeMs, ms);
    await clock.sleep(least, signal).catch(() => {}); // Aborted: the loop ends.
    if (ms > least && !signal.aborted) await wake.wait(ms - least, signal);
  }

  // Started asynchronously, so that the caller's initialisation completes before the first poll.
  const running = Promise.resolve().then(() => run(stop.signal));
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The poller was stopped"));
      await running;
    },
  };
}

async function applyConfig(
  { config: document }: PollResponse,
  { config, report }: Pick<PollerOptions, "config" | "report">,
): Promise<boolean> {
  if (document === undefined || document.hash === config.hash()) return false;
  try {
    const hash = createHash("sha256").update(document.content).digest("hex");
    if (hash !== document.hash) throw new Error(`Cannot use the configuration as its hash is ${hash}`);
    await config.apply(document);
    return true;
  } catch (error) {
    report({ event: "configRefused", message: messageOf(error) });
    return false;
  }
}

const minPaceMs = 30_000;
const maxPaceMs = 86_400_000;

/** The platform's interval in seconds, or the configured one if it sets none (0); within 30 s to 24 h. */
export function paceMs(nextPollSeconds: number, configuredMs: number): number {
  const wish = nextPollSeconds > 0 ? nextPollSeconds * 1000 : configuredMs;
  return Math.min(maxPaceMs, Math.max(minPaceMs, Number.isFinite(wish) ? wish : configuredMs));
}

/** A tenth more or less, so that agents that started together do not poll together. `random` is 0 to 1. */
export function withJitter(ms: number, random: number): number {
  return Math.round(ms * (0.9 + random * 0.2));
}

/** Undefined for an invalid date, which an out-of-range timestamp decodes to: comparisons with it are always false. */
function maybeTime(time: Date | undefined): Date | undefined {
  return Number.isNaN(time?.getTime()) ? undefined : time;
}
