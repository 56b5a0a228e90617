/** Sessions of Device Web Access for operators. */
import { Buffer } from "node:buffer";
import { UsageError } from "../../common/core/errors.ts";
import { sealSecret } from "../../common/protocol/sealed_secret.ts";
import { signTask } from "../../common/protocol/signed_task.ts";
import { AgentStatus, type WebAccessPolicy } from "../../proto/gen/opendca/v1/agent_service.ts";
import { OpenWebAccess, Task, TaskResult, WebAccessScheme } from "../../proto/gen/opendca/v1/task.ts";
import { isLate, maybeAgentNote } from "../agents/agent_health.ts";
import type { AgentRow } from "../agents/agents.ts";
import { certificateInUse } from "../agents/certificates.ts";
import { agentOf } from "../agents/manage_agents.ts";
import type { Platform } from "../agents/platform.ts";
import { actorText } from "../audit/audit_log.ts";
import { type Change, changeTenant, readTenant, type TenantBy } from "../audit/use_case.ts";
import { rowOf } from "../devices/device_groups.ts";
import { allEvidenceOf } from "../devices/devices.ts";
import { deviceOf } from "../devices/show_device.ts";
import { newId, newLabel } from "../store/new_id.ts";
import type { Page } from "../store/page.ts";
import type { Tenant } from "../store/store.ts";
import { refuseUnapproved } from "../tasks/approval_rules.ts";
import { endTask } from "../tasks/manage_tasks.ts";
import { addTask } from "../tasks/tasks.ts";
import { claimPort } from "./forwards.ts";
import { type Gateway, liveGateways } from "./gateways.ts";
import { makeOneTimeKey } from "./one_time_key.ts";
import { agentClosed } from "./tunnels.ts";
import {
  addSession,
  type ListedSession,
  liveSessions,
  markClosed,
  maybeSession,
  refusedStates,
  type Scheme,
  sessionRows,
} from "./sessions.ts";

/** Maximum duration that is asked for at a time; agents enforce it as well. */
export const longestSessionMs = 30 * 60_000;
/** Maximum number of sessions of one agent at a time. */
const mostSessions = 3;
/** Ports where a printer prints any received data. */
const rawPorts = [9100, 631];

export interface SessionWish {
  /** In the form of `device show`. */
  device: string;
  port: number;
  scheme: Scheme;
  /** At most `longestSessionMs`. */
  lastsMs: number;
}

export interface OpenedSession {
  sessionId: string;
  label: string;
  taskId: string;
  agentId: string;
  deviceId: string;
  address: string;
  port: number;
  scheme: Scheme;
  endsAt: Date;
  /**
   * By the policy that the agent told last, the administrator of its machine must approve it first; whether that was
   * done for some time already is not known.
   */
  needsApproval: boolean;
}

export const sessionStates = ["waiting", "open", "closed", "refused", "expired"] as const;
export type SessionState = (typeof sessionStates)[number];

export interface ShownSession extends Omit<ListedSession, "state" | "task_result"> {
  state: SessionState;
  /** What the agent does, of one that waits: "checking", "waiting" for approval, "opening"; undefined if not known. */
  step: string | undefined;
  /** Who approved it at the agent, as the agent says; undefined if nobody had to. */
  approvedBy: string | undefined;
  /** Why it is not open. */
  reason: string | null;
}

/**
 * Requests a session from the agent of a device. Throws UsageError if it cannot be opened, or if a second person must
 * approve it first.
 */
export function openSession(platform: Platform, by: TenantBy, wish: SessionWish): Promise<OpenedSession> {
  return changeTenant(platform, by, async (tenant, at) => {
    await refuseUnapproved(tenant, "openWebAccess");
    return await makeSession(platform, tenant, { wish, at, openedBy: actorText(by.actor) });
  });
}

