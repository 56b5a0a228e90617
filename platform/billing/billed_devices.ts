/** Devices of a statement: what they are called, where they were and when, and who came before and after them. */
import { type Groups, groupsOf } from "../devices/device_groups.ts";
import type { Parameters, Tenant } from "../store/store.ts";
import type { Period } from "./count_pages.ts";

export interface BilledDevice {
  deviceId: string;
  /** Of a merged device, those of all parts; else its own id alone. */
  parts: readonly Part[];
  serial: string | null;
  manufacturer: string | null;
  model: string | null;
  network: string;
  address: string;
  agentId: string;
  firstSeenAt: number;
  lastSeenAt: number;
  /** In order of time; they leave no moment out. */
  stays: Stay[];
}

export interface Part {
  deviceId: string;
  serial: string | null;
  firstSeenAt: number;
  lastSeenAt: number;
}

/** When a device was at a site. */
export interface Stay extends Period {
  siteId: string;
  site: string;
}

interface DeviceAtSite {
  device_id: string;
  merged_into: string | null;
  serial: string | null;
  manufacturer: string | null;
  model: string | null;
  network: string;
  address: string;
  agent_id: string;
  first_seen_at: number;
  last_seen_at: number;
}

interface AgentSite {
  agent_id: string;
  site_id: string;
  site: string;
}

/** All devices of the customer by id; merged ones once. */
export async function billedDevices(tenant: Tenant, { from, until }: Period): Promise<Map<string, BilledDevice>> {
  const rows = await tenant.all<DeviceAtSite>(
    `SELECT device_id, merged_into, serial, manufacturer, model, network, address, agent_id, first_seen_at, last_seen_at
     FROM devices WHERE customer_id = :customer ORDER BY last_seen_at DESC, device_id DESC`,
  );
  const agents = await tenant.all<AgentSite>(
    `SELECT a.agent_id, a.site_id, l.name AS site FROM agents a
     JOIN sites l ON l.customer_id = a.customer_id AND l.site_id = a.site_id WHERE a.customer_id = :customer`,
  );
  const moves = await movesOf(tenant, from);
  const siteOf = new Map(agents.map((agent) => [agent.agent_id, agent]));
  const groups: Groups = await groupsOf(tenant);
  const devices = new Map<string, BilledDevice>();
  // The part that was seen last comes first, and says where the device is.
  for (const row of rows) {
    const deviceId = groups.of.get(row.device_id)?.deviceId ?? row.device_id;
    const part = {
      deviceId: row.device_id,
      serial: row.serial,
      firstSeenAt: row.first_seen_at,
      lastSeenAt: row.last_seen_at,
    };
    const before = devices.get(deviceId);
    devices.set(
      deviceId,
      before === undefined
        ? {
          deviceId,
          parts: [part],
          serial: row.serial,
          manufacturer: row.manufacturer,
          model: row.model,
          network: row.network,
          address: row.address,
          agentId: row.agent_id,
          firstSeenAt: row.first_seen_at,
          lastSeenAt: row.last_seen_at,
          stays: staysOf(row, moves.get(row.device_id) ?? [], siteOf, { from, until }),
        }
        : {
          ...before,
          serial: before.serial ?? row.serial,
          manufacturer: before.manufacturer ?? row.manufacturer,
          model: before.model ?? row.model,
          parts: [...before.parts, part],
          firstSeenAt: Math.min(before.firstSeenAt, row.first_seen_at),
        },
    );
  }
  return devices;
}

interface Move {
  device_id: string;
  at: number;
  before: string;
}

/** From one agent to another, by device, latest first. */
async function movesOf(tenant: Tenant, from: number): Promise<Map<string, Move[]>> {
  const rows = await tenant.all<Move>(
    `SELECT device_id, at, before FROM device_history
     WHERE customer_id = :customer AND kind = 'agentChanged' AND at > :from ORDER BY at DESC`,
    { from },
  );
  return Map.groupBy(rows, ({ device_id }) => device_id);
}

function staysOf(
  row: DeviceAtSite,
  moves: readonly Move[],
  siteOf: ReadonlyMap<string, AgentSite>,
  { from, until }: Period,
): Stay[] {
  const stays: Stay[] = [];
  let end = until, agent = row.agent_id;
  const put = (begin: number) => {
    const { site_id: siteId = "", site = "" } = siteOf.get(agent) ?? {};
    const after = stays[0];
    if (after?.siteId === siteId) after.from = begin;
    else if (begin < end || stays.length === 0) stays.unshift({ siteId, site, from: begin, until: end });
    end = begin;
  };
  for (const { at, before } of moves) {
    if (at < until) put(at);
    agent = before;
  }
  put(from);
  return stays;
}

/** A device of another customer of the same dealer that has the same serial number. */
export interface Elsewhere {
  serial: string;
  firstSeenAt: number;
  lastSeenAt: number;
}

/* Of one statement. */
const mostSerials = 200;

/** By serial number, in the canonical form of evidence. */
export async function seenElsewhere(tenant: Tenant, serials: readonly string[]): Promise<Map<string, Elsewhere[]>> {
  const found: Elsewhere[] = [];
  for (let i = 0; i < serials.length; i += mostSerials) {
    const parameters: Parameters = { own: tenant.customerId };
    const names = serials.slice(i, i + mostSerials).map((
      serial,
      n,
    ) => (parameters[`serial_${n}`] = serial, `:serial_${n}`));
    found.push(
      ...await tenant.transaction.all<Elsewhere>(
        `SELECT e.value AS serial, d.first_seen_at AS "firstSeenAt", d.last_seen_at AS "lastSeenAt"
         FROM customers c JOIN customers o ON o.dealer_id = c.dealer_id AND o.customer_id <> c.customer_id
         JOIN device_evidence e ON e.customer_id = o.customer_id AND e.kind = 'serial' AND e.value IN (${
          names.join(", ")
        })
         JOIN devices d ON d.customer_id = e.customer_id AND d.device_id = e.device_id
         WHERE c.customer_id = :own`,
        parameters,
      ),
    );
  }
  return Map.groupBy(found, ({ serial }) => serial);
}
