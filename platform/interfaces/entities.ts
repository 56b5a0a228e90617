/**
 * What other programs read: the properties of each kind of row. REST and OData show the same ones. A property with an
 * expression is compared and sorted by the database; others are known once a row was read. Pure.
 */
import type { PropertyType } from "./filter.ts";

export interface Property {
  type: PropertyType;
  nullable: boolean;
  description: string;
  /** A boolean's is a condition that is never null. */
  sql?: string | undefined;
}

export interface Entity {
  /** As OData names the set. */
  set: string;
  /** As OData names one. */
  name: string;
  description: string;
  /** What names one row. */
  key: readonly string[];
  properties: Readonly<Record<string, Property>>;
}

const text = (description: string, sql?: string): Property => ({ type: "string", nullable: false, description, sql });
const maybeText = (description: string, sql?: string): Property => ({ ...text(description, sql), nullable: true });
const time = (description: string, sql?: string): Property => ({ type: "dateTime", nullable: false, description, sql });
const maybeTime = (description: string, sql?: string): Property => ({ ...time(description, sql), nullable: true });
const whether = (description: string, sql?: string): Property => ({
  type: "boolean",
  nullable: false,
  description,
  sql,
});
const number = (type: "int32" | "int64" | "double", description: string, sql?: string): Property => ({
  type,
  nullable: true,
  description,
  sql,
});

/** Of the tables `d` (devices), `l` (sites) and `s` (device_state). */
const ofDevice = {
  customerId: text("Id of the customer", "d.customer_id"),
  deviceId: text("Id of the device", "coalesce(d.merged_into, d.device_id)"),
  siteId: text("Id of the site", "l.site_id"),
  // SQLite compares the column itself without case.
  site: text("Name of the site", "(l.name || '')"),
  address: text("Address in its network", "d.address"),
  serial: maybeText("Serial number", "d.serial"),
  manufacturer: maybeText("Maker", "d.manufacturer"),
  model: maybeText("Model", "d.model"),
};

const devices: Entity = {
  set: "Devices",
  name: "Device",
  description: "Printers, with what was last read of them",
  key: ["customerId", "deviceId"],
  properties: {
    ...ofDevice,
    agentId: text("Id of the agent that reads it", "d.agent_id"),
    network: text("Name of the network in the agent's file", "d.network"),
    hostname: maybeText("Host name", "d.hostname"),
    firmware: maybeText("Firmware version", "d.firmware"),
    location: maybeText("Where it stands, as the device reports", "d.location"),
    state: text("online, offline, or other states that agents report", "d.state"),
    firstSeenAt: time("When it was first seen", "d.first_seen_at"),
    lastSeenAt: time("When it was last seen", "d.last_seen_at"),
    readAt: maybeTime("When it was last read; null before its first reading", "s.observed_at"),
    totalPages: number("int64", "Last read total of printed pages", "s.total"),
    lowSupplies: { ...number("int32", "Number of supplies that are low", "coalesce(s.low, 0)"), nullable: false },
    silent: whether(
      "Whether it has not answered for a day",
      "(d.state = 'offline' OR d.last_seen_at <= :silent_since)",
    ),
  },
};

const agents: Entity = {
  set: "Agents",
  name: "Agent",
  description: "Agents, which read the devices",
  key: ["customerId", "agentId"],
  properties: {
    customerId: text("Id of the customer", "a.customer_id"),
    agentId: text("Id of the agent", "a.agent_id"),
    siteId: text("Id of the site", "l.site_id"),
    site: text("Name of the site", "(l.name || '')"),
    hostname: text("Name of its machine", "a.hostname"),
    version: text("Version of the agent", "a.version"),
    state: text("active or revoked", "a.state"),
    createdAt: time("When it was activated", "a.created_at"),
    lastSeenAt: maybeTime("When it last reported; null before its first report", "a.last_seen_at"),
    revokedAt: maybeTime("When it was revoked", "a.revoked_at"),
    suspectedCloneAt: maybeTime("Since when it seems to run twice", "a.suspected_clone_at"),
    silent: whether("Whether it should have reported and did not"),
  },
};

const alerts: Entity = {
  set: "Alerts",
  name: "Alert",
  description: "Alerts of devices, open ones and those that have ended",
  key: ["customerId", "deviceId", "alertId"],
  properties: {
    ...ofDevice,
    alertId: text(
      "Id of the alert among those of its device",
      "(a.alert_key || '.' || CAST(a.first_seen_at AS TEXT) || a.origin)",
    ),
    severity: text("critical, warning, other or unknown", "a.severity"),
    code: number("int32", "PrtAlertCodeTC of RFC 3805", "a.code"),
    group: text("PrtAlertGroupTC of RFC 3805 by name", "a.alert_group"),
    description: text("The device's own text", "a.description"),
    since: maybeTime("When it began, as the device says", "a.since"),
    firstSeenAt: time("When it was first seen", "a.first_seen_at"),
    lastSeenAt: time("When it was last seen", "a.last_seen_at"),
    endedAt: maybeTime("When it had ended; null while it is open", "a.ended_at"),
    open: whether("Whether it is open", "(a.ended_at IS NULL)"),
  },
};

const supplies: Entity = {
  set: "Supplies",
  name: "Supply",
  description: "Toner, ink, drums and other supplies, as last read",
  key: ["customerId", "deviceId", "index"],
  properties: {
    ...ofDevice,
    index: text("Index in the device"),
    name: text("What it is, such as black toner"),
    kind: text("prtMarkerSuppliesType by name"),
    colorant: text("Its color; none without one"),
    description: text("The device's own text"),
    partNumber: maybeText("Part number"),
    supplySerial: maybeText("Serial number of the supply"),
    levelKind: text("exact, some, unknown, empty or unlimited"),
    percent: number("double", "Level in percent"),
    level: number("double", "Level in its unit"),
    capacity: number("double", "Capacity in its unit"),
    unit: maybeText("Unit of level and capacity"),
    low: whether("Whether it must be ordered, emptied or replaced"),
    readAt: time("When it was read"),
  },
};

const meters: Entity = {
  set: "Meters",
  name: "Meter",
  description: "Counters of devices, as last read",
  key: ["customerId", "deviceId", "name"],
  properties: {
    ...ofDevice,
    name: text("Name of the counter, such as total"),
    value: { ...number("double", "Its value"), nullable: false },
    unit: text("Its unit"),
    readAt: time("When it was read"),
  },
};

export const entities = { devices, supplies, meters, alerts, agents } as const;
export type EntityName = keyof typeof entities;