/** In a transaction that has looked whether it must be approved first. Throws UsageError. */
export async function makeSession(
  platform: Platform,
  tenant: Tenant,
  { wish, at, openedBy }: { wish: SessionWish; at: Date; openedBy: string },
): Promise<Change<OpenedSession>> {
  const { device, agent, policy, gateway } = await checkedWish(tenant, { wish, at });
  const order = await orderOf(tenant, { wish, device, agent, gateway, at, openedBy });
  const { sessionId, label, taskId, endsAt } = await keepOrder(platform, tenant, order);
  const { port, scheme } = wish, { agent_id: agentId } = agent, { deviceId, address } = device;
  return {
    answer: {
      sessionId,
      label,
      taskId,
      agentId,
      deviceId,
      address,
      port,
      scheme,
      endsAt,
      needsApproval: policy.needsApproval || rawPorts.includes(port) || scheme === "raw",
    },
    audit: {
      action: "accessSessionOpened",
      subject: sessionId,
      detail: { agent: agentId, device: deviceId, address, port, scheme },
    },
  };
}

/** What a session needs, as it is now. Throws UsageError if it cannot be opened. */
export async function checkedWish(
  tenant: Tenant,
  { wish, at }: { wish: SessionWish; at: Date },
): Promise<{ device: AskedDevice; agent: AgentRow; policy: WebAccessPolicy; gateway: Gateway }> {
  const { device, agent } = await deviceAndAgent(tenant, wish);
  const policy = checkedAgent(agent, { port: wish.port, at });
  const live = (await liveSessions(tenant, { agentId: agent.agent_id, at })).filter((session) =>
    shownSession(session, at).state !== "refused"
  );
  if (live.length >= mostSessions) {
    throw new UsageError(
      `Cannot open a session as the agent ${agent.agent_id} has ${live.length} already`,
      `opendca-platform access close ${live.at(-1)!.session_id} ends one`,
    );
  }
  const gateways = await liveGateways(tenant.transaction, at);
  const gateway = gateways.find(({ sshd }) => sshd === undefined || policy.knowsSshd);
  if (gateway === undefined && gateways.length > 0) {
    throw new UsageError(
      `Cannot open a session as the gateway is OpenSSH's sshd, which the agent ${agent.agent_id} does not know: current value of its version is "${agent.version}"`,
      "update the agent",
    );
  }
  if (gateway === undefined) {
    throw new UsageError(
      "Cannot open a session as no gateway is running",
      "opendca-platform serve --ssh-listen 0.0.0.0:22 starts one",
    );
  }
  return { device, agent, policy, gateway };
}

export interface SessionFilters {
  agentId?: string | undefined;
  state?: SessionState | undefined;
  /** Only sessions that were asked for since then. */
  since?: Date | undefined;
}

/** Newest first. Throws UsageError for an unknown agent. */
export function listSessions(
  platform: Platform,
  by: TenantBy,
  { state, ...filters }: SessionFilters & Page = {},
): Promise<ShownSession[]> {
  return readTenant(platform, by, async (tenant) => {
    if (filters.agentId !== undefined) await agentOf(tenant, filters.agentId);
    const at = platform.clock.now();
    const rows = await sessionRows(tenant, {
      ...filters,
      ...(state === undefined ? {} : { state: { is: state, at } }),
    });
    return rows.map((row) => shownSession(row, at));
  });
}

/** Sessions of a device that wait or are open, newest first. */
export function liveSessionsOfDevice(
  platform: Platform,
  by: TenantBy,
  { deviceId }: { deviceId: string },
): Promise<ShownSession[]> {
  return readTenant(platform, by, async (tenant) => {
    const at = platform.clock.now();
    const rows = await sessionRows(tenant, { live: { deviceId, at } });
    return rows.map((row) => shownSession(row, at)).filter(({ state }) => state === "waiting" || state === "open");
  });
}

/** Throws UsageError if the customer has no such session. */
export function showSession(
  platform: Platform,
  by: TenantBy,
  { sessionId }: { sessionId: string },
): Promise<ShownSession> {
  return readTenant(
    platform,
    by,
    async (tenant) => shownSession(await sessionOf(tenant, sessionId), platform.clock.now()),
  );
}

