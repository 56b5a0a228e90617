/** One simulated device: where it listens, what it holds, whom it answers and what goes wrong. */
import { Tag, type Varbind } from "../src/snmp/value.ts";
import type { Fault } from "./faults.ts";
import { ObjectTable } from "./object_table.ts";
import type { SimulatedUser } from "./usm_user.ts";

export type SnmpVersion = "1" | "2c" | "3";

/** A device as code or a fleet file describes it; only `objects` must be given. */
export interface DeviceOptions {
  /** Default: the address. */
  name?: string;
  /** Default: 127.0.0.1. */
  address?: string;
  /** Default: 0, any free port. */
  port?: number;
  objects: ObjectTable | Iterable<Varbind>;
  /** Further contexts of v3 by name; the default context is `objects`. */
  contexts?: Record<string, ObjectTable | Iterable<Varbind>>;
  /** Default: `1` and `2c`, and `3` if there are users. */
  versions?: readonly SnmpVersion[];
  /** Default: `public`. */
  communities?: readonly string[];
  users?: readonly SimulatedUser[];
  /** 5 to 32 octets (RFC 3411 section 5); default: made from the name. */
  engineId?: Uint8Array;
  /** Default: 1. */
  engineBoots?: number;
  /** Boots and time that its unauthenticated reports name in place of the right ones. */
  discoveryTime?: { boots: number; time: number };
  /** It restarts each time after it was sent so many v3 messages: boots grow by one, and its time begins again. */
  restartsAfter?: readonly number[];
  /** A restart leaves the boots as they are, as on devices that do not store them. */
  forgetsBoots?: boolean;
  /** Octets of the largest answer; default: 1472. */
  maxMessageSize?: number;
  faults?: readonly Fault[];
  /**
   * Seconds that the device was up at the start; sysUpTime.0 then counts on from there. Without it sysUpTime.0 stays at
   * the value of its object, as in a recording.
   */
  upTimeSeconds?: number;
}

export interface Device {
  name: string;
  address: string;
  port: number;
  contexts: Map<string, ObjectTable>;
  versions: ReadonlySet<SnmpVersion>;
  communities: ReadonlySet<string>;
  users: Map<string, SimulatedUser>;
  engineId: Uint8Array;
  engineBoots: number;
  discoveryTime: { boots: number; time: number } | undefined;
  restartsAfter: readonly number[];
  forgetsBoots: boolean;
  maxMessageSize: number;
  faults: readonly Fault[];
  upTimeSeconds: number | undefined;
}

/** Fills in what the options leave open. */
export function deviceOf(options: DeviceOptions): Device {
  const address = options.address ?? "127.0.0.1";
  const name = options.name ?? address;
  const users = options.users ?? [];
  const contexts = new Map<string, ObjectTable>([["", tableOf(options.objects)]]);
  for (const [context, objects] of Object.entries(options.contexts ?? {})) contexts.set(context, tableOf(objects));
  return {
    name,
    address,
    port: options.port ?? 0,
    contexts,
    versions: new Set(options.versions ?? (users.length > 0 ? ["1", "2c", "3"] : ["1", "2c"])),
    communities: new Set(options.communities ?? ["public"]),
    users: new Map(users.map((user) => [user.name, user])),
    engineId: options.engineId ?? textEngineId(name),
    engineBoots: options.engineBoots ?? 1,
    discoveryTime: options.discoveryTime,
    restartsAfter: options.restartsAfter ?? [],
    forgetsBoots: options.forgetsBoots ?? false,
    maxMessageSize: options.maxMessageSize ?? 1472,
    faults: options.faults ?? [],
    upTimeSeconds: options.upTimeSeconds,
  };
}

function tableOf(objects: ObjectTable | Iterable<Varbind>): ObjectTable {
  return objects instanceof ObjectTable ? objects : ObjectTable.from(objects);
}

/** Format 4 of RFC 3411 section 5 (text of up to 27 octets), under the enterprise number for documentation. */
function textEngineId(name: string): Uint8Array {
  const text = new TextEncoder().encode(name).slice(0, 27);
  return Uint8Array.of(0x80, 0, 0x7e, 0xd9, 4, ...text);
}

/** Format 3 of RFC 3411 section 5: the enterprise number and a MAC address, as most printers have it. */
export function macEngineId(enterprise: number, mac: Uint8Array): Uint8Array {
  const octets = new Uint8Array(5 + mac.length);
  new DataView(octets.buffer).setUint32(0, (enterprise | 0x80000000) >>> 0);
  octets[4] = 3;
  octets.set(mac, 5);
  return octets;
}

/** Objects by OID: a number is an INTEGER, a text an OCTET STRING; everything else as it travels. */
export function objectsOf(values: Record<string, number | string | Omit<Varbind, "oid">>): Varbind[] {
  return Object.entries(values).map(([oid, value]) => {
    if (typeof value === "number") return { oid, tag: Tag.integer, value };
    if (typeof value === "string") return { oid, tag: Tag.octetString, value: new TextEncoder().encode(value) };
    return { oid, ...value };
  });
}
