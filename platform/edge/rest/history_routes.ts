/** Routes of what was: counters over time, and the audit log. */
import { exportedSamples, type MeterSample, newestAudit, newestSamples } from "../../interfaces/newest_first.ts";
import { rowNamed } from "./list_routes.ts";
import { cursorOf, placeOf } from "./paging.ts";
import type { RestRequest, RestRoute } from "./route.ts";
import * as schemas from "./schemas.ts";

const iso = (ms: number) => new Date(ms).toISOString();

function shownSample({ device_id, name, observed_at, value, unit }: MeterSample) {
  return { deviceId: device_id, name, at: iso(observed_at), value, unit };
}

const period = { from: schemas.moment, until: schemas.moment };

export const historyRoutes: RestRoute[] = [
  {
    method: "get",
    path: "/customers/{customer}/devices/{device}/meter-samples",
    tag: "Meters",
    summary: "Values of the counters of a device over time, newest first",
    access: "customer",
    permission: "readMeters",
    query: {
      name: schemas.paging.cursor.unwrap().max(200).optional(),
      from: period.from.optional(),
      until: period.until.optional(),
      ...schemas.paging,
    },
    status: 200,
    answer: schemas.pageOf(schemas.meterSample, "MeterSample"),
    async handle(request) {
      const { platform, by, params, query } = request, list = `samples ${params.device}`;
      await rowNamed("devices", request, params.device!);
      const { rows, next } = await newestSamples(platform, by, {
        deviceId: params.device!,
        name: query.name,
        from: query.from === undefined ? undefined : Date.parse(query.from),
        until: query.until === undefined ? undefined : Date.parse(query.until),
        place: placeOf(request, list),
        limit: query.limit,
      });
      const items = rows.map((row) => shownSample({ ...row, device_id: params.device! }));
      return { items, next: cursorOf(request, list, next) };
    },
  },
  {
    method: "get",
    path: "/customers/{customer}/meter-samples",
    tag: "Meters",
    summary: "Values of all counters of a period, as lines of JSON (NDJSON)",
    access: "customer",
    permission: "readMeters",
    query: period,
    status: 200,
    isStream: true,
    handle: (request) => Promise.resolve({ parts: samplesOf(request) }),
  },
  {
    method: "get",
    path: "/customers/{customer}/audit",
    tag: "Audit log",
    summary: "What was done at a customer, newest first",
    access: "whole",
    permission: "readAudit",
    query: schemas.paging,
    status: 200,
    answer: schemas.pageOf(schemas.auditEntry, "AuditEntry"),
    async handle(request) {
      const { platform, by, query } = request;
      const { rows, next } = await newestAudit(platform, by, {
        place: placeOf(request, "audit"),
        limit: query.limit,
      });
      const items = rows.map(({ entry, at, actor, action, subject, detail, digest }) => ({
        entry,
        at: iso(at),
        actor,
        action,
        subject,
        detail: JSON.parse(detail),
        digest,
      }));
      return { items, next: cursorOf(request, "audit", next) };
    },
  },
];

async function* samplesOf({ platform, by, sites, query }: RestRequest): AsyncGenerator<string> {
  const from = Date.parse(query.from), until = Date.parse(query.until);
  let after: Parameters<typeof exportedSamples>[2]["after"];
  do {
    const { rows, next } = await exportedSamples(platform, by, { after, limit: 1000, sites, from, until });
    yield rows.map((row) => `${JSON.stringify(shownSample(row))}\n`).join("");
    after = next;
  } while (after !== undefined);
}
