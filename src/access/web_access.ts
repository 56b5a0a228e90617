/**
 * Sessions of Device Web Access, from the platform's order to their end. The administrator decides: no connection is
 * opened that is not allowed, and each session can be ended here at any time.
 */
import type {
  ExtendWebAccess,
  ExtendWebAccessOutput,
  OpenWebAccess,
  WebAccessOutput,
} from "../../proto/gen/opendca/v1/task.ts";
import { RefusalReason, WebAccessScheme } from "../../proto/gen/opendca/v1/task.ts";
import type { Clock } from "../../common/core/clock.ts";
import { messageOf, UnavailableError } from "../../common/core/errors.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { forwardKeyOf } from "../../common/protocol/forward_hello.ts";
import { maybeOpenedSecret } from "../../common/protocol/sealed_secret.ts";
import { policyRefusal, TaskRefusal } from "../tasks/task_refusal.ts";
import { type Carried, carrySession, type SessionCarrier } from "./carry_session.ts";
import { connectGateway, type GatewayOptions } from "./gateway_connection.ts";
import { greetedChannels } from "./greeted_channels.ts";
import {
  check,
  checkIdentity,
  covering,
  details,
  extendSession,
  logged,
  noteRefusal,
  type Session,
  type SessionStep,
  type WebAccessParts,
} from "./session.ts";

export type { SessionStep, WebAccessParts };

/** Maximum number of sessions at a time. */
const mostSessions = 3;

/** `approvedBy` is empty where nobody had to approve the session, or has not yet. */
export type OnStep = (step: SessionStep, approvedBy: string) => void;

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
  run(order: OpenWebAccess, signal: AbortSignal, onStep?: OnStep): Promise<WebAccessOutput>;
  sessions(): LocalSession[];
  /** False if no session with this id waits for approval. `by` is a user of this machine, also below. */
  approve(id: string, by: string): boolean;
  /** Ends the session with this id, or all without an id; returns the number of ended sessions. */
  kill(id?: string, by?: string): number;
  /** Lets a session that is open last longer, if a new one could be opened. Throws `TaskRefusal` if it is not allowed. */
  extend(order: ExtendWebAccess): Promise<ExtendWebAccessOutput>;
  /** Ends sessions that the configuration no longer allows. */
  configChanged(): void;
  /** Lets waiting sessions open that are covered now, and ends those whose standing approval is gone. */
  approvalsChanged(): void;
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
  const byId: Present = new Map();
  const running = new Set<Promise<unknown>>();
  return {
    run(order, signal, onStep) {
      const run = begin(order, signal, onStep);
      running.add(run);
      run.catch(() => {}).finally(() => running.delete(run));
      return run;
    },
    sessions: () => [...byId.values()].map((session) => shown(session)),
    approve(id, by) {
      const session = byId.get(id);
      if (session === undefined || !letGo(session)) return false;
      session.approvedBy = by;
      return true;
    },
    kill(id, by) {
      const ended = [...byId.values()].filter(({ order }) => id === undefined || order.sessionId === id);
      const reason = `the administrator${by === undefined ? "" : ` ${by}`} ended it`;
      for (const { stop } of ended) stop.abort(new SessionEnd(reason));
      return ended.length;
    },
    configChanged,
    extend: (order) => extendSession(order, { parts, find: (id) => byId.get(id) }),
    approvalsChanged() {
      for (const session of byId.values()) {
        if (session.step === "waiting" && tryStanding(session, parts)) letGo(session);
        else if (session.standing !== undefined && covering(session, parts) === undefined) {
          session.stop.abort(new SessionEnd("its standing approval is over"));
        }
      }
    },
    async [Symbol.asyncDispose]() {
      for (const { stop } of byId.values()) stop.abort(new SessionEnd("the agent stopped"));
      await Promise.allSettled(running);
    },
  };

  function configChanged(): void {
    for (const session of byId.values()) {
      const end = () => session.stop.abort(new SessionEnd("the configuration no longer allows it"));
      if (!parts.config().policy.features.webAccess) {
        end();
        continue;
      }
      check(session.order, parts).catch((error) => {
        if (error instanceof TaskRefusal && error.reason === RefusalReason.POLICY) end();
      });
    }
  }

  async function begin(
    order: OpenWebAccess,
    signal: AbortSignal,
    onStep: OnStep = () => {},
  ): Promise<WebAccessOutput> {
    const session = await admitted(order, { parts, byId });
    const onAbort = () => session.stop.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await runSession(session, { ...parts, onStep, takePlace: () => takePlace(session, byId) });
    } catch (error) {
      noteRefusal(parts, order, error);
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
      byId.delete(order.sessionId);
      parts.changed();
    }
  }
}

type Present = Map<string, Session>;

/** False if it does not wait. */
function letGo(session: Session): boolean {
  if (session.step !== "waiting") return false;
  session.step = "checking";
  session.approved.resolve();
  return true;
}

