/** Routes of customers and of what agents are asked to do. */
import { closeSession, type OpenedSession, openSession, type ShownSession } from "../../access/manage_sessions.ts";
import { createLink } from "../../access/web_sessions.ts";
import { createCode, usesLeft, withdrawCode } from "../../agents/activation_codes.ts";
import { revokeAgent } from "../../agents/manage_agents.ts";
import {
  createCustomer,
  createSite,
  type CustomerRow,
  listCustomers,
  listSites,
  type SiteRow,
} from "../../customers/customers.ts";
import { newestCodes, newestSessions, newestTasks } from "../../interfaces/newest_first.ts";
import { cancelTask, type CreatedTask, createTask, type TaskPayload } from "../../tasks/manage_tasks.ts";
import { maybeTaskResult, taskOutcome } from "../../tasks/task_outcome.ts";
import type { TaskRow } from "../../tasks/tasks.ts";
import { tokenSites } from "../../users/api_tokens.ts";
import { seesSite } from "../../users/permissions.ts";
import { rowNamed } from "./list_routes.ts";
import { cursorOf, placeOf, positionOf } from "./paging.ts";
import { Problem } from "./problem.ts";
import type { RestRequest, RestRoute } from "./route.ts";
import * as schemas from "./schemas.ts";

const minuteMs = 60_000, dayMs = 86_400_000;
const iso = (ms: number) => new Date(ms).toISOString();
const maybeIso = (ms: number | null) => ms === null ? null : iso(ms);

function shownCustomer({ customer_id, name, created_at, closed_at }: CustomerRow) {
  return { customerId: customer_id, name, createdAt: iso(created_at), closedAt: maybeIso(closed_at) };
}

function shownSite({ customer_id, site_id, name, created_at, closed_at }: SiteRow) {
  return { customerId: customer_id, siteId: site_id, name, createdAt: iso(created_at), closedAt: maybeIso(closed_at) };
}

function shownTask(row: TaskRow, now: number) {
  const result = maybeTaskResult(row);
  const isOver = (row.state === "waiting" || row.state === "delivered") && row.expires_at <= now;
  return {
    taskId: row.task_id,
    agentId: row.agent_id,
    kind: row.kind,
    state: isOver ? "expired" : row.state,
    createdAt: iso(row.created_at),
    changedAt: iso(row.changed_at),
    expiresAt: iso(row.expires_at),
    outcome: result === undefined ? row.message : taskOutcome(result),
  };
}

function shownSession(row: ShownSession) {
  return {
    sessionId: row.session_id,
    deviceId: row.device_id,
    agentId: row.agent_id,
    address: row.address,
    port: row.port,
    scheme: row.scheme,
    state: row.state,
    reason: row.reason,
    openedBy: row.opened_by,
    createdAt: iso(row.created_at),
    endsAt: iso(row.ends_at),
  };
}

/** Throws Problem for one that the token may not see. */
async function ofTask(request: RestRequest): Promise<TaskRow> {
  const { platform, by, sites, params } = request;
  const { rows: [row] } = await newestTasks(platform, by, { taskId: params.task, sites, limit: 1 });
  if (row !== undefined) return row;
  throw new Problem(404, `Cannot find the task "${params.task}"`);
}

async function ofSession(request: RestRequest): Promise<ShownSession> {
  const { platform, by, sites, params } = request;
  const { rows: [row] } = await newestSessions(platform, by, { sessionId: params.session, sites, limit: 1 });
  if (row !== undefined) return row;
  throw new Problem(404, `Cannot find the session "${params.session}"`);
}

function payloadOf(body: schemas.NewTask): TaskPayload {
  switch (body.kind) {
    case "scan":
      return {
        $case: "scanNow",
        value: { site: "", targets: body.targets, knownDevicesOnly: body.knownDevicesOnly },
      };
    case "ping":
      return { $case: "ping", value: { target: body.target, count: body.count } };
    case "diagnostics":
      return { $case: "diagnostics", value: { logHours: body.logHours } };
  }
}

