/** Lists that begin with the newest row, for other programs; a page goes on behind the last row of the one before. */
import { type ShownSession, shownSession } from "../access/manage_sessions.ts";
import { maybeSession } from "../access/sessions.ts";
import { type CodeRow, type CodeState } from "../agents/activation_codes.ts";
import type { AuditEntry } from "../audit/audit_log.ts";
import { type Base, readTenant, type TenantBy } from "../audit/use_case.ts";
import type { Parameters, Tenant } from "../store/store.ts";
import type { TaskRow } from "../tasks/tasks.ts";
import type { Value } from "./filter.ts";

export interface NewestWish {
  /** Of the page before. */
  after?: readonly Value[] | undefined;
  limit: number;
  /** Those that may be seen. */
  sites: "all" | readonly string[];
}

export interface NewestPage<Row> {
  rows: Row[];
  next: Value[] | undefined;
}

interface Query {
  select: string;
  from: string;
  where: string;
  /** What is sorted by, the first one downwards. */
  order: readonly [time: string, ...key: string[]];
  parameters?: Parameters;
}

async function pageOf<Row>(
  tenant: Tenant,
  { select, from, where, order, parameters = {} }: Query,
  { after, limit, sites }: NewestWish,
): Promise<NewestPage<Row>> {
  const all: Parameters = { ...parameters, limit: limit + 1 };
  const conditions = [where];
  if (sites !== "all") {
    const names = sites.map((site, i) => (all[`site_${i}`] = site, `:site_${i}`));
    conditions.push(names.length === 0 ? "1 = 0" : `a.site_id IN (${names.join(", ")})`);
  }
  const [time, ...key] = order;
  if (after !== undefined) {
    order.forEach((_, i) => all[`after_${i}`] = after[i] as string | number);
    const behind = key.length === 0
      ? ""
      : ` AND (${time} < :after_0 OR (${key.join(", ")}) > (${key.map((_, i) => `:after_${i + 1}`).join(", ")}))`;
    conditions.push(`${time} <${key.length === 0 ? "" : "="} :after_0${behind}`);
  }
  const found = await tenant.all<Row & Record<`sort_${number}`, Value>>(
    `SELECT ${select}, ${order.map((sql, i) => `${sql} AS sort_${i}`).join(", ")} FROM ${from}
     WHERE ${conditions.join(" AND ")} ORDER BY ${time} DESC${key.map((sql) => `, ${sql}`).join("")} LIMIT :limit`,
    all,
  );
  const rows = found.slice(0, limit), last = rows.at(-1);
  const hasMore = found.length > limit && last !== undefined;
  return { rows, next: hasMore ? order.map((_, i) => last[`sort_${i}`]!) : undefined };
}

const ofAgent = (table: string) =>
  `JOIN agents a ON a.customer_id = ${table}.customer_id AND a.agent_id = ${table}.agent_id`;

export function newestTasks(
  platform: Base,
  by: TenantBy,
  { taskId, agentId, ...wish }: NewestWish & { taskId?: string | undefined; agentId?: string | undefined },
): Promise<NewestPage<TaskRow>> {
  return readTenant(platform, by, (tenant) =>
    pageOf<TaskRow>(tenant, {
      select: "t.*",
      from: `tasks t ${ofAgent("t")}`,
      where: `t.customer_id = :customer${taskId === undefined ? "" : " AND t.task_id = :task_id"}${
        agentId === undefined ? "" : " AND t.agent_id = :agent_id"
      }`,
      order: ["t.created_at", "t.task_id"],
      parameters: {
        ...(taskId === undefined ? {} : { task_id: taskId }),
        ...(agentId === undefined ? {} : { agent_id: agentId }),
      },
    }, wish));
}

export function newestSessions(
  platform: Base,
  by: TenantBy,
  { sessionId, ...wish }: NewestWish & { sessionId?: string | undefined },
): Promise<NewestPage<ShownSession>> {
  const at = platform.clock.now();
  return readTenant(platform, by, async (tenant) => {
    const { rows, next } = await pageOf<{ session_id: string }>(tenant, {
      select: "s.session_id",
      from: `access_sessions s ${ofAgent("s")}`,
      where: `s.customer_id = :customer${sessionId === undefined ? "" : " AND s.session_id = :session_id"}`,
      order: ["s.created_at", "s.session_id"],
      parameters: sessionId === undefined ? {} : { session_id: sessionId },
    }, wish);
    const sessions: ShownSession[] = [];
    for (const { session_id } of rows) sessions.push(shownSession((await maybeSession(tenant, session_id))!, at));
    return { rows: sessions, next };
  });
}

export type ListedCode = Omit<CodeRow, "state" | "digest"> & { state: CodeState | "expired"; site: string };

