/**
 * Keeps a connection to a broker while the agent runs: tries the endpoints in turn, with growing pauses. Its messages
 * only make the agent react earlier; polls deliver the same.
 */
import type { Clock } from "../../common/core/clock.ts";
import { messageOf, UnavailableError } from "../../common/core/errors.ts";
import { createWake } from "../../common/core/wake.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import type { Proxy } from "../../common/host/proxy.ts";
import type { ClientCertificate, TrustConfig } from "../../common/host/trust.ts";
import { MqttFrameError } from "../../common/protocol/mqtt.ts";
import { SignedTask, TaskResult } from "../../proto/gen/opendca/v1/task.ts";
import { chooseEndpoints } from "./endpoint_choice.ts";
import { BrokerError } from "./broker_error.ts";
import { classifyTransportError } from "./classify_transport_error.ts";
import type { MqttConnection, MqttConnectionOptions, MqttEndpoint, MqttVersion } from "./mqtt_connection.ts";
import { jitteredBackoff } from "./retry.ts";
import { TransportError } from "./transport_error.ts";
import { faultAdvice, type TransportFaultName } from "./transport_fault.ts";

export type MqttEvent =
  | { event: "mqttConnected"; endpoint: string; version: string }
  /** The connection has ended or could not be opened. */
  | { event: "mqttFailed"; endpoint: string; error: Error; waitMs: number };

export interface MqttLinkOptions {
  /** At least one. */
  endpoints: readonly MqttEndpoint[];
  trust: TrustConfig;
  proxy: Proxy | null;
  clock: Clock;
  agentId: string;
  certificate(): (ClientCertificate & { notAfter: Date }) | undefined;
  report(event: MqttEvent): void;
  random?: () => number;
  /** Timeout of each step of a connection. */
  stepTimeoutMs?: number;
}

/** Receiver of its messages. */
export interface MqttTarget {
  onWake(): void;
  /** Gets an unverified task; returns false if it is not from the platform. `isAgain` as in MqttConnectionOptions. */
  onTask(task: SignedTask, how: { isAgain: boolean }): boolean;
}

export interface MqttStatus {
  /** The connected endpoint; null without a connection. */
  endpoint: string | null;
  /** "5" or "3.1.1". */
  version: string | null;
  since: Date | null;
  lastError: string | null;
  lastErrorAt: Date | null;
}

export interface MqttLink extends AsyncDisposable {
  /** Starts connecting and returns at once. */
  start(target: MqttTarget): void;
  readonly status: MqttStatus;
  /** Sends the progress or refusal of a task; lost without a connection. */
  progress(result: TaskResult): void;
  /** Reconnects with a new certificate. */
  renewed(): void;
}

const backoff = { firstMs: 4000, maxMs: 5 * 60_000 };
/** After a connection shorter than this, the pause is the same as after a refusal. */
const steadyMs = 60_000;

/** Limit of polls caused by wake-ups: a burst, then per minute; a broker must not make the agent poll all the time. */
const mostWakes = { atOnce: 10, perMinute: 2 };
/** Number of tasks without a valid signature after which the connection ends. */
const mostForged = 5;

/** Disposal publishes "offline" and closes the connection. */
export function createMqttLink(options: MqttLinkOptions): MqttLink {
  const { clock, endpoints } = options;
  const stop = new AbortController();
  const again = createWake(clock);
  const backoffMs = jitteredBackoff({ ...backoff, random: options.random ?? Math.random });
  const choice = chooseEndpoints(endpoints.length, 3_600_000);
  const status: MqttStatus = { endpoint: null, version: null, since: null, lastError: null, lastErrorAt: null };
  const connect = createConnector(options, stop.signal);
  let current: MqttConnection | undefined;
  let isRenewed = false;
  let target: MqttTarget = { onWake: () => {}, onTask: () => true };
  let running: Promise<void> | undefined;
  const wakes = createBucket(mostWakes, clock);

  /** Returns why it ended; undefined if the agent ended it. */
  async function stay(index: number): Promise<Error | undefined> {
    const endpoint = nameOf(endpoints[index]!);
    const { connection, version } = await connect(index, receiver(target, wakes));
    if (stop.signal.aborted) return void await connection.close();
    current = connection;
    choice.succeeded(index);
    const shown = version === 5 ? "5" : "3.1.1";
    Object.assign(status, { endpoint, version: shown, since: clock.now(), lastError: null, lastErrorAt: null });
    options.report({ event: "mqttConnected", endpoint, version: shown });
    // Fetches what was missed without a connection.
    target.onWake();
    const error = await connection.ended;
    current = undefined;
    Object.assign(status, { endpoint: null, version: null, since: null });
    if (!isRenewed) return error;
    isRenewed = false;
    return undefined;
  }

  async function run(): Promise<void> {
    for (let failures = 0; !stop.signal.aborted;) {
      const index = choice.order(clock.monotonicMs())[0]!;
      const beganMs = clock.monotonicMs();
      let error: unknown;
      try {
        error = await stay(index);
        if (error === undefined) continue;
      } catch (reason) {
        error = reason;
        choice.failed(index, clock.monotonicMs());
      }
      if (stop.signal.aborted) return;
      failures = clock.monotonicMs() - beganMs >= steadyMs ? 1 : failures + 1;
      const explained = await explainMqtt(error, endpoints[index]!, { ...options, signal: stop.signal });
      if (stop.signal.aborted) return;
      const waitMs = Math.max(backoffMs(failures), explained instanceof UnavailableError ? explained.retryAfterMs : 0);
      Object.assign(status, { lastError: explained.message, lastErrorAt: clock.now() });
      options.report({ event: "mqttFailed", endpoint: nameOf(endpoints[index]!), error: explained, waitMs });
      await again.wait(waitMs, stop.signal);
    }
  }

  return {
    status,
    start(to) {
      target = to;
      running ??= Promise.resolve().then(run);
    },
    progress: (result) => current?.publish("progress", TaskResult.encode(result).finish()),
    renewed() {
      if (current === undefined) return again.wake();
      isRenewed = true;
      void current.close();
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The agent is stopping"));
      await current?.close();
      await running;
    },
  };
}