const customerRoutes: RestRoute[] = [
  {
    method: "get",
    path: "/token",
    tag: "Token",
    summary: "What the token itself may do",
    access: "token",
    status: 200,
    answer: schemas.own,
    handle: ({ token: { tokenId, permissions, places } }) => Promise.resolve({ tokenId, permissions, places }),
  },
  {
    method: "get",
    path: "/customers",
    tag: "Customers",
    summary: "Customers that the token may see, by name",
    access: "fleet",
    permission: "readFleet",
    query: schemas.paging,
    status: 200,
    answer: schemas.pageOf(schemas.customer, "Customer"),
    async handle(request) {
      const { platform, by, token, query } = request;
      const all = await listCustomers(platform, by, { dealer: token.dealerId });
      const keyOf = (row: CustomerRow) => [row.name.toLowerCase(), row.customer_id].join("\0");
      const after = positionOf(request, "customers")?.[0];
      const rows = all.filter((row) =>
        tokenSites(token, "readFleet", row.customer_id).length > 0 && (after == null || keyOf(row) > String(after))
      ).sort((a, b) => keyOf(a) < keyOf(b) ? -1 : 1);
      const shown = rows.slice(0, query.limit), last = shown.at(-1);
      const next = rows.length > shown.length && last !== undefined ? [keyOf(last)] : undefined;
      return { items: shown.map(shownCustomer), next: cursorOf(request, "customers", next) };
    },
  },
  {
    method: "post",
    path: "/customers",
    tag: "Customers",
    summary: "Make a customer",
    access: "dealer",
    permission: "manageCustomers",
    body: schemas.named,
    isKeyed: true,
    status: 201,
    answer: schemas.customer,
    handle: ({ platform, by, token, body }) =>
      createCustomer(platform, by, { name: body.name, dealer: token.dealerId }),
    show: shownCustomer,
  },
  {
    method: "get",
    path: "/customers/{customer}/sites",
    tag: "Customers",
    summary: "Sites of a customer, by name",
    access: "customer",
    permission: "readFleet",
    status: 200,
    answer: schemas.pageOf(schemas.site, "Site"),
    async handle({ platform, by, sites }) {
      const rows = (await listSites(platform, by)).filter(({ site_id }) => seesSite(sites, site_id));
      return { items: rows.map(shownSite), next: null };
    },
  },
  {
    method: "post",
    path: "/customers/{customer}/sites",
    tag: "Customers",
    summary: "Make a site",
    access: "whole",
    permission: "manageCustomers",
    body: schemas.named,
    isKeyed: true,
    status: 201,
    answer: schemas.site,
    handle: ({ platform, by, body }) => createSite(platform, by, { name: body.name }),
    show: shownSite,
  },
  {
    method: "post",
    path: "/customers/{customer}/agents/{agent}/revoke",
    tag: "Agents",
    summary: "Refuse all further calls of an agent",
    access: "customer",
    permission: "manageAgents",
    body: schemas.revocation,
    isKeyed: true,
    status: 204,
    async handle(request) {
      const { platform, by, params, body } = request;
      await rowNamed("agents", request, params.agent!);
      await revokeAgent(platform, by, { agentId: params.agent!, reason: body.reason });
    },
  },
];

const taskRoutes: RestRoute[] = [
  {
    method: "get",
    path: "/customers/{customer}/tasks",
    tag: "Tasks",
    summary: "Tasks and their outcome, newest first",
    access: "customer",
    permission: "readFleet",
    query: { agent: schemas.paging.cursor.unwrap().max(100).optional(), ...schemas.paging },
    status: 200,
    answer: schemas.pageOf(schemas.task, "Task"),
    async handle(request) {
      const { platform, by, sites, query } = request, now = platform.clock.now().getTime();
      const place = placeOf(request, "tasks");
      const page = await newestTasks(platform, by, { place, sites, limit: query.limit, agentId: query.agent });
      return { items: page.rows.map((row) => shownTask(row, now)), next: cursorOf(request, "tasks", page.next) };
    },
  },
  {
    method: "post",
    path: "/customers/{customer}/tasks",
    tag: "Tasks",
    summary: "Ask an agent to scan, ping or collect diagnostics",
    access: "customer",
    permission: "runTasks",
    body: schemas.newTask,
    isKeyed: true,
    status: 201,
    answer: schemas.task,
    async handle(request) {
      const { platform, by, sites, body } = request;
      await rowNamed("agents", { platform, by, sites }, body.agentId);
      return await createTask(platform, by, {
        agentId: body.agentId,
        payload: payloadOf(body),
        validMs: body.validMinutes * minuteMs,
      });
    },
    show({ expiresAt, ...made }: CreatedTask, { platform }) {
      const createdAt = platform.clock.now().toISOString();
      return {
        ...made,
        state: "waiting",
        createdAt,
        changedAt: createdAt,
        expiresAt: expiresAt.toISOString(),
        outcome: null,
      };
    },
  },
  {
    method: "get",
    path: "/customers/{customer}/tasks/{task}",
    tag: "Tasks",
    summary: "One task",
    access: "customer",
    permission: "readFleet",
    status: 200,
    answer: schemas.task,
    handle: async (request) => shownTask(await ofTask(request), request.platform.clock.now().getTime()),
  },
  {
    method: "post",
    path: "/customers/{customer}/tasks/{task}/cancel",
    tag: "Tasks",
    summary: "Stop a task, whether it waits or runs",
    access: "customer",
    permission: "runTasks",
    status: 200,
    answer: schemas.cancelled,
    async handle(request) {
      const { task_id: taskId } = await ofTask(request);
      const { state } = await cancelTask(request.platform, request.by, { taskId });
      return { taskId, state };
    },
  },
];

