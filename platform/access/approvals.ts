/**
 * Requests for the approval of a second person, where a customer requires one. What is asked for is kept as it was asked,
 * and done in the transaction of the approval: what was approved is what is done.
 */
import { UsageError } from "../../common/core/errors.ts";
import { Task } from "../../proto/gen/opendca/v1/task.ts";
import { agentOf } from "../agents/manage_agents.ts";
import type { Platform } from "../agents/platform.ts";
import { type Actor, actorText, appendAudit } from "../audit/audit_log.ts";
import { type By, type Change, changeTenant, readPlatform, readTenant, type TenantBy } from "../audit/use_case.ts";
import { noteShown } from "../store/channels.ts";
import { newId } from "../store/new_id.ts";
import { type Page, pageParameters, pageSql } from "../store/page.ts";
import type { Tenant } from "../store/store.ts";
import { needsApproval } from "../tasks/approval_rules.ts";
import { type CreatedTask, makeTask, type NewTaskWish } from "../tasks/manage_tasks.ts";
import { isPermitted } from "../users/permissions.ts";
import { grantsOf, isOfOpen, maybeUserByEmail } from "../users/users.ts";
import { tellApprovers } from "./approver_mails.ts";
import { checkedWish, makeSession, type OpenedSession, type SessionWish } from "./manage_sessions.ts";

/** How long somebody can approve it. */
export const approvalMs = 3_600_000;
/** Of one customer. */
const mostWaiting = 100;

export const approvalStates = ["waiting", "approved", "refused", "withdrawn", "expired"] as const;
export type ApprovalState = (typeof approvalStates)[number];

export interface RequestRow {
  request_id: string;
  kind: string;
  agent_id: string;
  device_id: string | null;
  target: string;
  wish: string;
  state: ApprovalState;
  asked_by: string;
  asked_at: number;
  expires_at: number;
  decided_by: string | null;
  decided_at: number | null;
  made_id: string | null;
}

export type ShownApproval = Omit<RequestRow, "wish">;

/** It was not done at once. */
export interface AskedApproval {
  requestId: string;
  expiresAt: Date;
}

/** As `openSession`, or asks a second person for it where the customer requires that. Throws UsageError. */
export function askForSession(
  platform: Platform,
  by: TenantBy,
  wish: SessionWish,
): Promise<OpenedSession | AskedApproval> {
  return changeTenant<OpenedSession | AskedApproval>(platform, by, async (tenant, at) => {
    if (!await needsApproval(tenant, "openWebAccess")) {
      return await makeSession(platform, tenant, { wish, at, openedBy: actorText(by.actor) });
    }
    const { device, agent } = await checkedWish(tenant, { wish, at });
    return await keepRequest(platform, tenant, {
      kind: "openWebAccess",
      agentId: agent.agent_id,
      deviceId: device.deviceId,
      target: `${device.address}:${wish.port}`,
      // The device is the one that was looked at, whatever has its address later.
      wish: { ...wish, device: device.deviceId },
      by,
      at,
    });
  });
}

/** As `createTask`, or asks a second person for it where the customer requires that. Throws UsageError. */
export function askForTask(
  platform: Platform,
  by: TenantBy,
  task: NewTaskWish,
): Promise<CreatedTask | AskedApproval> {
  return changeTenant<CreatedTask | AskedApproval>(platform, by, async (tenant, at) => {
    const { agentId, payload, validMs } = task, kind = payload.$case;
    if (!await needsApproval(tenant, kind)) {
      return await makeTask(platform, tenant, { ...task, at, by: actorText(by.actor) });
    }
    const { state } = await agentOf(tenant, agentId);
    if (state !== "active") throw new UsageError(`Cannot ask "${agentId}" as it is revoked`);
    const wish = { agentId, validMs, task: Task.toJSON(Task.create({ payload })) };
    return await keepRequest(platform, tenant, {
      kind,
      agentId,
      deviceId: null,
      target: targetOf(payload),
      wish,
      by,
      at,
    });
  });
}

function targetOf(payload: NewTaskWish["payload"]): string {
  if (payload.$case === "ping") return payload.value.target;
  return payload.$case === "scanNow" ? payload.value.targets.join(", ") || payload.value.site : "";
}

