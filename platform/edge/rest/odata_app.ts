/**
 * A read-only subset of OData 4.0 for Excel and Power BI: $filter, $select, $orderby, $top, $skip, $count and pages that
 * the server ends. Lists are those of the REST interface, over all customers that the token may see.
 */
import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import { messageOf, UnavailableError, UsageError } from "../../../common/core/errors.ts";
import type { Platform } from "../../agents/platform.ts";
import type { By } from "../../audit/use_case.ts";
import { customerNames } from "../../customers/customers.ts";
import { maybeReadCursor, writeCursor } from "../../interfaces/cursor.ts";
import { entities, type Entity, type EntityName } from "../../interfaces/entities.ts";
import type { Row, Value } from "../../interfaces/filter.ts";
import { listEntities, type ListWish, type Scope, TooMuchWorkError } from "../../interfaces/list_entities.ts";
import { Turns } from "../../store/turns.ts";
import { type TokenCaller, tokenMay, tokenSites } from "../../users/api_tokens.ts";
import type { Permission } from "../../users/permissions.ts";
import { shownRow } from "./list_routes.ts";
import { parseFilter, parseOrder } from "./odata_filter.ts";
import { canCompare, entityList, metadata, odataName, odataRoot } from "./odata_names.ts";
import { Problem, type ProblemStatus, refuseNul } from "./problem.ts";
import { type TokenGate, tokenOf } from "./token_gate.ts";

/** Rows of a page, at most. */
const pageRows = 1000;
const mostSkipped = 1_000_000;
/** Lists of a token that the database is asked for at a time, by this process; others wait for so long. */
const mostLists = 4, waitMs = 30_000;
const known = ["$filter", "$select", "$orderby", "$top", "$skip", "$count", "$skiptoken", "$format"];

export function odataApp(platform: Platform, gate: TokenGate): Hono {
  const app = new Hono().basePath(odataRoot), turns = new Turns(mostLists);
  app.use(async (c, next) => {
    for (const [name, value] of headers) c.header(name, value);
    refuseNul("address", c.req.url);
    if (c.req.method !== "GET" && c.req.method !== "HEAD") throw new Problem(405, "OData is read-only here");
    const wanted = c.req.header("odata-maxversion") ?? "4.0";
    if (!/^4\.\d+$/.test(wanted)) throw new Problem(400, `OData-MaxVersion ${wanted.slice(0, 10)} is not supported`);
    const token = await gate.caller(c, tokenOf(c.req.header("authorization"), ["bearer", "basic"]));
    c.set("token" as never, token as never);
    const end = await turns.take(token.tokenId, waitMs);
    if (end === undefined) {
      c.header("retry-after", String(waitMs / 1000));
      throw new Problem(429, `${mostLists} lists of this token take long already: ask for the next one after them`);
    }
    try {
      await next();
    } finally {
      end();
    }
  });
  const tokenIn = (c: Context): TokenCaller => c.get("token" as never);
  app.get("/", (c) => sent(c, serviceDocument(c)));
  app.get("", (c) => sent(c, serviceDocument(c)));
  app.get("/$metadata", (c) => c.body(metadata(), 200, { "content-type": "application/xml;charset=utf-8" }));
  for (const [name, entity] of Object.entries(entities) as [EntityName, Entity][]) {
    app.get(`/${entity.set}`, async (c) => sent(c, await page(platform, tokenIn(c), { name, c })));
    app.get(`/${entity.set}/$count`, async (c) => {
      const { count } = await list(platform, tokenIn(c), { name, c, isCount: true });
      return c.body(String(count), 200, { "content-type": "text/plain;charset=utf-8" });
    });
    app.get(`/:one{${entity.set}\\(.+\\)}`, async (c) => sent(c, await one(platform, tokenIn(c), { name, c })));
  }
  app.notFound((c) => errorOf(c, 404, `There is no ${c.req.path.slice(0, 200)}`));
  app.onError((error, c) => failure(platform, error, c));
  return app;
}

const headers: [name: string, value: string][] = [
  ["odata-version", "4.0"],
  ["cache-control", "no-store"],
  ["x-content-type-options", "nosniff"],
  ["strict-transport-security", "max-age=31536000"],
];

/** Where this service is, as the program calls it. */
function rootOf(c: Context): string {
  return `${new URL(c.req.url).origin.replace(/^http:/, "https:")}${odataRoot}`;
}

function serviceDocument(c: Context) {
  const value = entityList.map(({ set }) => ({ name: set, kind: "EntitySet", url: set }));
  return { "@odata.context": `${rootOf(c)}/$metadata`, value };
}

interface Asked {
  name: EntityName;
  c: Context;
  isCount?: boolean;
}