/** Whether a standing approval covers the session, which then ends with it. */
function tryStanding(session: Session, parts: WebAccessParts): boolean {
  const found = covering(session, parts);
  if (found === undefined) return false;
  session.standing = found.approval;
  session.approvedBy = found.approval.by;
  const earlierMs = session.endsAtMs - (parts.clock.monotonicMs() + found.leftMs);
  if (earlierMs > 0) {
    const { allowed } = session, lastsMs = allowed.lastsMs - earlierMs;
    session.allowed = { ...allowed, lastsMs, lastsBecause: "its standing approval is over" };
    session.endsAtMs -= earlierMs;
  }
  return true;
}

async function admitted(
  order: OpenWebAccess,
  { parts, byId }: { parts: WebAccessParts; byId: Present },
): Promise<Session> {
  try {
    refuseRepeated(order, byId);
    const allowed = await check(order, parts);
    refuseRepeated(order, byId);
    // What cannot have a place need not be checked further.
    refuseFourth(byId);
    const beganMs = parts.clock.monotonicMs();
    const session: Session = {
      order,
      allowed,
      device: parts.inventory.device(order.deviceKey)!,
      step: "checking",
      hasPlace: false,
      since: parts.clock.now(),
      beganMs,
      endsAtMs: beganMs + allowed.lastsMs,
      stop: new AbortController(),
      approved: Promise.withResolvers(),
      approvedBy: "",
      standing: undefined,
      carrier: undefined,
    };
    byId.set(order.sessionId, session);
    return session;
  } catch (error) {
    noteRefusal(parts, order, error);
    throw error;
  }
}

function refuseRepeated({ sessionId }: OpenWebAccess, byId: Present): void {
  if (!byId.has(sessionId)) return;
  throw new TaskRefusal(RefusalReason.REPEATED, `Cannot open the session ${sessionId} as it is open`);
}

function refuseFourth(byId: Present): void {
  const taken = [...byId.values()].filter(({ hasPlace }) => hasPlace).length;
  if (taken < mostSessions) return;
  throw policyRefusal(`${taken} sessions are open or waiting, which is as many as there may be`);
}

/** Once it is known that the session may be opened, if it is approved: one that is refused takes nobody's place. */
function takePlace(session: Session, byId: Present): void {
  if (!session.hasPlace) refuseFourth(byId);
  session.hasPlace = true;
}

interface RunParts extends WebAccessParts {
  onStep: OnStep;
  /** Throws `TaskRefusal` if there is none. */
  takePlace(): void;
}

async function runSession(session: Session, parts: RunParts): Promise<WebAccessOutput> {
  const { allowed, stop } = session, { signal } = stop;
  const step = (next: SessionStep) => {
    session.step = next;
    parts.changed();
    parts.onStep(next, session.approvedBy);
  };
  try {
    if (allowed.needsApproval && !tryStanding(session, parts)) {
      parts.takePlace();
      step("waiting");
      parts.log("approvalRequested", logged(session));
      await approval(session, parts.clock);
    }
    step("checking");
    await checkIdentity(session, parts);
    parts.takePlace();
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
      ...wayOf(order, { privateKey, carrier }),
      privateKey,
      signal: stop.signal,
    });
    const gateway = formatEndpoint(connection.gateway.host, connection.gateway.port);
    // Before the first byte: without a ledger entry there is no session.
    const { standing } = session;
    const what = standing === undefined ? "it" : `sessions until ${standing.until}`;
    const why = session.approvedBy === "" ? "" : `, as ${session.approvedBy} approved ${what}`;
    parts.note(`Opened session ${sessionId} to ${where} for ${order.openedBy} through ${gateway}${why}`, {
      ...details(session),
      gateway,
      ...(session.approvedBy === "" ? {} : { approvedBy: session.approvedBy }),
      ...(standing === undefined ? {} : { approval: standing.id }),
    });
    parts.log("sessionOpened", { ...logged(session), gateway });
    onOpen();
    const end = await Promise.race([carrier.ended, connection.closed]);
    carrier.end(end);
    noteEnd(session, { end, parts });
    // Cancelled by the platform, or the agent stops: the runner handles it.
    if (stop.signal.aborted && !(stop.signal.reason instanceof SessionEnd)) throw stop.signal.reason;
    return outputOf(carrier.carried, { end, approvedBy: session.approvedBy });
  } finally {
    carrier.end("it was not opened");
  }
}

/** With OpenSSH's sshd, the session is at a port of the gateway's loopback. */
function wayOf(
  { sessionId, gatewayUser, forwardPort }: OpenWebAccess,
  { privateKey, carrier }: { privateKey: string; carrier: SessionCarrier },
): Pick<GatewayOptions, "user" | "forward" | "onChannel"> {
  const user = gatewayUser === "" ? sessionId : gatewayUser;
  if (forwardPort === 0) return { user, forward: { address: "device", port: 0 }, onChannel: carrier.take };
  const onChannel = greetedChannels({
    key: forwardKeyOf(privateKey),
    take: carrier.take,
    onEnd: () => carrier.end("the gateway closed the session"),
  });
  return { user, forward: { address: "127.0.0.1", port: forwardPort }, onChannel };
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

function outputOf(
  { toDevice, fromDevice, connections }: Carried,
  how: Pick<WebAccessOutput, "end" | "approvedBy">,
): WebAccessOutput {
  return { bytesToDevice: BigInt(toDevice), bytesFromDevice: BigInt(fromDevice), connections, ...how };
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
