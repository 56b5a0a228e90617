/** What is known of a session of Device Web Access, and the checks before it opens and before it is extended. */
import {
  type ExtendWebAccess,
  type ExtendWebAccessOutput,
  type OpenWebAccess,
  RefusalReason,
  WebAccessScheme,
} from "../../proto/gen/opendca/v1/task.ts";
import type { Clock } from "../../common/core/clock.ts";
import { UnavailableError } from "../../common/core/errors.ts";
import type { DeviceEvidence } from "../../common/reading/device_evidence.ts";
import type { AgentConfig, Endpoint } from "../config/agent_config.ts";
import type { JsonValue } from "../store/canonical_json.ts";
import type { Inventory, KnownDevice } from "../store/inventory.ts";
import { policyRefusal, TaskRefusal } from "../tasks/task_refusal.ts";
import type { SessionCarrier } from "./carry_session.ts";
import { judgeIdentity } from "./judge_identity.ts";
import type { StandingApproval, StandingApprovals } from "./standing_approvals.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { sendWindowAt } from "../config/allowed_hours.ts";
import { isUnderRootDomain } from "../config/endpoint.ts";

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
  /** Of the administrator: sessions that they cover do not wait. */
  approvals: Pick<StandingApprovals, "covering">;
  /** Adds an entry to the ledger; throws if it cannot be written. */
  note(summary: string, details: { [name: string]: JsonValue }): void;
  /** Called when the list of sessions has changed. */
  changed(): void;
  log(event: `${Lowercase<string>}${string}ed`, fields: Record<string, string | number>): void;
}

export type SessionStep = "checking" | "waiting" | "opening" | "open";

export interface Session {
  order: OpenWebAccess;
  allowed: AllowedOrder;
  device: KnownDevice;
  step: SessionStep;
  /** It is one of the `mostSessions` that there may be. */
  hasPlace: boolean;
  since: Date;
  /** On the monotonic clock, as the end. */
  beganMs: number;
  endsAtMs: number;
  stop: AbortController;
  approved: PromiseWithResolvers<void>;
  /** Empty until somebody has. */
  approvedBy: string;
  /** What it opens by; undefined without need, or when it was approved by itself. */
  standing: StandingApproval | undefined;
  carrier: SessionCarrier | undefined;
}

export function covering({ device: { deviceId }, allowed: { isRaw } }: Session, { approvals }: WebAccessParts) {
  return approvals.covering({ deviceId, isRaw });
}

/** Throws `TaskRefusal`. */
export function check(order: OpenWebAccess, parts: WebAccessParts): Promise<AllowedOrder> {
  return checkOrder(order, {
    config: parts.config(),
    device: parts.inventory.device(order.deviceKey),
    isInRange: ({ site, place }) => parts.isInRange(site, place!),
    now: parts.clock.now(),
  });
}

/** Adds the refusal to the ledger, which has the order itself as a task. */
export function noteRefusal(
  parts: WebAccessParts,
  { sessionId }: Pick<OpenWebAccess, "sessionId">,
  error: unknown,
  what = "Refused session",
): void {
  if (!(error instanceof TaskRefusal)) return;
  try {
    parts.note(`${what} ${sessionId}: ${error.message}`, { sessionId });
  } catch {
    // Nothing was opened; the log has the refusal.
  }
}