export function newestCodes(
  platform: Base,
  by: TenantBy,
  { codeId, ...wish }: NewestWish & { codeId?: string | undefined },
): Promise<NewestPage<ListedCode>> {
  const now = platform.clock.now().getTime();
  return readTenant(platform, by, async (tenant) => {
    const { rows, next } = await pageOf<CodeRow & { site: string }>(tenant, {
      select: "a.*, l.name AS site",
      from: "activation_codes a JOIN sites l ON l.customer_id = a.customer_id AND l.site_id = a.site_id",
      where: `a.customer_id = :customer${codeId === undefined ? "" : " AND a.code_id = :code_id"}`,
      order: ["a.created_at", "a.code_id"],
      parameters: codeId === undefined ? {} : { code_id: codeId },
    }, wish);
    return {
      rows: rows.map((row) => ({
        ...row,
        state: row.state === "open" && row.expires_at <= now ? "expired" : row.state,
      })),
      next,
    };
  });
}

/** What concerns the customer. */
export function newestAudit(
  platform: Base,
  by: TenantBy,
  wish: Omit<NewestWish, "sites">,
): Promise<NewestPage<AuditEntry>> {
  return readTenant(platform, by, (tenant) =>
    pageOf<AuditEntry>(tenant, {
      select: "e.*",
      from: "audit_log e",
      where: "e.customer_id = :customer",
      order: ["e.entry"],
    }, { ...wish, sites: "all" }));
}

export interface MeterSample {
  device_id: string;
  name: string;
  observed_at: number;
  value: number;
  unit: string;
}

/** Values of the counters of a device and of the parts merged with it. */
export function newestSamples(
  platform: Base,
  by: TenantBy,
  { deviceId, name, from, until, ...wish }: Omit<NewestWish, "sites"> & {
    deviceId: string;
    name?: string | undefined;
    /** Milliseconds since 1970: the first included, the second excluded. */
    from?: number | undefined;
    until?: number | undefined;
  },
): Promise<NewestPage<MeterSample>> {
  return readTenant(platform, by, (tenant) =>
    pageOf<MeterSample>(tenant, {
      select: "m.name, m.observed_at, m.value, m.unit",
      from: "samples m",
      where: `m.customer_id = :customer AND m.kind = 'meter' AND m.device_id IN
        (SELECT device_id FROM devices WHERE customer_id = :customer AND (device_id = :device OR merged_into = :device))${
        name === undefined ? "" : " AND m.name = :name"
      }${from === undefined ? "" : " AND m.observed_at >= :from"}${
        until === undefined ? "" : " AND m.observed_at < :until"
      }`,
      order: ["m.observed_at", "m.name", "m.device_id", "m.origin"],
      parameters: {
        device: deviceId,
        ...(name === undefined ? {} : { name }),
        ...(from === undefined ? {} : { from }),
        ...(until === undefined ? {} : { until }),
      },
    }, { ...wish, sites: "all" }));
}

/** Counters of all devices, device after device, oldest first: for an export that goes on behind a position. */
export function exportedSamples(
  platform: Base,
  by: TenantBy,
  { after = ["", "", 0, ""], limit, sites, from, until }: NewestWish & { from: number; until: number },
): Promise<NewestPage<MeterSample>> {
  return readTenant(platform, by, async (tenant) => {
    const parameters: Parameters = { limit, from, until };
    after.forEach((value, i) => parameters[`after_${i}`] = value as string | number);
    const names = sites === "all" ? [] : sites.map((site, i) => (parameters[`site_${i}`] = site, `:site_${i}`));
    const ofSites = sites === "all" ? "" : ` AND m.device_id IN (SELECT d.device_id FROM devices d ${ofAgent("d")}
       WHERE d.customer_id = :customer AND ${names.length === 0 ? "1 = 0" : `a.site_id IN (${names.join(", ")})`})`;
    const rows = await tenant.all<MeterSample & { origin: string }>(
      `SELECT m.device_id, m.name, m.observed_at, m.value, m.unit, m.origin FROM samples m
       WHERE m.customer_id = :customer AND m.kind = 'meter' AND m.observed_at >= :from AND m.observed_at < :until
         AND (m.device_id, m.kind, m.name, m.observed_at, m.origin) > (:after_0, 'meter', :after_1, :after_2, :after_3)${ofSites}
       ORDER BY m.device_id, m.kind, m.name, m.observed_at, m.origin LIMIT :limit`,
      parameters,
    );
    const last = rows.at(-1);
    return {
      rows,
      next: last !== undefined && rows.length === limit
        ? [last.device_id, last.name, last.observed_at, last.origin]
        : undefined,
    };
  });
}
