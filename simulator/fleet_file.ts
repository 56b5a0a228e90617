/** Fleet files: YAML that describes printers and other devices, where they listen and what goes wrong with them. */
import { parseDocument } from "yaml";
import { ConfigError } from "../common/core/errors.ts";
import { isUnder } from "../src/snmp/oid.ts";
import type { Varbind } from "../src/snmp/value.ts";
import { descriptionKeys, type DeviceDescription, deviceKinds, parseDescription } from "./description.ts";
import { type DeviceOptions, macEngineId, type SnmpVersion } from "./device.ts";
import {
  isGiven,
  maybeChoice,
  maybeHex,
  maybeNumber,
  maybeOid,
  maybeText,
  type Place,
  readAnyMapping,
  readList,
  readMapping,
  wrongValue,
} from "./fleet_fields.ts";
import { dottedAddress, type LoopbackRange, maybeLoopbackAddress, maybeLoopbackRange } from "./loopback_range.ts";
import { ObjectTable } from "./object_table.ts";
import { printerObjects } from "./printer_mib.ts";
import { parseSnmprec } from "../src/recording/snmprec.ts";
import { nextMac, systemObjects } from "./system_mib.ts";
import { type Fault, faultKinds } from "./faults.ts";
import { parseObject } from "./object_value.ts";
import { type AuthProtocol, type PrivProtocol, securityLevels, type SimulatedUser } from "./usm_user.ts";

export interface FleetOptions {
  /** Named in errors. */
  file?: string;
  /** Gives the text of a recording that the file names. */
  readText?: (name: string) => string;
}

const placeKeys = ["name", "address", "port", "count", "stride", "spread", "recording"] as const;

const defaultPort = 1161;

/** The enterprise number for documentation (RFC 5612), where a device's sysObjectID names none. */
const exampleEnterprise = 32473;

/** One day, so that times of alerts lie in the past. */
const defaultUpTimeSeconds = 86_400;

/** Devices of a fleet file with addresses and ports; throws `ConfigError` that names the place of a mistake. */
export function parseFleet(yaml: string, options: FleetOptions = {}): DeviceOptions[] {
  const file = options.file ?? "the fleet file";
  const document = parseDocument(yaml);
  const broken = document.errors[0];
  if (broken) throw new ConfigError(`Cannot read ${file} as YAML: ${broken.message}`, undefined, { cause: broken });
  const root = readMapping({ value: document.toJS({ mapAsMap: true }), path: "", file }, [
    "listen",
    "printers",
    "hosts",
  ]);
  const listen = readMapping(root.listen, ["network", "port"]);
  const network = maybeLoopbackRange(listen.network) ?? { first: 0x7f4d0000, size: 256 };
  const port = maybeNumber(listen.port, { low: 1, high: 65535 }) ?? defaultPort;
  const entries = [
    ...readList(root.printers).map((place) => readEntry(place, "printer")),
    ...readList(root.hosts).map((place) => readEntry(place, "host")),
  ];
  const addresses = placeEntries(entries, network);
  const taken = new Set<string>();
  return entries.flatMap((entry, i) => {
    const devices = devicesOf(entry, { addresses: addresses[i]!, port, ...options });
    for (const device of devices) {
      const endpoint = `${device.address}:${device.port}`;
      if (taken.has(endpoint)) throw wrongValue({ ...entry.place, value: endpoint }, "a device: its address is taken");
      taken.add(endpoint);
    }
    return devices;
  });
}

type Entry = ReturnType<typeof readEntry>;

function readEntry(place: Place, kind: typeof deviceKinds[number]) {
  const fields = readMapping(place, [...placeKeys, ...descriptionKeys, ...agentKeys]);
  if (fields.kind.value === undefined) fields.kind = { ...fields.kind, value: kind };
  return {
    place,
    fields,
    count: maybeNumber(fields.count, { low: 1, high: 65536 }) ?? 1,
    stride: maybeNumber(fields.stride, { low: 1, high: 65536 }) ?? 1,
    spread: maybeLoopbackRange(fields.spread),
    address: maybeLoopbackAddress(fields.address),
  };
}

/** Entries with an address or a spread stand there; the others follow each other through what is left of the network. */
function placeEntries(entries: Entry[], network: LoopbackRange): number[][] {
  const placed = entries.map(({ address, count, spread, stride }) => {
    if (spread) {
      return Array.from({ length: count }, (_, n) => spread.first + Math.floor((n + 0.5) * spread.size / count));
    }
    return address === undefined ? undefined : Array.from({ length: count }, (_, n) => address + n * stride);
  });
  const taken = new Set(placed.flatMap((addresses) => addresses ?? []));
  let next = network.first + 1;
  return entries.map(({ count, stride, place }, i) =>
    placed[i] ?? Array.from({ length: count }, (_, n) => {
      if (n > 0) next += stride - 1;
      while (taken.has(next)) next++;
      if (next >= network.first + network.size - 1) {
        throw wrongValue(
          { ...place, value: count },
          "a device: the network has no address left",
          "widen listen.network",
        );
      }
      return next++;
    })
  );
}