async function keepRequest(
  { pepper }: Pick<Platform, "pepper">,
  tenant: Tenant,
  { kind, agentId, deviceId, target, wish, by, at }: {
    kind: string;
    agentId: string;
    deviceId: string | null;
    target: string;
    wish: object;
    by: TenantBy;
    at: Date;
  },
): Promise<Change<AskedApproval>> {
  const waiting = await tenant.get<{ n: number }>(
    `SELECT count(*) AS n FROM approval_requests
     WHERE customer_id = :customer AND state = 'waiting' AND expires_at > :at`,
    { at: at.getTime() },
  );
  if (waiting!.n >= mostWaiting) {
    throw new UsageError(`Cannot ask for an approval as ${waiting!.n} wait already`, "withdraw some");
  }
  const requestId = newId("apr"), expiresAt = new Date(at.getTime() + approvalMs);
  await tenant.run(
    `INSERT INTO approval_requests (customer_id, request_id, kind, agent_id, device_id, target, wish, state, asked_by,
       asked_at, expires_at)
     VALUES (:customer, :request_id, :kind, :agent_id, :device_id, :target, :wish, 'waiting', :asked_by, :at, :expires_at)`,
    {
      request_id: requestId,
      kind,
      agent_id: agentId,
      device_id: deviceId,
      target,
      wish: JSON.stringify(wish),
      asked_by: actorText(by.actor),
      at: at.getTime(),
      expires_at: expiresAt.getTime(),
    },
  );
  await tellApprovers(tenant, { requestId, agentId, asker: by.actor, pepper, at, until: expiresAt });
  noteShown(tenant, "approvals");
  const detail = { kind, agent: agentId, ...(deviceId === null ? {} : { device: deviceId }), target };
  return { answer: { requestId, expiresAt }, audit: { action: "approvalAsked", subject: requestId, detail } };
}

/** Newest first. */
export function listApprovals(platform: Platform, by: TenantBy, page: Page = {}): Promise<ShownApproval[]> {
  return readTenant(platform, by, async (tenant) => {
    const rows = await tenant.all<RequestRow>(
      `SELECT * FROM approval_requests WHERE customer_id = :customer
       ORDER BY asked_at DESC, request_id ${pageSql}`,
      pageParameters(page),
    );
    return rows.map((row) => shownApproval(row, platform.clock.now()));
  });
}

export interface WaitingCount {
  customer_id: string;
  site_id: string;
  waiting: number;
}

/** How many requests of others somebody could decide now, by customer of the dealer and site of the agent. */
export function waitingApprovals(
  platform: Platform,
  by: By,
  { dealerId: dealer }: { dealerId: string },
): Promise<WaitingCount[]> {
  return readPlatform(platform, by, (tx) =>
    tx.all<WaitingCount>(
      `SELECT r.customer_id, a.site_id, CAST(count(*) AS INTEGER) AS waiting FROM approval_requests r
       JOIN agents a ON a.customer_id = r.customer_id AND a.agent_id = r.agent_id
       WHERE r.expires_at > :now AND r.state = 'waiting' AND r.asked_by <> :self
         AND r.customer_id IN (SELECT customer_id FROM customers WHERE dealer_id = :dealer)
       GROUP BY r.customer_id, a.site_id`,
      { now: platform.clock.now().getTime(), self: actorText(by.actor), dealer },
    ));
}

/** Throws UsageError if the customer has no such request. */
export function showApproval(
  platform: Platform,
  by: TenantBy,
  { requestId }: { requestId: string },
): Promise<ShownApproval> {
  return readTenant(
    platform,
    by,
    async (tenant) => shownApproval(await requestOf(tenant, requestId), platform.clock.now()),
  );
}

/** As it is at this time. */
export function shownApproval({ wish: _, ...row }: RequestRow, now: Date): ShownApproval {
  const isOver = row.state === "waiting" && row.expires_at <= now.getTime();
  return isOver ? { ...row, state: "expired" } : row;
}

async function requestOf(tenant: Tenant, requestId: string): Promise<RequestRow> {
  const row = await tenant.get<RequestRow>(
    "SELECT * FROM approval_requests WHERE customer_id = :customer AND request_id = :request_id",
    { request_id: requestId },
  );
  if (row !== undefined) return row;
  throw new UsageError(`Cannot find the request "${requestId}"`, "opendca-platform approval list shows them");
}

/**
 * Does what was asked for, in the name of the person who asked, who must still be permitted to do it. Throws UsageError, and
 * then it goes on waiting.
 */
export function approve(
  platform: Platform,
  by: TenantBy,
  { requestId }: { requestId: string },
): Promise<ShownApproval> {
  return changeTenant(platform, by, async (tenant, at) => {
    const row = await requestOf(tenant, requestId), approver = actorText(by.actor);
    if (row.asked_by === approver) {
      throw new UsageError(`Cannot approve the request ${requestId} as you asked for it yourself`, "ask somebody else");
    }
    await decide(tenant, { row, state: "approved", by: approver, at });
    await checkAsker(tenant, row);
    const { answer: madeId, audit } = await make(platform, tenant, { row, at });
    await tenant.run(
      "UPDATE approval_requests SET made_id = :made WHERE customer_id = :customer AND request_id = :request_id",
      { request_id: requestId, made: madeId },
    );
    const detail = { ...audit.detail, request: requestId, approvedBy: approver };
    await appendAudit(tenant.transaction, {
      ...audit,
      detail,
      at,
      actor: actorOf(row.asked_by),
      customerId: tenant.customerId,
    });
    const answer = shownApproval(await requestOf(tenant, requestId), at);
    return { answer, audit: { action: "approvalGiven", subject: requestId, detail: asDetail(row, madeId) } };
  });
}

