/** Routes of lists that REST and OData have in common: devices, supplies, meters, alerts and agents. */
import { inventoriesOf } from "../../feeds/glpi_export.ts";
import { entities, type EntityName } from "../../interfaces/entities.ts";
import type { Filter, Row, Value } from "../../interfaces/filter.ts";
import { listEntities, type ListPage } from "../../interfaces/list_entities.ts";
import { cursorOf, positionOf } from "./paging.ts";
import { Problem } from "./problem.ts";
import type { RestRequest, RestRoute } from "./route.ts";
import * as schemas from "./schemas.ts";

/** Times as texts. */
export function shownRow(entity: EntityName, row: Row): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(entities[entity].properties).map(([name, { type }]) => {
      const value = row[name] ?? null;
      if (value !== null && type === "dateTime") return [name, new Date(value as number).toISOString()];
      return [name, value !== null && type === "int64" ? Math.round(value as number) : value];
    }),
  );
}

const equals = (property: string) => (value: string): Filter => ({ kind: "compare", property, operator: "eq", value });
const isSet = (property: string) => (value: string): Filter => ({
  kind: "compare",
  property,
  operator: "eq",
  value: value === "true",
});
const since = (property: string) => (value: string): Filter => ({
  kind: "compare",
  property,
  operator: "ge",
  value: Date.parse(value),
});
const text = () => schemas.paging.cursor.unwrap().max(200).optional();

type Filters = Record<string, { schema: () => ReturnType<typeof text> | unknown; filter(value: string): Filter }>;

const ofDevice: Filters = {
  site: { schema: text, filter: equals("siteId") },
  device: { schema: text, filter: equals("deviceId") },
  serial: { schema: text, filter: equals("serial") },
  model: { schema: text, filter: equals("model") },
  manufacturer: { schema: text, filter: equals("manufacturer") },
};
const flag = () => schemas.flag.optional(), moment = () => schemas.moment.optional();

const filtersOf: Record<EntityName, Filters> = {
  devices: {
    ...ofDevice,
    agent: { schema: text, filter: equals("agentId") },
    network: { schema: text, filter: equals("network") },
    address: { schema: text, filter: equals("address") },
    silent: { schema: flag, filter: isSet("silent") },
    low: {
      schema: flag,
      filter: (value) => ({
        kind: "compare",
        property: "lowSupplies",
        operator: value === "true" ? "gt" : "le",
        value: 0,
      }),
    },
    seenSince: { schema: moment, filter: since("lastSeenAt") },
  },
  supplies: {
    ...ofDevice,
    low: { schema: flag, filter: isSet("low") },
    kind: { schema: text, filter: equals("kind") },
  },
  meters: { ...ofDevice, name: { schema: text, filter: equals("name") } },
  alerts: {
    ...ofDevice,
    severity: { schema: text, filter: equals("severity") },
    open: { schema: flag, filter: isSet("open") },
    seenSince: { schema: moment, filter: since("firstSeenAt") },
  },
  agents: { site: { schema: text, filter: equals("siteId") }, state: { schema: text, filter: equals("state") } },
};

function filterOf(entity: EntityName, query: Record<string, string>): Filter | undefined {
  const parts = Object.entries(filtersOf[entity]).flatMap(([name, { filter }]) =>
    query[name] === undefined ? [] : [filter(query[name])]
  );
  return parts.length === 0 ? undefined : { kind: "and", of: parts };
}

function pageOf(entity: EntityName, request: RestRequest): Promise<ListPage> {
  const { platform, by, sites, query } = request;
  return listEntities(platform, by, {
    entity,
    scope: { customers: [{ customerId: by.tenant, sites }] },
    filter: filterOf(entity, query),
    after: positionOf(request, entity),
    limit: query.limit,
  });
}

/** The row with this key, at a site that the token may see. Throws Problem. */
export async function rowNamed(
  entity: "devices" | "agents",
  { platform, by, sites }: Pick<RestRequest, "platform" | "by" | "sites">,
  id: string,
): Promise<Row> {
  const property = entities[entity].key[1]!;
  const { rows } = await listEntities(platform, by, {
    entity,
    scope: { customers: [{ customerId: by.tenant, sites }] },
    filter: equals(property)(id),
    limit: 1,
  });
  if (rows[0] !== undefined) return rows[0];
  throw new Problem(404, `Cannot find the ${entities[entity].name.toLowerCase()} "${id}"`);
}

function listRoute(entity: EntityName): RestRoute {
  const { name, description } = entities[entity];
  return {
    method: "get",
    path: `/customers/{customer}/${entity}`,
    tag: entities[entity].set,
    summary: description,
    access: "customer",
    permission: entity === "meters" ? "readMeters" : "readFleet",
    query: {
      ...Object.fromEntries(
        Object.entries(filtersOf[entity]).map(([key, { schema }]) => [key, schema() as ReturnType<typeof text>]),
      ),
      ...schemas.paging,
    },
    status: 200,
    answer: schemas.pageOf(schemas.rows[entity], name),
    async handle(request) {
      const { rows, next } = await pageOf(entity, request);
      return { items: rows.map((row) => shownRow(entity, row)), next: cursorOf(request, entity, next) };
    },
  };
}

function oneRoute(entity: "devices" | "agents"): RestRoute {
  const { name, set } = entities[entity], parameter = name.toLowerCase();
  return {
    method: "get",
    path: `/customers/{customer}/${entity}/{${parameter}}`,
    tag: set,
    summary: `One ${parameter}`,
    access: "customer",
    permission: "readFleet",
    status: 200,
    answer: schemas.rows[entity],
    handle: async (request) => shownRow(entity, await rowNamed(entity, request, request.params[parameter]!)),
  };
}

const glpiRoute: RestRoute = {
  method: "get",
  path: "/customers/{customer}/glpi",
  tag: "Devices",
  summary: "Printers as GLPI 10 and 11 take them: a POST of each item to its inventory address",
  access: "customer",
  // Nearly all of it is for billing.
  permission: "readMeters",
  query: { site: text(), device: text(), ...schemas.paging },
  status: 200,
  answer: schemas.pageOf(schemas.glpiInventory, "GlpiInventory"),
  async handle(request) {
    const { rows, next } = await pageOf("devices", request);
    const items = await inventoriesOf(request.platform, request.by, rows.map(({ deviceId }) => String(deviceId)));
    return { items, next: cursorOf(request, "devices", next) };
  },
};

export const listRoutes: readonly RestRoute[] = [
  listRoute("devices"),
  oneRoute("devices"),
  glpiRoute,
  listRoute("supplies"),
  listRoute("meters"),
  listRoute("alerts"),
  listRoute("agents"),
  oneRoute("agents"),
];
