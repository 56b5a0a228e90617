/** Shapes of requests and answers, from which the OpenAPI document is made. */
import { z } from "@hono/zod-openapi";
import { entities, type Entity, type Property } from "../../interfaces/entities.ts";

const ofType = {
  string: () => z.string(),
  int32: () => z.int().min(-2147483648).max(2147483647),
  int64: () => z.int(),
  double: () => z.number(),
  boolean: () => z.boolean(),
  dateTime: () => z.iso.datetime(),
};

function schemaOfProperty({ type, nullable, description }: Property): z.ZodType {
  const schema = ofType[type]();
  return (nullable ? schema.nullable() : schema).openapi({ description });
}

function schemaOf({ name, description, properties }: Entity) {
  const shape = Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, schemaOfProperty(value)]));
  return z.strictObject(shape).openapi(name, { description });
}

export const rows = {
  devices: schemaOf(entities.devices),
  supplies: schemaOf(entities.supplies),
  meters: schemaOf(entities.meters),
  alerts: schemaOf(entities.alerts),
  agents: schemaOf(entities.agents),
} as const;

const time = z.iso.datetime(), maybeTime = z.iso.datetime().nullable();
const id = z.string().min(1).max(100);
const name = z.string().trim().min(1).max(100).regex(/^\P{Cc}*$/u);

export const customer = z.strictObject({ customerId: id, name: z.string(), createdAt: time, closedAt: maybeTime })
  .openapi("Customer");
export const site = z.strictObject({
  customerId: id,
  siteId: id,
  name: z.string(),
  createdAt: time,
  closedAt: maybeTime,
}).openapi("Site");
export const named = z.strictObject({ name }).openapi("Named");

const texts = z.record(z.string(), z.union([z.string(), z.number(), z.array(z.string())]));
export const glpiInventory = z.strictObject({
  action: z.literal("netinventory"),
  deviceid: z.string(),
  itemtype: z.literal("Printer"),
  content: z.strictObject({
    versionclient: z.string(),
    network_device: texts,
    pagecounters: z.record(z.string(), z.int()).optional(),
    cartridges: z.array(z.record(z.string(), z.string())).optional(),
    firmwares: z.array(z.record(z.string(), z.string())).optional(),
    network_ports: z.array(texts).optional(),
  }),
}).openapi("GlpiInventory");

export const task = z.strictObject({
  taskId: id,
  agentId: id,
  kind: z.string().openapi({ description: "scanNow, ping, diagnostics and other kinds" }),
  state: z.string().openapi({
    description: "waiting, delivered, accepted, running, succeeded, failed, refused, cancelled or expired",
  }),
  createdAt: time,
  changedAt: time,
  expiresAt: time,
  outcome: z.string().nullable().openapi({ description: "What the agent last said of it" }),
}).openapi("Task");

const taskPlace = { agentId: id, validMinutes: z.int().min(1).max(10_080).default(60) };
const target = z.string().min(1).max(255);
export const newTask = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("scan"),
    ...taskPlace,
    targets: z.array(target).max(100).default([]).openapi({ description: "Inside the configured ones; none: all" }),
    knownDevicesOnly: z.boolean().default(false),
  }),
  z.strictObject({ kind: z.literal("ping"), ...taskPlace, target, count: z.int().min(1).max(10).default(4) }),
  z.strictObject({ kind: z.literal("diagnostics"), ...taskPlace, logHours: z.int().min(1).max(720).default(24) }),
]).openapi("NewTask");
export type NewTask = z.infer<typeof newTask>;

export const cancelled = z.strictObject({ taskId: id, state: z.string() }).openapi("CancelledTask");

export const accessSession = z.strictObject({
  sessionId: id,
  deviceId: z.string(),
  agentId: id,
  address: z.string(),
  port: z.int(),
  scheme: z.string(),
  state: z.string().openapi({ description: "waiting, open, closed, refused or expired" }),
  reason: z.string().nullable(),
  openedBy: z.string(),
  createdAt: time,
  endsAt: time,
}).openapi("AccessSession");
export const newAccessSession = z.strictObject({
  deviceId: id,
  port: z.int().min(1).max(65_535).default(80),
  scheme: z.enum(["http", "https"]).default("http"),
  minutes: z.int().min(1).max(30).default(30),
}).openapi("NewAccessSession");
export const openedSession = z.strictObject({ sessionId: id, taskId: id, endsAt: time, needsApproval: z.boolean() })
  .openapi("OpenedSession");
export const link = z.strictObject({ link: z.string() }).openapi("AccessLink");

export const code = z.strictObject({
  codeId: id,
  siteId: id,
  site: z.string(),
  state: z.string().openapi({ description: "open, used, burned, withdrawn or expired" }),
  createdAt: time,
  expiresAt: time,
  mostUses: z.int().openapi({ description: "How many agents it is for" }),
  usesLeft: z.int(),
  agentId: z.string().nullable().openapi({ description: "The last one that it activated" }),
}).openapi("ActivationCode");
export const newCode = z.strictObject({
  siteId: id,
  validDays: z.int().min(1).max(90).default(14),
  uses: z.int().min(1).max(1000).default(1),
})
  .openapi("NewActivationCode");
export const madeCode = z.strictObject({
  codeId: id,
  siteId: id,
  code: z.string().openapi({ description: "Shown once: keep it as a password" }),
  expiresAt: time,
  uses: z.int(),
}).openapi("MadeActivationCode");

export const revocation = z.strictObject({ reason: name }).openapi("Revocation");

export const auditEntry = z.strictObject({
  entry: z.int(),
  at: time,
  actor: z.string(),
  action: z.string(),
  subject: z.string(),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  digest: z.string(),
}).openapi("AuditEntry");

export const meterSample = z.strictObject({
  deviceId: id,
  name: z.string(),
  at: time,
  value: z.number(),
  unit: z.string(),
}).openapi("MeterSample");

export const own = z.strictObject({
  tokenId: id,
  permissions: z.array(z.string()),
  places: z.array(z.strictObject({ customerId: id.optional(), siteId: id.optional() })),
}).openapi("Token");

export const problem = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z.array(z.strictObject({ at: z.string(), message: z.string() })).optional(),
}).openapi("Problem", { description: "RFC 9457" });

export function pageOf<T extends z.ZodType>(item: T, name: string) {
  return z.strictObject({
    items: z.array(item),
    next: z.string().nullable().openapi({ description: "Value of `cursor` for the next page; null on the last one" }),
  }).openapi(`${name}Page`);
}

export const paging = {
  limit: z.coerce.number().int().min(1).max(1000).default(100).openapi({ description: "Rows of a page" }),
  cursor: z.string().max(4000).optional().openapi({ description: "`next` of the page before" }),
};
export const moment = z.iso.datetime({ offset: true });
export const flag = z.enum(["true", "false"]);
