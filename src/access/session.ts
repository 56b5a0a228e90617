/** What is known of a session of Device Web Access, and the checks before it opens and before it is extended. */
import type { OpenWebAccess } from "../../proto/gen/opendca/v1/task.ts";
import type { Clock } from "../../common/core/clock.ts";
import { UnavailableError } from "../../common/core/errors.ts";
import type { DeviceEvidence } from "../../common/reading/device_evidence.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import type { JsonValue } from "../store/canonical_json.ts";
import type { Inventory, KnownDevice } from "../store/inventory.ts";
import { policyRefusal, TaskRefusal } from "../tasks/task_refusal.ts";
import type { SessionCarrier } from "./carry_session.ts";
import { type AllowedOrder, checkOrder } from "./check_order.ts";
import { judgeIdentity } from "./judge_identity.ts";
import type { StandingApproval, StandingApprovals } from "./standing_approvals.ts";

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
