/**
 * Sessions of Device Web Access, from the platform's order to their end. The administrator decides: no connection is
 * opened that is not allowed, and each session can be ended here at any time.
 */
import type { OpenWebAccess, WebAccessOutput } from "../../proto/gen/opendca/v1/task.ts";
import { RefusalReason, WebAccessScheme } from "../../proto/gen/opendca/v1/task.ts";
import type { Clock } from "../../common/core/clock.ts";
import { messageOf, UnavailableError } from "../../common/core/errors.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { maybeOpenedSecret } from "../../common/protocol/sealed_secret.ts";
import type { DeviceEvidence } from "../../common/reading/device_evidence.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import type { JsonValue } from "../store/canonical_json.ts";
import type { Inventory, KnownDevice } from "../store/inventory.ts";
import { policyRefusal, TaskRefusal } from "../tasks/task_refusal.ts";
import { type Carried, carrySession, type SessionCarrier } from "./carry_session.ts";
import { type AllowedOrder, checkOrder } from "./check_order.ts";
import { connectGateway } from "./gateway_connection.ts";
import { judgeIdentity } from "./judge_identity.ts";

export interface WebAccessParts {
  config(): AgentConfig;
  /** Uses the platform's time, if known. */
  clock: Clock;
  inventory: Pick<Inventory, "device">;
  /** Private key of the agent's certificate, PEM. */
  privateKeyPem: string;
  isInRange(site: string, place: { address: string; port: number }): Promise<boolean>;
  /** Reads the device's identity: see `SiteIdentity.identify`. */
  identify(
    site: string,
    place: { address: string; port: number },
    signal: AbortSignal,
  ): Promise<DeviceEvidence[] | undefined>;
  /** Adds an entry to the ledger; throws if it cannot be written. */
  note(summary: string, details: { [name: string]: JsonValue }): void;
  /** Called when the list of sessions has changed. */
  changed(): void;
  log(event: `${Lowercase<string>}${string}ed`, fields: Record<string, string | number>): void;
}

export type SessionStep = "checking" | "waiting" | "opening" | "open";

/** A session as it is shown on this machine. */
export interface LocalSession extends Carried {
  id: string;
  step: SessionStep;
  deviceId: string;
  device: string;
  address: string;
  port: number;
  scheme: string;
  openedBy: string;
  since: string;
  endsAt: string;
}

export interface WebAccess extends AsyncDisposable {
  /** Runs the session until its end. Throws `TaskRefusal` if it is not allowed. */
  run(order: OpenWebAccess, signal: AbortSignal): Promise<WebAccessOutput>;
  sessions(): LocalSession[];
  /** False if no session with this id waits for approval. */
  approve(id: string): boolean;
  /** Ends the session with this id, or all without an id; returns the number of ended sessions. */
  kill(id?: string): number;
  /** Ends sessions that the configuration no longer allows. */
  configChanged(): void;
}

interface Session {
  order: OpenWebAccess;
  allowed: AllowedOrder;
  device: KnownDevice;
  step: SessionStep;
  since: Date;
  endsAtMs: number;
  stop: AbortController;
  approved: PromiseWithResolvers<void>;
  carrier: SessionCarrier | undefined;
}

const schemeNames: Partial<Record<WebAccessScheme, string>> = {
  [WebAccessScheme.HTTP]: "http",
  [WebAccessScheme.HTTPS]: "https",
  [WebAccessScheme.RAW]: "raw",
};

/** Reason for the early end of a session. */
class SessionEnd extends Error {
  override readonly name = "SessionEnd";
}

export function createWebAccess(parts: WebAccessParts): WebAccess {
  return new Sessions(parts);
}

class Sessions implements WebAccess {
  readonly #parts: WebAccessParts;
  readonly #byId = new Map<string, Session>();
  /** Orders that are being checked: they count as sessions, so that four at once are not all admitted. */
  #checking = 0;
  readonly #running = new Set<Promise<unknown>>();

  constructor(parts: WebAccessParts) {
    this.#parts = parts;
  }