function devicesOf(entry: Entry, options: FleetOptions & { addresses: number[]; port: number }): DeviceOptions[] {
  const { fields, place } = entry;
  const description = parseDescription(fields);
  const agent = parseAgentOptions(fields);
  const name = maybeText(fields.name);
  const port = maybeNumber(fields.port, { low: 1, high: 65535 }) ?? options.port;
  const recording = maybeText(fields.recording);
  const described = recording === undefined
    ? [...systemObjects(description), ...(isPrinter(description) ? printerObjects(description) : [])]
    : recordedObjects(fields.recording, options);
  const upTime = recording === undefined ? { upTimeSeconds: defaultUpTimeSeconds } : {};
  const objects = [
    ...described.filter(({ oid }) => !description.omit.some((omitted) => isUnder(oid, omitted))),
    ...description.objects,
  ];
  const table = ObjectTable.from(objects);
  const changing = entry.count > 1 ? identityObjects(lastOfEach(objects), description) : [];
  const enterprise = Number(/^1\.3\.6\.1\.4\.1\.(\d+)/.exec(description.objectId)?.[1] ?? exampleEnterprise);
  return options.addresses.map((address, n) => {
    const identity = identityOf(description, n);
    const mac = identity.mac ?? Uint8Array.of(2, 0, ...dottedAddress(address).split(".").map(Number));
    return {
      name: name === undefined ? identity.hostname || `${place.path}-${n + 1}` : n === 0 ? name : `${name}-${n + 1}`,
      address: dottedAddress(address),
      port,
      engineId: macEngineId(enterprise, mac),
      ...upTime,
      ...agent,
      objects: n === 0 ? table : table.withValues(withIdentity(changing, { from: description, to: identity })),
    };
  });
}

function isPrinter({ kind, systemOnly }: DeviceDescription): boolean {
  return kind === "printer" && !systemOnly;
}

/** An object that is reported twice has its last value in the table. */
function lastOfEach(objects: Varbind[]): Varbind[] {
  return [...new Map(objects.map((object) => [object.oid, object])).values()];
}

function recordedObjects(place: Place, { readText }: FleetOptions): Varbind[] {
  if (!readText) throw wrongValue(place, "a recording: this reader has no access to files");
  let text: string;
  try {
    text = readText(String(place.value));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw wrongValue(place, "a recording: there is no such file", "paths are relative to the fleet file");
  }
  const { objects } = parseSnmprec(text);
  if (objects.length === 0) throw wrongValue(place, "a recording: it contains no object");
  return objects;
}

/** Keys of a device in a fleet file that `parseAgentOptions` reads. */
const agentKeys = [
  "versions",
  "communities",
  "users",
  "contexts",
  "engineId",
  "engineBoots",
  "maxMessageSize",
  "uptime",
  "faults",
] as const;

type AgentOptions = Omit<DeviceOptions, "name" | "address" | "port" | "objects">;

/** Reads them; throws `ConfigError` with the place of a mistake. */
function parseAgentOptions(fields: Record<typeof agentKeys[number], Place>): AgentOptions {
  const options: AgentOptions = {};
  const versions: SnmpVersion[] = ["1", "2c", "3"];
  if (isGiven(fields.versions)) {
    options.versions = readList(fields.versions).map((place) => maybeChoice(place, versions)!);
  }
  if (isGiven(fields.communities)) {
    options.communities = readList(fields.communities).map((place) => maybeText(place) ?? "");
  }
  if (isGiven(fields.users)) options.users = readList(fields.users).map(parseUser);
  if (isGiven(fields.contexts)) options.contexts = parseContexts(fields.contexts);
  const engineId = maybeHex(fields.engineId);
  if (engineId && (engineId.length < 5 || engineId.length > 32)) {
    throw wrongValue(fields.engineId, "an engine ID", "5 to 32 octets in hexadecimal");
  }
  if (engineId) options.engineId = engineId;
  const engineBoots = maybeNumber(fields.engineBoots, { low: 0, high: 0x7fffffff });
  if (engineBoots !== undefined) options.engineBoots = engineBoots;
  const maxMessageSize = maybeNumber(fields.maxMessageSize, { low: 484, high: 65507 });
  if (maxMessageSize !== undefined) options.maxMessageSize = maxMessageSize;
  const upTimeSeconds = maybeNumber(fields.uptime, { low: 0 });
  if (upTimeSeconds !== undefined) options.upTimeSeconds = upTimeSeconds;
  if (isGiven(fields.faults)) options.faults = readList(fields.faults).map(parseFault);
  return options;
}

/** Objects of contexts other than the default one. */
function parseContexts(place: Place): NonNullable<AgentOptions["contexts"]> {
  return Object.fromEntries(
    [...readAnyMapping(place)].map(([context, content]) => {
      const { objects } = readMapping(content, ["objects"]);
      return [context, [...readAnyMapping(objects)].map(([oid, object]) => parseObject(oid, object, (text) => text))];
    }),
  );
}

