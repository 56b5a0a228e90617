/** More time for a session of Device Web Access that is open. */
import type { ExtendWebAccess, ExtendWebAccessOutput } from "../../proto/gen/opendca/v1/task.ts";
import { RefusalReason } from "../../proto/gen/opendca/v1/task.ts";
import { policyRefusal, TaskRefusal } from "../tasks/task_refusal.ts";
import {
  check,
  checkIdentity,
  covering,
  details,
  logged,
  noteRefusal,
  type Session,
  type WebAccessParts,
} from "./session.ts";

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