  run(order: OpenWebAccess, signal: AbortSignal): Promise<WebAccessOutput> {
    const run = this.#begin(order, signal);
    this.#running.add(run);
    run.catch(() => {}).finally(() => this.#running.delete(run));
    return run;
  }

  sessions(): LocalSession[] {
    return [...this.#byId.values()].map((session) => shown(session));
  }

  approve(id: string): boolean {
    const session = this.#byId.get(id);
    if (session?.step !== "waiting") return false;
    session.step = "checking";
    session.approved.resolve();
    return true;
  }

  kill(id?: string): number {
    const ended = [...this.#byId.values()].filter(({ order }) => id === undefined || order.sessionId === id);
    for (const { stop } of ended) stop.abort(new SessionEnd("the administrator ended it"));
    return ended.length;
  }

  configChanged(): void {
    for (const session of this.#byId.values()) {
      const end = () => session.stop.abort(new SessionEnd("the configuration does not allow it any more"));
      if (!this.#parts.config().policy.features.webAccess) {
        end();
        continue;
      }
      this.#check(session.order, 0).catch((error) => {
        if (error instanceof TaskRefusal && error.reason === RefusalReason.POLICY) end();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { stop } of this.#byId.values()) stop.abort(new SessionEnd("the agent stopped"));
    await Promise.allSettled(this.#running);
  }

  async #begin(order: OpenWebAccess, signal: AbortSignal): Promise<WebAccessOutput> {
    const session = await this.#admitted(order);
    const onAbort = () => session.stop.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await runSession(session, this.#parts);
    } catch (error) {
      noteRefusal(this.#parts, order, error);
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#byId.delete(order.sessionId);
      this.#parts.changed();
    }
  }

  async #admitted(order: OpenWebAccess): Promise<Session> {
    const { clock, inventory } = this.#parts;
    const others = this.#byId.size + this.#checking++;
    try {
      if (this.#byId.has(order.sessionId)) {
        throw new TaskRefusal(RefusalReason.REPEATED, `Cannot open the session ${order.sessionId} as it is open`);
      }
      const allowed = await this.#check(order, others);
      const session: Session = {
        order,
        allowed,
        device: inventory.device(order.deviceKey)!,
        step: "checking",
        since: clock.now(),
        endsAtMs: clock.monotonicMs() + allowed.lastsMs,
        stop: new AbortController(),
        approved: Promise.withResolvers(),
        carrier: undefined,
      };
      this.#byId.set(order.sessionId, session);
      return session;
    } catch (error) {
      noteRefusal(this.#parts, order, error);
      throw error;
    } finally {
      this.#checking--;
    }
  }

  /** Throws `TaskRefusal`. `others`: sessions beside this one. */
  #check(order: OpenWebAccess, others: number): Promise<AllowedOrder> {
    const parts = this.#parts;
    return checkOrder(order, {
      config: parts.config(),
      device: parts.inventory.device(order.deviceKey),
      isInRange: ({ site, place }) => parts.isInRange(site, place!),
      sessions: others,
      now: parts.clock.now(),
    });
  }
}

/** Adds the refusal to the ledger, which has the order itself as a task. */
function noteRefusal(parts: WebAccessParts, { sessionId }: OpenWebAccess, error: unknown): void {
  if (!(error instanceof TaskRefusal)) return;
  try {
    parts.note(`Refused session ${sessionId}: ${error.message}`, { sessionId });
  } catch {
    // Nothing was opened; the log has the refusal.
  }
}

async function runSession(session: Session, parts: WebAccessParts): Promise<WebAccessOutput> {
  const { allowed, stop } = session, { signal } = stop;
  const step = (next: SessionStep) => {
    session.step = next;
    parts.changed();
  };
  try {
    if (allowed.needsApproval) {
      step("waiting");
      parts.log("approvalRequested", logged(session));
      await approval(session, parts.clock);
    }
    step("checking");
    await checkIdentity(session, parts);
    step("opening");
    return await openAndCarry(session, { parts, onOpen: () => step("open") });
  } catch (error) {
    // Ended by the administrator, by a limit or by the configuration: not a failure, and nothing was opened.
    if (!(signal.reason instanceof SessionEnd)) throw error;
    throw policyRefusal(signal.reason.message);
  }
}

async function approval({ order, approved, stop, endsAtMs }: Session, clock: Clock): Promise<void> {
  const over = new AbortController();
  const late = clock.sleep(Math.max(0, endsAtMs - clock.monotonicMs()), over.signal).then(() => {
    throw policyRefusal(`nobody has approved the session ${order.sessionId} in time`);
  });
  late.catch(() => {});
  try {
    await Promise.race([approved.promise, late, aborted(stop.signal)]);
  } finally {
    over.abort();
  }
}

/** Rejects with the reason when the signal is aborted. */
function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {});
  if (signal.aborted) reject(signal.reason);
  else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return promise;
}

/** Checks the identity, as the device may have been replaced since the last read. */
async function checkIdentity(
  { order, allowed: { place }, device, stop }: Session,
  parts: WebAccessParts,
): Promise<void> {
  let seen: DeviceEvidence[] | undefined;
  try {
    seen = await parts.identify(device.site, place, stop.signal);
  } catch (error) {
    stop.signal.throwIfAborted();
    if (!(error instanceof UnavailableError)) throw error;
  }
  const verdict = judgeIdentity(device, { seen, serial: order.serial });
  if (verdict.kind === "other") throw policyRefusal(`another device is at ${place.address}: ${verdict.why}`);
  if (verdict.kind === "same") return;
  if (parts.config().policy.webAccess.withoutSnmp === "refuse") {
    throw policyRefusal(
      `who the device at ${place.address} is cannot be checked, ${verdict.why}, and policy.webAccess.withoutSnmp is "refuse"`,
    );
  }
  parts.log("sessionUnchecked", { session: order.sessionId, reason: verdict.why });
}

async function openAndCarry(
  session: Session,
  { parts, onOpen }: { parts: WebAccessParts; onOpen(): void },
): Promise<WebAccessOutput> {
  const { order, allowed, stop, endsAtMs } = session, { sessionId } = order;
  const { clock } = parts;
  const privateKey = maybeOpenedSecret(order.sealedKey, { privateKeyPem: parts.privateKeyPem, context: sessionId });
  if (privateKey === undefined) {
    throw new UnavailableError("Cannot open the session as its key is sealed for another certificate", "open it again");
  }
  const where = formatEndpoint(allowed.place.address, order.port);
  const carrier = carrySession({ address: allowed.place.address, port: order.port }, {
    limits: { ...allowed, lastsMs: Math.max(0, endsAtMs - clock.monotonicMs()) },
    clock,
  });
  session.carrier = carrier;
  stop.signal.addEventListener("abort", () => carrier.end(reasonText(stop.signal.reason)), { once: true });
  try {
    using connection = await connectGateway({
      ...allowed,
      proxy: parts.config().proxy,
      hostKey: order.hostKey,
      sessionId,
      privateKey,
      signal: stop.signal,
      onChannel: carrier.take,
    });
    const gateway = formatEndpoint(connection.gateway.host, connection.gateway.port);
    // Before the first byte: without a ledger entry there is no session.
    parts.note(`Opened session ${sessionId} to ${where} for ${order.openedBy} through ${gateway}`, {
      ...details(session),
      gateway,
    });
    parts.log("sessionOpened", { ...logged(session), gateway });
    onOpen();
    const end = await Promise.race([carrier.ended, connection.closed]);
    carrier.end(end);
    noteEnd(session, { end, parts });
    // Cancelled by the platform, or the agent stops: the runner handles it.
    if (stop.signal.aborted && !(stop.signal.reason instanceof SessionEnd)) throw stop.signal.reason;
    return outputOf(carrier.carried, end);
  } finally {
    carrier.end("it was not opened");
  }
}

/** The reason in words, for the middle of a sentence. */
function reasonText(reason: unknown): string {
  const text = messageOf(reason);
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

function noteEnd(session: Session, { end, parts }: { end: string; parts: WebAccessParts }): void {
  const { toDevice, fromDevice, connections } = session.carrier!.carried;
  const { sessionId } = session.order;
  const bytes = `${connections} connections, ${toDevice} bytes to the device and ${fromDevice} from it`;
  parts.log("sessionEnded", { session: sessionId, end, toDevice, fromDevice, connections });
  try {
    parts.note(`Closed session ${sessionId}, as ${end}: ${bytes}`, {
      ...details(session),
      end,
      toDevice,
      fromDevice,
      connections,
    });
  } catch {
    // The session has ended; the missing entry is reported as a fault.
  }
}

function outputOf({ toDevice, fromDevice, connections }: Carried, end: string): WebAccessOutput {
  return { bytesToDevice: BigInt(toDevice), bytesFromDevice: BigInt(fromDevice), connections, end };
}

function details({ order, device, allowed }: Session): { [name: string]: JsonValue } {
  const { sessionId, port, openedBy } = order;
  return { sessionId, deviceId: device.deviceId, address: allowed.place.address, port, openedBy };
}

function logged({ order, allowed }: Session): Record<string, string | number> {
  const { sessionId, port, openedBy } = order;
  return { session: sessionId, address: allowed.place.address, port, openedBy };
}

function shown({ order, allowed, device, step, since, carrier }: Session): LocalSession {
  const { toDevice, fromDevice, connections } = carrier?.carried ?? { toDevice: 0, fromDevice: 0, connections: 0 };
  return {
    id: order.sessionId,
    step,
    deviceId: device.deviceId,
    device: [device.maker, device.model].filter((text) => text !== null).join(" "),
    address: allowed.place.address,
    port: order.port,
    scheme: schemeNames[order.scheme] ?? "raw",
    openedBy: order.openedBy,
    since: since.toISOString(),
    endsAt: new Date(since.getTime() + allowed.lastsMs).toISOString(),
    toDevice,
    fromDevice,
    connections,
  };
}
