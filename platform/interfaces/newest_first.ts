/** Lists that begin with the newest row, for other programs and for pages. */
import { type RequestRow, type ShownApproval, shownApproval } from "../access/approvals.ts";
import { type ShownSession, shownSession } from "../access/manage_sessions.ts";
import { type ListedSession, listedSessions } from "../access/sessions.ts";
import { type CodeRow, type CodeState } from "../agents/activation_codes.ts";
import type { AuditEntry, AuditSearch } from "../audit/audit_log.ts";
import { auditOfCustomer } from "../audit/read_audit.ts";
import { type Base, readTenant, type TenantBy } from "../audit/use_case.ts";
import { type PageOf, pageOf, type Place, type Position } from "../store/page.ts";
import type { Parameters, Tenant } from "../store/store.ts";
import type { TaskRow } from "../tasks/tasks.ts";

export interface NewestWish {
  place?: Place;
  limit: number;
  /** Those that may be seen. */
  sites: "all" | readonly string[];
}

interface Query {
  columns: string;
  from: string;
  where: string;
  /** What is sorted by, the first one downwards. */
  order: readonly [time: string, ...key: string[]];
  parameters?: Parameters;
}

function newestPage<Row extends object>(
  tenant: Tenant,
  { where, order: [time, ...key], parameters = {}, ...query }: Query,
  { place, limit, sites }: NewestWish,
): Promise<PageOf<Row>> {
  const all: Parameters = { ...parameters }, conditions = [where];
  if (sites !== "all") {
    const names = sites.map((site, i) => (all[`site_${i}`] = site, `:site_${i}`));
    conditions.push(names.length === 0 ? "1 = 0" : `a.site_id IN (${names.join(", ")})`);
  }
  const keys = [{ sql: time, isDescending: true }, ...key.map((sql) => ({ sql }))];
  return pageOf(tenant, { ...query, where: conditions.join(" AND "), keys, parameters: all }, { place, limit });
}

const ofAgent = (table: string) =>
  `JOIN agents a ON a.customer_id = ${table}.customer_id AND a.agent_id = ${table}.agent_id`;

export function newestTasks(
  platform: Base,
  by: TenantBy,
  { taskId, agentId, ...wish }: NewestWish & { taskId?: string | undefined; agentId?: string | undefined },
): Promise<PageOf<TaskRow>> {
  return readTenant(platform, by, (tenant) =>
    newestPage<TaskRow>(tenant, {
      columns: "t.*",
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
): Promise<PageOf<ShownSession>> {
  const at = platform.clock.now();
  return readTenant(platform, by, async (tenant) => {
    const page = await newestPage<ListedSession>(tenant, {
      columns: listedSessions.columns,
      from: `${listedSessions.from} ${ofAgent("s")}`,
      where: `s.customer_id = :customer${sessionId === undefined ? "" : " AND s.session_id = :session_id"}`,
      order: ["s.created_at", "s.session_id"],
      parameters: sessionId === undefined ? {} : { session_id: sessionId },
    }, wish);
    return { ...page, rows: page.rows.map((row) => shownSession(row, at)) };
  });
}

export function newestApprovals(platform: Base, by: TenantBy, wish: NewestWish): Promise<PageOf<ShownApproval>> {
  const at = platform.clock.now();
  return readTenant(platform, by, async (tenant) => {
    const page = await newestPage<RequestRow>(tenant, {
      columns: "q.*",
      from: `approval_requests q ${ofAgent("q")}`,
      where: "q.customer_id = :customer",
      order: ["q.asked_at", "q.request_id"],
    }, wish);
    return { ...page, rows: page.rows.map((row) => shownApproval(row, at)) };
  });
}

export type ListedCode = Omit<CodeRow, "state" | "digest"> & { state: CodeState | "expired"; site: string };

export function newestCodes(
  platform: Base,
  by: TenantBy,
  { codeId, ...wish }: NewestWish & { codeId?: string | undefined },
): Promise<PageOf<ListedCode>> {
  const now = platform.clock.now().getTime();
  return readTenant(platform, by, async (tenant) => {
    const page = await newestPage<CodeRow & { site: string }>(tenant, {
      columns: "a.*, l.name AS site",
      from: "activation_codes a JOIN sites l ON l.customer_id = a.customer_id AND l.site_id = a.site_id",
      where: `a.customer_id = :customer${codeId === undefined ? "" : " AND a.code_id = :code_id"}`,
      order: ["a.created_at", "a.code_id"],
      parameters: codeId === undefined ? {} : { code_id: codeId },
    }, wish);
    return {
      ...page,
      rows: page.rows.map((row) => ({
        ...row,
        state: row.state === "open" && row.expires_at <= now ? "expired" : row.state,
      })),
    };
  });
}

/** What concerns the customer. */
export function newestAudit(
  platform: Base,
  by: TenantBy,
  { place, limit, ...search }: Omit<NewestWish, "sites"> & AuditSearch,
): Promise<PageOf<AuditEntry>> {
  return readTenant(platform, by, (tenant) => pageOf(tenant, auditOfCustomer(search), { place, limit }));
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
): Promise<PageOf<MeterSample>> {
  return readTenant(platform, by, (tenant) =>
    newestPage<MeterSample>(tenant, {
      columns: "m.name, m.observed_at, m.value, m.unit",
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
  { after = ["", "", 0, ""], limit, sites, from, until }: Omit<NewestWish, "place"> & {
    /** Of the lot before. */
    after?: Position | undefined;
    from: number;
    until: number;
  },
): Promise<Pick<PageOf<MeterSample>, "rows" | "next">> {
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
