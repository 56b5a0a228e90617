/** Fleet files: YAML that describes printers and other devices, where they listen and what goes wrong with them. */
import { parseDocument } from "yaml";
import { ConfigError } from "../common/core/errors.ts";
import { isUnder } from "../src/snmp/oid.ts";
import type { Varbind } from "../src/snmp/value.ts";
import { agentKeys, parseAgentOptions } from "./agent_options.ts";
import { descriptionKeys, type DeviceDescription, deviceKinds, parseDescription } from "./description.ts";
import { type DeviceOptions, macEngineId } from "./device.ts";
import { maybeNumber, maybeText, type Place, readList, readMapping, wrongValue } from "./fleet_fields.ts";
import { dottedAddress, type LoopbackRange, maybeLoopbackAddress, maybeLoopbackRange } from "./loopback_range.ts";
import { ObjectTable } from "./object_table.ts";
import { printerObjects } from "./printer_mib.ts";
import { identityObjects, identityOf, withIdentity } from "./replica.ts";
import { parseSnmprec } from "../src/recording/snmprec.ts";
import { systemObjects } from "./system_mib.ts";

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

/** An object that is told twice has its last value in the table. */
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