/** The gateway ends it within a second or two. Throws UsageError if it has ended. */
export function closeSession(
  platform: Platform,
  by: TenantBy,
  { sessionId, reason }: { sessionId: string; reason: string },
): Promise<void> {
  return changeTenant(platform, by, async (tenant, at) => {
    const row = await sessionOf(tenant, sessionId);
    const { state } = shownSession(row, at);
    if (state !== "waiting" && state !== "open" || !await markClosed(tenant, { sessionId, at, reason })) {
      throw new UsageError(
        `Cannot close the session ${sessionId} as it is over: current value of its state is "${state}"`,
        "opendca-platform access list shows those that are open",
      );
    }
    // The gateway ends an open session; an agent that waits for approval is informed by a cancelled task.
    if (state === "waiting" && row.task_state !== null) {
      await endTask(platform, tenant, { row: { ...row, state: row.task_state }, issuedAt: at });
    }
    return { answer: undefined, audit: { action: "accessSessionClosed", subject: sessionId, detail: { reason } } };
  });
}

export async function sessionOf(tenant: Tenant, sessionId: string): Promise<ListedSession> {
  const row = await maybeSession(tenant, sessionId);
  if (row !== undefined) return row;
  throw new UsageError(`Cannot find the session "${sessionId}"`, "opendca-platform access list shows them");
}

/**
 * Completed by the task's result: an agent that refuses never connects to a gateway, and one that ends a session knows
 * why.
 */
export function shownSession({ task_result, ...row }: ListedSession, now: Date): ShownSession {
  const result = task_result === null ? undefined : TaskResult.decode(task_result), progress = result?.progress;
  const output = result?.output?.$case === "webAccess" ? result.output.value : undefined;
  const shown = judged(row, now), why = output?.end ?? "";
  return {
    ...shown,
    reason: why !== "" && shown.reason === agentClosed ? `${agentClosed}: ${why}` : shown.reason,
    step: row.state === "waiting" ? progress?.step || undefined : undefined,
    approvedBy: progress?.approvedBy || output?.approvedBy || undefined,
  };
}

function judged(row: Omit<ListedSession, "task_result">, now: Date): Omit<ShownSession, "step" | "approvedBy"> {
  if (row.state === "waiting" && row.task_state !== null && refusedStates.includes(row.task_state)) {
    return { ...row, state: "refused", reason: row.task_message ?? "the agent did not open it" };
  }
  if (row.state !== "closed" && row.ends_at <= now.getTime()) {
    const reason = row.state === "open" ? "its time was over" : "the agent did not open it in time";
    return { ...row, state: row.state === "open" ? "closed" : "expired", reason };
  }
  return { ...row, reason: row.end_reason };
}

interface AskedDevice {
  deviceId: string;
  address: string;
  serial: string;
  /** The agent's own id of the device. */
  key: string;
}

/** The part of the device that was seen last, with the agent's own id. */
async function deviceAndAgent(
  tenant: Tenant,
  { device: text }: SessionWish,
): Promise<{ device: AskedDevice; agent: AgentRow }> {
  const group = await deviceOf(tenant, text);
  const parts = [...group.parts].sort((a, b) => b.agent_seen_at - a.agent_seen_at);
  let agent: AgentRow | undefined;
  for (const part of parts) {
    const owner = await agentOf(tenant, part.agent_id);
    agent ??= owner;
    if (owner.state !== "active") continue;
    const before = `${part.agent_id} `;
    const keys = (await allEvidenceOf(tenant, part.device_id))
      .filter(({ kind, value, current }) => kind === "key" && current === 1 && value.startsWith(before))
      .sort((a, b) => b.seen_at - a.seen_at);
    const [key] = keys;
    if (key === undefined) continue;
    const { serial } = rowOf(group);
    return {
      agent: owner,
      device: {
        deviceId: group.deviceId,
        address: part.address,
        serial: part.serial ?? serial ?? "",
        key: key.value.slice(before.length),
      },
    };
  }
  if (agent !== undefined && agent.state !== "active") {
    throw new UsageError(
      `Cannot open a session to "${text}" as its agent ${agent.agent_id} is revoked`,
      "activate an agent at its site, which finds the device again",
    );
  }
  throw new UsageError(
    `Cannot open a session to "${text}" as no agent has it in its inventory`,
    "opendca-platform device show shows who has read it",
  );
}