/** The query's options, each once. Throws Problem. */
function optionsOf(c: Context): Record<string, string> {
  const options: Record<string, string> = {};
  for (const [name, values] of Object.entries(c.req.queries())) {
    if (!name.startsWith("$")) continue;
    if (!known.includes(name)) throw new Problem(501, `${name.slice(0, 40)} is not supported`);
    if (values.length > 1) throw new Problem(400, `${name} comes twice`);
    options[name] = values[0]!;
  }
  if (!/^(json|application\/json(;.*)?)$/.test(options.$format ?? "json")) {
    throw new Problem(501, "$format is json here");
  }
  return options;
}

function numberOf(options: Record<string, string>, name: string, most: number): number | undefined {
  const text = options[name];
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text) && Number(text) <= most) return Number(text);
  const instead = name === "$skip" ? ": follow @odata.nextLink, or filter by what the last row has" : "";
  throw new Problem(400, `${name} is a whole number of at most ${most}${instead}`);
}

function wishOf(
  { platform, token, scope }: { platform: Platform; token: TokenCaller; scope: Scope },
  { name, c, isCount = false }: Asked,
): { wish: ListWish; options: Record<string, string>; list: string; top: number | undefined; known: number | null } {
  const options = optionsOf(c), entity = entities[name], usable = (property: string) => canCompare(entity, property);
  const { $filter, $orderby, $count = "false", $skiptoken } = options;
  if (!/^(true|false)$/.test($count)) throw new Problem(400, "$count is true or false");
  const filter = $filter === undefined ? undefined : parseFilter($filter, entity, usable);
  const order = $orderby === undefined ? undefined : parseOrder($orderby, entity, usable);
  const top = numberOf(options, "$top", Number.MAX_SAFE_INTEGER), skip = numberOf(options, "$skip", mostSkipped);
  const list = JSON.stringify([odataRoot, 2, name, token.dealerId, $filter ?? "", $orderby ?? ""]);
  const read = $skiptoken === undefined
    ? undefined
    : maybeReadCursor($skiptoken, { pepper: platform.pepper, of: list });
  if ($skiptoken !== undefined && read === undefined) throw new Problem(400, "$skiptoken is not of this list");
  // Rows are counted once, with the first page.
  const [counted = null, ...after] = read ?? [], known = counted as number | null;
  return {
    options,
    list,
    top,
    known,
    wish: {
      entity: name,
      scope,
      filter,
      order,
      after: read && after,
      skip: read === undefined && !isCount ? skip : undefined,
      limit: isCount ? 0 : Math.min(top ?? pageRows, pageRows),
      withCount: isCount || ($count === "true" && known === null),
    },
  };
}

/** The customers that the token may see. */
async function scopeOf(platform: Platform, by: By, token: TokenCaller, permission: Permission): Promise<Scope> {
  if (!token.permissions.includes(permission)) throw new Problem(403, `The token lacks the permission "${permission}"`);
  const { dealerId } = token;
  if (token.customerId === undefined && tokenMay(token, permission, {})) return { dealerId };
  const all = await customerNames(platform, by, { dealerId });
  return {
    customers: all.flatMap(({ customer_id: customerId }) => {
      const sites = tokenSites(token, permission, customerId);
      return sites.length === 0 ? [] : [{ customerId, sites }];
    }),
  };
}

async function list(platform: Platform, token: TokenCaller, asked: Asked) {
  const by: By = { actor: { kind: "api-token", name: token.tokenId } };
  const scope = await scopeOf(platform, by, token, asked.name === "meters" ? "readMeters" : "readFleet");
  const made = wishOf({ platform, token, scope }, asked), page = await listEntities(platform, by, made.wish);
  return { ...made, ...page, count: page.count ?? made.known };
}

async function page(platform: Platform, token: TokenCaller, asked: Asked) {
  const { c, name } = asked, { rows, next, count, options, list: of, top } = await list(platform, token, asked);
  // A page can be shorter than it might be, and what is left to come is then more.
  const left = top === undefined ? undefined : top - rows.length;
  const selected = selectedOf(name, options.$select);
  const value = rows.map((row) => shown(name, row, selected, c));
  const hasMore = next !== undefined && (left === undefined || left > 0);
  return {
    "@odata.context": `${rootOf(c)}/$metadata#${entities[name].set}${
      options.$select === undefined ? "" : `(${selected.map(odataName).join(",")})`
    }`,
    ...(options.$count === "true" ? { "@odata.count": count } : {}),
    value,
    ...(hasMore
      ? {
        "@odata.nextLink": nextLink(
          asked,
          { ...options, next: writeCursor([count, ...next], { pepper: platform.pepper, of }) },
          left,
        ),
      }
      : {}),
  };
}