/** Checks the identity, as the device may have been replaced since the last read. */
export async function checkIdentity(
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

export function details({ order, device, allowed }: Session): { [name: string]: JsonValue } {
  const { sessionId, port, openedBy } = order;
  return { sessionId, deviceId: device.deviceId, address: allowed.place.address, port, openedBy };
}

export function logged({ order, allowed }: Session): Record<string, string | number> {
  const { sessionId, port, openedBy } = order;
  return { session: sessionId, address: allowed.place.address, port, openedBy };
}

/** Upper limit, independent of order and configuration. */
const longestSessionMs = 30 * 60_000;
/** Ports where a printer prints any received data. */
const printingPorts = [9100, 631];

/** The limits of a session, which do not change later. */
interface AllowedOrder {
  place: { address: string; port: number };
  gateways: Endpoint[];
  needsApproval: boolean;
  /** Bytes as they are: what is sent may be printed. */
  isRaw: boolean;
  /** Milliseconds from now. */
  lastsMs: number;
  /** Why it ends then. */
  lastsBecause: string;
  idleMs: number;
  maxBytes: number;
}

interface OrderContext {
  config: AgentConfig;
  /** The device of the order's key, if the inventory has it. */
  device: KnownDevice | undefined;
  /** Whether the scanner may ask the device at its place: see `SiteIdentity.isInRange`. */
  isInRange(device: KnownDevice): Promise<boolean>;
  /** By the platform's clock. */
  now: Date;
}

/** Throws `TaskRefusal` if the order is not allowed. */
async function checkOrder(order: OpenWebAccess, context: OrderContext): Promise<AllowedOrder> {
  const { config, device, now } = context, { policy } = config;
  if (
    !/^[a-z0-9-]{4,64}$/.test(order.sessionId) || order.hostKey.length === 0 || order.endsAt === undefined ||
    order.forwardPort > 65_535
  ) {
    throw new TaskRefusal(RefusalReason.MALFORMED, "Cannot open a session as the order is incomplete");
  }
  if (device === undefined) throw policyRefusal("the device is not in this agent's inventory");
  if (device.place === null) throw policyRefusal("another device answers where the device was last");
  const { address } = device.place;
  if (order.address !== "" && order.address !== address) {
    throw policyRefusal(`the device is not at ${order.address}: current value is ${address}`);
  }
  if (!await context.isInRange(device)) throw policyRefusal(`${address} is outside the configured ranges`);
  checkPort(order, config);
  const window = hoursOf(device, { config, now });
  const gateways = order.gateways.filter(({ host, port }) =>
    isUnderRootDomain(host, config.platform.rootDomain) && policy.ports.sshGateway.includes(port)
  );
  if (gateways.length === 0) {
    const named = order.gateways.map(({ host, port }) => formatEndpoint(host, port)).join(", ");
    throw policyRefusal(
      `the gateway is outside platform.rootDomain or policy.ports.sshGateway: current value is "${named}"`,
    );
  }
  const ends: [ms: number, why: string][] = [
    [Math.min(longestSessionMs, policy.webAccess.maxDurationMs), "its time was over"],
    [order.endsAt.getTime() - now.getTime(), "its time was over"],
    [window, "the allowed hours ended"],
  ];
  const [lastsMs, lastsBecause] = ends.sort(([a], [b]) => a - b)[0]!;
  if (!(lastsMs > 0)) throw new TaskRefusal(RefusalReason.EXPIRED, "Cannot open a session as its time is over");
  const isRaw = printingPorts.includes(order.port) || order.scheme === WebAccessScheme.RAW;
  return {
    place: device.place,
    gateways: gateways.map(({ host, port }) => ({ host, port })),
    needsApproval: policy.webAccess.approval || isRaw,
    isRaw,
    lastsMs,
    lastsBecause,
    idleMs: least(policy.webAccess.idleTimeoutMs, order.idleSeconds * 1000),
    maxBytes: least(policy.webAccess.maxBytes, Number(order.maxBytes)),
  };
}

function checkPort({ port, scheme }: OpenWebAccess, { policy }: AgentConfig): void {
  if (!policy.ports.webAccess.includes(port)) throw policyRefusal(`policy.ports.webAccess does not have port ${port}`);
  if (printingPorts.includes(port) && scheme !== WebAccessScheme.RAW) {
    throw policyRefusal(`port ${port} prints what it gets, and the order does not ask for it as such`);
  }
}

/** Milliseconds until the end of the hours in which the device may be contacted and sessions may be open. */
function hoursOf(device: KnownDevice, { config, now }: { config: AgentConfig; now: Date }): number {
  const site = config.sites.find(({ name }) => name === device.site);
  if (site === undefined) throw policyRefusal(`the site "${device.site}" is no longer configured`);
  const own = [...site.schedule.allowedHours, ...config.policy.webAccess.allowedHours];
  const window = sendWindowAt(own, now.getTime());
  if (window === undefined) throw policyRefusal("the allowed hours do not include this time");
  return window.untilMs - now.getTime();
}

/** The lower limit, where zero means none. */
function least(own: number, theirs: number): number {
  return theirs > 0 ? Math.min(own, theirs) : own;
}

/* Less is what the clocks differ by. */
const leastMs = 1000;

interface ExtendParts {
  parts: WebAccessParts;
  /** The session of this id, as long as there is one. */
  find(sessionId: string): Session | undefined;
}

/**
 * Checks the extension like a new order for the same device at the same place. The policy's limit is that of the whole
 * session. What the administrator has approved by itself was approved until its end, and is not extended.
 */
export async function extendSession(order: ExtendWebAccess, of: ExtendParts): Promise<ExtendWebAccessOutput> {
  try {
    return await extend(order, of);
  } catch (error) {
    noteRefusal(of.parts, order, error, "Refused to extend session");
    throw error;
  }
}

/** Throws `TaskRefusal`. */
function openSession({ sessionId, deviceKey, endsAt }: ExtendWebAccess, { find }: ExtendParts): Session {
  const session = find(sessionId);
  if (endsAt === undefined) {
    throw new TaskRefusal(RefusalReason.MALFORMED, "Cannot extend a session as the order is incomplete");
  }
  if (session === undefined || session.step !== "open" || session.stop.signal.aborted) {
    throw policyRefusal(`no session ${sessionId.slice(0, 64)} is open`);
  }
  if (session.order.deviceKey !== deviceKey) throw policyRefusal(`the session ${sessionId} is with another device`);
  return session;
}

async function extend(asked: ExtendWebAccess, of: ExtendParts): Promise<ExtendWebAccessOutput> {
  const { parts } = of, { clock } = parts, { sessionId } = asked, session = openSession(asked, of);
  const order = { ...session.order, endsAt: asked.endsAt }, askedMs = clock.monotonicMs();
  const allowed = await check(order, parts), { place } = session.allowed;
  if (allowed.place.address !== place.address || allowed.place.port !== place.port) {
    throw policyRefusal(`the device is not at ${place.address} any more: current value is ${allowed.place.address}`);
  }
  const standing = allowed.needsApproval ? covering(session, parts) : undefined;
  if (allowed.needsApproval && (session.standing === undefined || standing === undefined)) {
    throw policyRefusal(
      "the administrator has approved this session until its end: another session can be asked for",
    );
  }
  await checkIdentity({ ...session, order, device: parts.inventory.device(order.deviceKey)! }, parts);
  // It may have ended meanwhile.
  if (openSession(asked, of) !== session) throw policyRefusal(`the session ${sessionId} has ended`);
  const nowMs = clock.monotonicMs(), { maxDurationMs } = parts.config().policy.webAccess;
  const ends: [atMs: number, why: string][] = [
    [askedMs + allowed.lastsMs, allowed.lastsBecause],
    [session.beganMs + maxDurationMs, "its time was over"],
    ...(standing === undefined
      ? []
      : [[askedMs + standing.leftMs, "its standing approval is over"] as [number, string]]),
  ];
  const [endsAtMs, lastsBecause] = ends.sort(([a], [b]) => a - b)[0]!, lastsMs = endsAtMs - nowMs;
  if (endsAtMs < session.endsAtMs + leastMs) {
    throw policyRefusal("the session already lasts as long as it may, with policy.webAccess and the hours");
  }
  const endsAt = new Date(clock.now().getTime() + lastsMs);
  // Without a ledger entry, no byte is carried longer.
  parts.note(`Extended session ${sessionId} until ${endsAt.toISOString()} for ${asked.askedBy}`, {
    ...details(session),
    endsAt: endsAt.toISOString(),
    askedBy: asked.askedBy,
  });
  session.order = order;
  session.endsAtMs = endsAtMs;
  session.standing = standing?.approval;
  session.allowed = { ...session.allowed, lastsMs: endsAtMs - session.beganMs, lastsBecause };
  session.carrier!.extend({ lastsMs, lastsBecause });
  parts.log("sessionExtended", { ...logged(session), endsAt: endsAt.toISOString(), askedBy: asked.askedBy });
  parts.changed();
  return { endsAt };
}