/** Throws UsageError if the agent would refuse it. */
export function checkedAgent(
  agent: AgentRow,
  { port, at, what = "open a session" }: { port: number; at: Date; what?: string },
): WebAccessPolicy {
  const { agent_id: agentId, version } = agent;
  const now = at.getTime();
  if (agent.last_seen_at === null || isLate(agent, now)) {
    const note = maybeAgentNote(agent, now) ?? "not reported yet";
    throw new UsageError(
      `Cannot ${what} as the agent ${agentId} is silent: ${note}`,
      "try again when it reports",
    );
  }
  const policy = agent.status === null ? undefined : AgentStatus.decode(agent.status).webAccess;
  if (policy === undefined) {
    throw new UsageError(
      `Cannot ${what} as the agent ${agentId} has no web access: current value of its version is "${version}"`,
      "update the agent",
    );
  }
  if (!policy.allowed) {
    throw new UsageError(
      `Cannot ${what} as the administrator of the agent ${agentId} has not allowed web access`,
      "policy.features.webAccess in its agent.yaml allows it",
    );
  }
  if (policy.ports.includes(port)) return policy;
  throw new UsageError(
    `Cannot ${what} to port ${port} as the agent ${agentId} allows others only: current value is "${
      policy.ports.join(", ")
    }"`,
    "policy.ports.webAccess in its agent.yaml lists them",
  );
}

interface Order {
  message: OpenWebAccess;
  agentId: string;
  deviceId: string;
  openedBy: string;
  scheme: Scheme;
  keyDigest: Uint8Array;
  at: Date;
  endsAt: Date;
}

const messageSchemes: Record<Scheme, WebAccessScheme> = {
  http: WebAccessScheme.HTTP,
  https: WebAccessScheme.HTTPS,
  raw: WebAccessScheme.RAW,
};

async function orderOf(
  tenant: Tenant,
  { wish, device, agent, gateway, at, openedBy }: {
    wish: SessionWish;
    device: AskedDevice;
    agent: AgentRow;
    gateway: Gateway;
    at: Date;
    openedBy: string;
  },
): Promise<Order> {
  const { agent_id: agentId } = agent, { port, scheme } = wish;
  const certificate = await certificateInUse(tenant, agentId);
  if (certificate === undefined) {
    throw new UsageError(`Cannot open a session as the agent ${agentId} has no certificate`, "activate it again");
  }
  const sessionId = newId("ses");
  const { privateKey, digest, forwardKey } = await makeOneTimeKey();
  const endsAt = new Date(at.getTime() + Math.min(wish.lastsMs, longestSessionMs));
  const forwardPort = gateway.sshd === undefined ? 0 : await claimPort(tenant.transaction, {
    gatewayId: gateway.gatewayId,
    ...gateway.sshd,
    sessionId,
    keyDigest: digest,
    forwardKey,
    at,
    endsAt,
  });
  const message = OpenWebAccess.create({
    sessionId,
    deviceKey: device.key,
    address: device.address,
    serial: device.serial,
    port,
    scheme: messageSchemes[scheme],
    gateways: gateway.hosts,
    hostKey: Buffer.from(gateway.hostKey),
    sealedKey: sealSecret(privateKey, { certificate: certificate.der, context: sessionId }),
    endsAt,
    openedBy,
    gatewayUser: gateway.sshd?.user ?? "",
    forwardPort,
  });
  return { message, agentId, deviceId: device.deviceId, openedBy, scheme, keyDigest: digest, at, endsAt };
}

/** Stores the session and its task. */
async function keepOrder(
  platform: Platform,
  tenant: Tenant,
  { message, agentId, deviceId, openedBy, scheme, keyDigest, at, endsAt }: Order,
): Promise<{ sessionId: string; label: string; taskId: string; endsAt: Date }> {
  const taskId = crypto.randomUUID(), label = newLabel(), { sessionId, address, port } = message;
  const payload = { $case: "openWebAccess", value: message } as const;
  const task = Task.create({ taskId, agentId, issuedAt: at, expiresAt: endsAt, payload });
  const signed = signTask(platform.signingKey, task);
  await addTask(tenant, { taskId, agentId, kind: payload.$case, signed, at, expiresAt: endsAt });
  await addSession(tenant, {
    session_id: sessionId,
    label,
    agent_id: agentId,
    device_id: deviceId,
    task_id: taskId,
    address,
    port,
    scheme,
    openedBy,
    keyDigest,
    at,
    endsAt,
  });
  return { sessionId, label, taskId, endsAt };
}