/** What one connection brings. */
function receiver(target: MqttTarget, wakes: { take(): boolean }): MqttConnectionOptions["onMessage"] {
  let forged = 0;
  return (kind, payload, how) => {
    if (kind === "wake") {
      if (wakes.take()) target.onWake();
      return;
    }
    const isOfPlatform = target.onTask(decodedTask(payload), how);
    if (!isOfPlatform && ++forged >= mostForged) {
      throw new BrokerError("It brings tasks that the platform did not sign");
    }
  };
}

type Connect = (
  index: number,
  onMessage: MqttConnectionOptions["onMessage"],
) => Promise<{ connection: MqttConnection; version: MqttVersion }>;

/** Knows which version of MQTT each endpoint speaks; what worked with one is tried first with the others. */
function createConnector(options: MqttLinkOptions, signal: AbortSignal): Connect {
  const { endpoints } = options;
  const worked = new Map<number, MqttVersion>();
  let likely: MqttVersion = 5;
  return async function connect(index, onMessage) {
    const version = worked.get(index) ?? likely;
    try {
      // The libraries are only loaded by agents that use MQTT.
      const { connectMqtt } = await import("./mqtt_connection.ts");
      const connection = await connectMqtt(endpoints[index]!, {
        ...options,
        certificate: options.certificate(),
        version,
        stepTimeoutMs: options.stepTimeoutMs ?? 15_000,
        signal,
        onMessage,
      });
      worked.set(index, version);
      likely = version;
      return { connection, version };
    } catch (error) {
      if (!(error instanceof BrokerError) || signal.aborted) throw error;
      // A broker without MQTT 5 reports it, or just closes the connection, for which it may have other reasons.
      if (!worked.delete(index)) likely = version === 5 ? 4 : 5;
      if (error.isVersion && version === 5 && likely === 4) return await connect(index, onMessage);
      throw error;
    }
  };
}

function decodedTask(payload: Uint8Array): SignedTask {
  try {
    return SignedTask.decode(payload);
  } catch (error) {
    throw new BrokerError(`It brings a task that cannot be read: ${messageOf(error)}`);
  }
}

function createBucket(most: { atOnce: number; perMinute: number }, clock: Pick<Clock, "monotonicMs">) {
  let tokens = most.atOnce, atMs = clock.monotonicMs();
  return {
    take(): boolean {
      const nowMs = clock.monotonicMs();
      tokens = Math.min(most.atOnce, tokens + (nowMs - atMs) * most.perMinute / 60_000);
      atMs = nowMs;
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}

function nameOf({ kind, host, port }: MqttEndpoint): string {
  return `${kind}://${host}:${port}`;
}

interface ExplainOptions {
  trust: TrustConfig;
  proxy: Proxy | null;
  clock: Clock;
  certificate(): (ClientCertificate & { notAfter: Date }) | undefined;
  stepTimeoutMs?: number;
  signal: AbortSignal;
}

/** A refusal by the broker is reported as it is; for other failures a probe finds the fault on the way. */
async function explainMqtt(cause: unknown, at: MqttEndpoint, options: ExplainOptions): Promise<TransportError> {
  const endpoint = formatEndpoint(at.host, at.port);
  const of = (name: TransportFaultName, why: string) =>
    new TransportError(
      { name, message: `Cannot use MQTT at ${endpoint}: ${why}`, advice: faultAdvice[name] },
      "unknown",
      { cause },
    );
  if (cause instanceof MqttFrameError) return of("not-the-broker", lower(cause.message));
  if (cause instanceof BrokerError) return of("broker-refused", lower(cause.message));
  try {
    const certificate = options.certificate();
    const { probeEndpoint } = await import("./probe_endpoint.ts");
    const stepTimeoutMs = Math.min(options.stepTimeoutMs ?? 15_000, 10_000);
    const probe = await probeEndpoint(at, { ...options, client: certificate, stepTimeoutMs, protocol: null });
    if (probe.failed === null) return of("broker-refused", lower(messageOf(cause)));
    const fault = classifyTransportError({ code: 14, details: messageOf(cause), reason: null }, {
      endpoint,
      now: options.clock.now(),
      connected: false,
      probe,
      clientNotAfter: certificate?.notAfter ?? null,
    });
    return new TransportError(fault, "none", { cause });
  } catch (error) {
    // Stopped during the probe.
    return of("broker-refused", messageOf(error));
  }
}

function lower(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