/** A user may have been deactivated, or have lost a role, after asking. Throws UsageError. */
async function checkAsker(tenant: Tenant, { request_id, kind, agent_id, asked_by }: RequestRow): Promise<void> {
  const asker = actorOf(asked_by), tx = tenant.transaction;
  // An account of the server, and no user of the portal.
  if (asker === "platform" || asker.kind !== "user") return;
  const { site_id: siteId } = await agentOf(tenant, agent_id);
  const customer = await tenant.get<{ dealer_id: string }>(
    "SELECT dealer_id FROM customers WHERE customer_id = :customer",
  );
  const user = await maybeUserByEmail(tx, asker.name, customer!.dealer_id);
  const isActive = user?.state === "active" && await isOfOpen(tx, user);
  const permission = kind === "openWebAccess" ? "openWebAccess" : "runTasks";
  const place = { customerId: tenant.customerId, siteId };
  if (isActive && isPermitted(await grantsOf(tx, user.user_id), permission, place)) return;
  throw new UsageError(
    `Cannot approve the request ${request_id} as ${asker.name}, who asked for it, may no longer do this`,
    "refuse it",
  );
}

/** By somebody else, or by the person who asked for it. Throws UsageError if it does not wait. */
export function refuseApproval(
  platform: Platform,
  by: TenantBy,
  { requestId }: { requestId: string },
): Promise<void> {
  return changeTenant(platform, by, async (tenant, at) => {
    const row = await requestOf(tenant, requestId), actor = actorText(by.actor);
    const isOwn = row.asked_by === actor;
    await decide(tenant, { row, state: isOwn ? "withdrawn" : "refused", by: actor, at });
    const action = isOwn ? "approvalWithdrawn" : "approvalRefused";
    return { answer: undefined, audit: { action, subject: requestId, detail: asDetail(row) } };
  });
}

/** For one of two who decide at the same time. */
async function decide(
  tenant: Tenant,
  { row, state, by, at }: { row: RequestRow; state: ApprovalState; by: string; at: Date },
): Promise<void> {
  const decided = await tenant.run(
    `UPDATE approval_requests SET state = :state, decided_by = :by, decided_at = :at
     WHERE customer_id = :customer AND request_id = :request_id AND state = 'waiting' AND expires_at > :at`,
    { request_id: row.request_id, state, by, at: at.getTime() },
  );
  noteShown(tenant, "approvals");
  if (decided === 1) return;
  throw new UsageError(
    `Cannot decide about the request ${row.request_id} as it does not wait: current value of its state is "${
      shownApproval(row, at).state
    }"`,
    "ask for it again",
  );
}

async function make(
  platform: Platform,
  tenant: Tenant,
  { row, at }: { row: RequestRow; at: Date },
): Promise<Change<string>> {
  const wish = JSON.parse(row.wish);
  if (row.kind === "openWebAccess") {
    const { answer, audit } = await makeSession(platform, tenant, { wish, at, openedBy: row.asked_by });
    const { sessionId, agentId, address, port } = answer;
    if (agentId !== row.agent_id || `${address}:${port}` !== row.target) {
      throw new UsageError(
        `Cannot approve the request ${row.request_id} as the device is at ${address} of the agent ${agentId} now`,
        "refuse it; then it can be asked for again",
      );
    }
    return { answer: sessionId, audit };
  }
  const { agentId, validMs } = wish, { payload } = Task.fromJSON(wish.task);
  const { answer, audit } = await makeTask(platform, tenant, {
    agentId,
    payload: payload!,
    validMs,
    at,
    by: row.asked_by,
  });
  return { answer: answer.taskId, audit };
}

function asDetail({ kind, agent_id, target, asked_by }: RequestRow, madeId?: string) {
  return { kind, agent: agent_id, target, askedBy: asked_by, ...(madeId === undefined ? {} : { made: madeId }) };
}

/** The opposite of `actorText`. */
function actorOf(text: string): Actor {
  const colon = text.indexOf(":");
  if (colon < 0) return "platform";
  return { kind: text.slice(0, colon), name: text.slice(colon + 1) } as Exclude<Actor, "platform">;
}