const accessRoutes: RestRoute[] = [
  {
    method: "get",
    path: "/customers/{customer}/access-sessions",
    tag: "Web access",
    summary: "Sessions of Device Web Access, newest first",
    access: "customer",
    permission: "openWebAccess",
    query: schemas.paging,
    status: 200,
    answer: schemas.pageOf(schemas.accessSession, "AccessSession"),
    async handle(request) {
      const { platform, by, sites, query } = request, place = placeOf(request, "sessions");
      const { rows, next } = await newestSessions(platform, by, { place, sites, limit: query.limit });
      return { items: rows.map(shownSession), next: cursorOf(request, "sessions", next) };
    },
  },
  {
    method: "post",
    path: "/customers/{customer}/access-sessions",
    tag: "Web access",
    summary: "Ask for a session to a device",
    access: "customer",
    permission: "openWebAccess",
    body: schemas.newAccessSession,
    isKeyed: true,
    status: 201,
    answer: schemas.openedSession,
    async handle(request) {
      const { platform, by, sites, body } = request;
      await rowNamed("devices", { platform, by, sites }, body.deviceId);
      return await openSession(platform, by, {
        device: body.deviceId,
        port: body.port,
        scheme: body.scheme,
        lastsMs: body.minutes * minuteMs,
      });
    },
    show: ({ sessionId, taskId, endsAt, needsApproval }: OpenedSession) => ({
      sessionId,
      taskId,
      endsAt: endsAt.toISOString(),
      needsApproval,
    }),
  },
  {
    method: "get",
    path: "/customers/{customer}/access-sessions/{session}",
    tag: "Web access",
    summary: "One session",
    access: "customer",
    permission: "openWebAccess",
    status: 200,
    answer: schemas.accessSession,
    handle: async (request) => shownSession(await ofSession(request)),
  },
  {
    method: "post",
    path: "/customers/{customer}/access-sessions/{session}/link",
    tag: "Web access",
    summary: "An address that opens the session in one browser, for ten minutes",
    access: "customer",
    permission: "openWebAccess",
    status: 201,
    answer: schemas.link,
    async handle(request) {
      const { session_id: sessionId } = await ofSession(request);
      return await createLink(request.platform, request.by, { sessionId });
    },
  },
  {
    method: "delete",
    path: "/customers/{customer}/access-sessions/{session}",
    tag: "Web access",
    summary: "End a session",
    access: "customer",
    permission: "openWebAccess",
    status: 204,
    async handle(request) {
      const { session_id: sessionId } = await ofSession(request);
      await closeSession(request.platform, request.by, { sessionId, reason: "closed by a program" });
    },
  },
];

const codeRoutes: RestRoute[] = [
  {
    method: "get",
    path: "/customers/{customer}/activation-codes",
    tag: "Activation codes",
    summary: "Activation codes without their secrets, newest first",
    access: "customer",
    permission: "manageAgents",
    query: schemas.paging,
    status: 200,
    answer: schemas.pageOf(schemas.code, "ActivationCode"),
    async handle(request) {
      const { platform, by, sites, query } = request, place = placeOf(request, "codes");
      const { rows, next } = await newestCodes(platform, by, { place, sites, limit: query.limit });
      const items = rows.map((row) => ({
        codeId: row.code_id,
        siteId: row.site_id,
        site: row.site,
        state: row.state,
        createdAt: iso(row.created_at),
        expiresAt: iso(row.expires_at),
        mostUses: row.most_uses,
        usesLeft: usesLeft(row),
        agentId: row.agent_id,
      }));
      return { items, next: cursorOf(request, "codes", next) };
    },
  },
  {
    method: "post",
    path: "/customers/{customer}/activation-codes",
    tag: "Activation codes",
    summary: "Make an activation code for one agent, or for several",
    access: "customer",
    permission: "manageAgents",
    body: schemas.newCode,
    isKeyed: true,
    status: 201,
    answer: schemas.madeCode,
    async handle({ platform, by, sites, body }) {
      const site = (await listSites(platform, by)).find(({ site_id }) => site_id === body.siteId);
      if (site === undefined || !seesSite(sites, body.siteId)) {
        throw new Problem(404, `Cannot find the site "${body.siteId}"`);
      }
      return await createCode(platform, by, {
        site: body.siteId,
        validMs: body.validDays * dayMs,
        uses: body.uses,
      });
    },
    show: (made: { expiresAt: Date }) => ({ ...made, expiresAt: made.expiresAt.toISOString() }),
  },
  {
    method: "post",
    path: "/customers/{customer}/activation-codes/{code}/withdraw",
    tag: "Activation codes",
    summary: "Let an open code activate nothing",
    access: "customer",
    permission: "manageAgents",
    status: 204,
    async handle({ platform, by, sites, params }) {
      const { rows } = await newestCodes(platform, by, { codeId: params.code, sites, limit: 1 });
      if (rows.length === 0) throw new Problem(404, `Cannot find the code "${params.code}"`);
      await withdrawCode(platform, by, { codeId: params.code! });
    },
  },
];

export const workRoutes: readonly RestRoute[] = [
  ...customerRoutes,
  ...taskRoutes,
  ...accessRoutes,
  ...codeRoutes,
];
