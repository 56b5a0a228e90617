/** Raw objects of a fleet file: `OID: {type, value}`, or a bare number (INTEGER) or text (OCTET STRING). */
import { type SnmpValue, Tag, type Varbind } from "../src/snmp/value.ts";
import {
  maybeChoice,
  maybeHex,
  maybeNumber,
  maybeOid,
  maybeText,
  type Place,
  readAnyMapping,
  readMapping,
  wrongValue,
} from "./fleet_fields.ts";

const objectTypes = [
  "octets",
  "hex",
  "integer",
  "counter32",
  "gauge32",
  "timeticks",
  "oid",
  "ip",
  "counter64",
  "null",
  "records",
] as const;

const recordLayouts = ["id-type-length-value", "id-length-value"] as const;

/** Reads one object; `expand` fills in names in a text. Throws `ConfigError`. */
export function parseObject(oid: string, place: Place, expand: (text: string) => string): Varbind {
  const name = maybeOid({ ...place, value: oid })!;
  if (typeof place.value === "number") return { oid: name, tag: Tag.integer, value: maybeNumber(place)! };
  if (typeof place.value === "string") return { oid: name, ...textValue(expand(place.value)) };
  const fields = readMapping(place, ["type", "value", "layout", "fields"]);
  const type = maybeChoice(fields.type, objectTypes);
  if (type === undefined) throw wrongValue(fields.type, "the type of an object", `one of: ${objectTypes.join(", ")}`);
  return { oid: name, ...valueOf(type, fields, expand) };
}

function valueOf(
  type: typeof objectTypes[number],
  { value, layout, fields }: Record<"value" | "layout" | "fields", Place>,
  expand: (text: string) => string,
): SnmpValue {
  switch (type) {
    case "octets":
      return textValue(expand(maybeText(value) ?? ""));
    case "hex":
      return { tag: Tag.octetString, value: maybeHex(value) ?? new Uint8Array() };
    case "records":
      return {
        tag: Tag.octetString,
        value: encodeRecords(fields, maybeChoice(layout, recordLayouts) ?? "id-type-length-value"),
      };
    case "null":
      return { tag: Tag.null, value: null };
    case "oid":
      return { tag: Tag.oid, value: required(maybeOid(value), value, "an OID") };
    case "ip": {
      const octets = (maybeText(value) ?? "").split(".").map(Number);
      if (octets.length !== 4 || !octets.every((octet) => octet >= 0 && octet < 256)) {
        throw wrongValue(value, "an IPv4 address");
      }
      return { tag: Tag.ipAddress, value: Uint8Array.from(octets) };
    }
    case "counter64": {
      const text = maybeText(value) ?? "";
      // A number of YAML loses digits behind 2^53; write it in quotes.
      if (!/^\d{1,20}$/.test(text) || BigInt(text) >= 2n ** 64n) throw wrongValue(value, "a whole number of 64 bits");
      return { tag: Tag.counter64, value: BigInt(text) };
    }
    case "integer":
      return { tag: Tag.integer, value: required(maybeNumber(value), value, "a whole number") };
    default: {
      const tag = { counter32: Tag.counter32, gauge32: Tag.gauge32, timeticks: Tag.timeTicks }[type];
      return { tag, value: required(maybeNumber(value, { low: 0 }), value, "a whole number of 32 bits") };
    }
  }
}

function required<T>(value: T | undefined, place: Place, what: string): T {
  if (value === undefined) throw wrongValue(place, what);
  return value;
}

function textValue(text: string): SnmpValue {
  return { tag: Tag.octetString, value: new TextEncoder().encode(text) };
}

/**
 * Brother's octet strings of records: one octet id, one of type where the layout has it, one of length, the value
 * big-endian, and ff at the end. `fields` is a mapping of the id in hexadecimal to a number of four octets, or to
 * `{ value, length, type }`.
 */
function encodeRecords(place: Place, layout: typeof recordLayouts[number]): Uint8Array {
  const octets: number[] = [];
  for (const [id, field] of readAnyMapping(place)) {
    if (!/^[0-9a-fA-F]{2}$/.test(id)) {
      throw wrongValue({ ...field, value: id }, "the id of a record", 'two hexadecimal digits in quotes, such as "0a"');
    }
    const isShort = typeof field.value === "number";
    const parts = readMapping(isShort ? { ...field, value: new Map([["value", field.value]]) } : field, [
      "value",
      "length",
      "type",
    ]);
    const length = maybeNumber(parts.length, { low: 1, high: 127 }) ?? 4;
    const value = required(maybeNumber(parts.value), parts.value, "a whole number");
    octets.push(parseInt(id, 16));
    if (layout === "id-type-length-value") octets.push(maybeNumber(parts.type, { low: 0, high: 255 }) ?? 1);
    octets.push(length);
    for (let i = length - 1; i >= 0; i--) octets.push(Number(BigInt.asUintN(8, BigInt(value) >> BigInt(8 * i))));
  }
  return Uint8Array.from([...octets, 0xff]);
}