/** The common spellings, without dashes and in lower case; net-snmp's AES-256 is Blumenthal's, its AES-256-C Reeder's. */
const authNames: Record<string, AuthProtocol> = {
  md5: "md5",
  sha: "sha1",
  sha1: "sha1",
  sha224: "sha224",
  sha256: "sha256",
  sha384: "sha384",
  sha512: "sha512",
};
const privNames: Record<string, PrivProtocol> = {
  des: "des",
  aes: "aes128",
  aes128: "aes128",
  aes192: "aes192b",
  aes192b: "aes192b",
  aes256: "aes256b",
  aes256b: "aes256b",
  aes192c: "aes192r",
  aes192r: "aes192r",
  aes256c: "aes256r",
  aes256r: "aes256r",
};

function parseUser(place: Place): SimulatedUser {
  const fields = readMapping(place, ["name", "level", "auth", "authKey", "priv", "privKey", "contexts"]);
  const name = maybeText(fields.name);
  if (name === undefined) throw wrongValue(fields.name, "the name of a user");
  const level = maybeChoice(fields.level, securityLevels);
  const auth = maybeProtocol(fields.auth, authNames);
  const priv = maybeProtocol(fields.priv, privNames);
  const user: SimulatedUser = { name, ...(level === undefined ? {} : { level }) };
  if (priv && !auth) throw wrongValue(fields.auth, "an authentication protocol, which privacy needs");
  if (auth) Object.assign(user, { auth, authKey: readPassword(fields.authKey) });
  if (priv) Object.assign(user, { priv, privKey: readPassword(fields.privKey) });
  if (isGiven(fields.contexts)) user.contexts = readList(fields.contexts).map((context) => maybeText(context) ?? "");
  return user;
}

function maybeProtocol<T extends string>(place: Place, names: Record<string, T>): T | undefined {
  const text = maybeText(place);
  if (text === undefined) return undefined;
  const protocol = names[text.toLowerCase().replaceAll("-", "")];
  if (protocol === undefined) throw wrongValue(place, "a protocol", `one of: ${Object.keys(names).join(", ")}`);
  return protocol;
}

/** RFC 3414 section 11.2 asks for eight octets or more, and so do the tools. */
function readPassword(place: Place): string {
  const password = maybeText(place);
  if (password === undefined || password.length < 8) throw wrongValue(place, "a password of 8 characters or more");
  return password;
}

function parseFault(place: Place): Fault {
  const fields = readMapping(place, ["kind", "probability", "ms", "under", "over", "after", "times"]);
  const kind = maybeChoice(fields.kind, faultKinds);
  if (kind === undefined) throw wrongValue(fields.kind, "the kind of a fault", `one of: ${faultKinds.join(", ")}`);
  const optional = {
    probability: maybeNumber(fields.probability, { low: 0, high: 1, whole: false }),
    ms: maybeNumber(fields.ms, { low: 0 }),
    under: maybeOid(fields.under),
    over: maybeNumber(fields.over, { low: 0 }),
    after: maybeNumber(fields.after, { low: 0 }),
    times: maybeNumber(fields.times, { low: 0 }),
  };
  const given = Object.entries(optional).filter(([, value]) => value !== undefined);
  return { kind, ...Object.fromEntries(given) };
}

type Identity = Pick<DeviceDescription, "serial" | "hostname" | "mac">;

/** The identity of the nth copy; 0 is the device itself. */
function identityOf({ serial, hostname, mac }: Identity, n: number): Identity {
  if (n === 0) return { serial, hostname, mac };
  return {
    serial: serial === "" ? "" : countedUp(serial, n),
    hostname: hostname === "" ? "" : /\d$/.test(hostname) ? countedUp(hostname, n) : `${hostname}-${n + 1}`,
    mac: mac && nextMac(mac, n),
  };
}

/** The objects that carry the identity and therefore differ between copies. */
function identityObjects(objects: Varbind[], identity: Identity): Varbind[] {
  const marks = marksOf(identity);
  return objects.filter(({ value }) =>
    value instanceof Uint8Array && marks.some((mark) => latin1(value).includes(mark))
  );
}

/** Those objects with another identity in the place of the first. */
function withIdentity(objects: Varbind[], { from, to }: { from: Identity; to: Identity }): Varbind[] {
  const before = marksOf(from), after = marksOf(to);
  return objects.map((object) => {
    let text = latin1(object.value as Uint8Array);
    before.forEach((mark, i) => text = text.replaceAll(mark, () => after[i]!));
    return { ...object, value: Uint8Array.from(text, (unit) => unit.charCodeAt(0)) };
  });
}

function marksOf({ serial, hostname, mac }: Identity): string[] {
  const marks = [serial, hostname].map((text) => latin1(new TextEncoder().encode(text)));
  if (mac) marks.push(latin1(mac));
  return marks.filter((mark) => mark !== "");
}

function latin1(octets: Uint8Array): string {
  return String.fromCharCode(...octets);
}

/** Counts in the digits at the end and keeps the length; appends where there are none or too few. */
function countedUp(text: string, n: number): string {
  const digits = /\d{1,9}$/.exec(text)?.[0] ?? "";
  const next = String(Number(digits) + n);
  return digits === "" || next.length > digits.length
    ? `${text}-${n + 1}`
    : text.slice(0, -digits.length) + next.padStart(digits.length, "0");
}