function nextLink({ c, name }: Asked, { next, ...options }: Record<string, string>, left: number | undefined): string {
  const { $skip: _, $skiptoken: __, $top: ___, ...kept } = options;
  const query = new URLSearchParams({
    ...kept,
    ...(left === undefined ? {} : { $top: String(left) }),
    $skiptoken: next!,
  });
  return `${rootOf(c)}/${entities[name].set}?${query}`;
}

async function one(platform: Platform, token: TokenCaller, { name, c }: Asked) {
  const entity = entities[name];
  const inside = /\((.*)\)$/.exec(c.req.param("one") ?? "")?.[1] ?? "";
  const given = Object.fromEntries(
    [...inside.matchAll(/(\w+)='((?:[^']|'')*)'(?:,|$)/g)].map(([, key, value]) => [key, value!.replaceAll("''", "'")]),
  );
  const filter = entity.key.map((property) => ({
    kind: "compare" as const,
    property,
    operator: "eq" as const,
    value: given[odataName(property)] ?? null,
  }));
  if (filter.some(({ value }) => value === null)) {
    throw new Problem(400, `The key is ${entity.key.map((property) => `${odataName(property)}='…'`).join(",")}`);
  }
  const by: By = { actor: { kind: "api-token", name: token.tokenId } };
  const scope = await scopeOf(platform, by, token, name === "meters" ? "readMeters" : "readFleet");
  const { rows } = await listEntities(platform, by, {
    entity: name,
    scope,
    filter: { kind: "and", of: filter },
    limit: 1,
  });
  if (rows[0] === undefined) throw new Problem(404, `There is no such ${entity.name}`);
  const selected = selectedOf(name, optionsOf(c).$select);
  return { "@odata.context": `${rootOf(c)}/$metadata#${entity.set}/$entity`, ...shown(name, rows[0], selected, c) };
}

/** Properties of $select, in the order of the entity. Throws Problem. */
function selectedOf(name: EntityName, text: string | undefined): string[] {
  const all = Object.keys(entities[name].properties);
  if (text === undefined || text === "*") return all;
  const wanted = text.split(",").map((part) => part.trim());
  const wrong = wanted.find((part) => !all.some((property) => odataName(property) === part));
  if (wrong !== undefined) {
    throw new Problem(400, `$select names "${wrong.slice(0, 40)}", which ${entities[name].set} do not have`);
  }
  return all.filter((property) => wanted.includes(odataName(property)));
}

/** Numbers of 64 bits as texts for a program that asks for it, as JavaScript would round them. */
function shown(name: EntityName, row: Row, selected: readonly string[], c: Context): Record<string, Value> {
  const values = shownRow(name, row), asTexts = /IEEE754Compatible\s*=\s*true/i.test(c.req.header("accept") ?? "");
  return Object.fromEntries(selected.map((property) => {
    const value = values[property] ?? null, is64 = entities[name].properties[property]!.type === "int64";
    return [odataName(property), is64 && asTexts && value !== null ? String(value) : value];
  }));
}

function sent(c: Context, body: unknown): Response {
  return c.body(JSON.stringify(body), 200, { "content-type": "application/json;odata.metadata=minimal;charset=utf-8" });
}

const codes: Partial<Record<ProblemStatus, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  429: "TooManyRequests",
  501: "NotImplemented",
  503: "ServiceUnavailable",
};

function errorOf(c: Context, status: ProblemStatus, message: string): Response {
  const body = { error: { code: codes[status] ?? "Error", message } };
  return c.body(JSON.stringify(body), status, { "content-type": "application/json;charset=utf-8" });
}

const narrower = "filter by CustomerId, or by Serial, Hostname or Address with eq or startswith, " +
  "or follow @odata.nextLink without $orderby and $count";

function failure(platform: Platform, error: Error, c: Context): Response {
  for (const [name, value] of headers) c.header(name, value);
  if (error instanceof Problem) {
    if (error.status === 401) c.header("www-authenticate", 'Basic realm="OpenDCA", charset="UTF-8"');
    return errorOf(c, error.status, error.message);
  }
  if (error instanceof TooMuchWorkError) return errorOf(c, 501, `${error.message}: ${narrower}`);
  if (error instanceof UsageError) return errorOf(c, 400, error.message);
  if (error instanceof UnavailableError) {
    platform.log("interfaceBusy", { path: c.req.path, message: messageOf(error) });
    c.header("retry-after", "10");
    return errorOf(c, 503, "The database cannot be reached at this moment");
  }
  const id = randomUUID();
  platform.log("interfaceFailed", { id, path: c.req.path, message: messageOf(error), stack: error.stack ?? "" });
  return errorOf(c, 500, `The server made a mistake, which is in its log under ${id}`);
}
