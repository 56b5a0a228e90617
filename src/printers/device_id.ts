import { knownText } from "./known_text.ts";
import { remembered } from "./remembered.ts";

/** Fields of an IEEE-1284 device id that identify maker and model. */
export interface DeviceId {
  readonly maker: string | null;
  readonly model: string | null;
  readonly serial: string | null;
  /** CLS: in upper case, such as `PRINTER`. */
  readonly deviceClass: string | null;
  readonly description: string | null;
  /** Whether it names the page description languages of the device. */
  readonly prints: boolean;
}

/** Keys by meaning; the first of each line is from IEEE 1284-2000 section 6.6, the others are used by makers. */
const keys = {
  maker: ["MFG", "MANUFACTURER"],
  model: ["MDL", "MODEL"],
  commands: ["CMD", "COMMAND SET"],
  deviceClass: ["CLS", "CLASS"],
  description: ["DES", "DESCRIPTION"],
  serial: ["SN", "SERN", "SERIALNUMBER", "S/N", "SER"],
} as const;

const known = Object.values(keys).flat();

/** A key after white space or a comma starts a field as well: some devices omit the semicolons. */
const separator = new RegExp(`;|[\\s,]+(?=(?:${known.join("|")})\\s*:)`, "i");

/**
 * Reads an IEEE-1284 device id (`MFG:…;MDL:…;CLS:PRINTER;`), or undefined for other texts. Long and short keys in any
 * order and case, spaces, two octets of length before the first key, and a cut-off end occur; the first value of a
 * repeated key counts.
 */
export const maybeDeviceId = remembered((text): DeviceId | undefined => {
  const fields = new Map<string, string>();
  for (const [position, part] of text.split(separator).entries()) {
    const colon = part.indexOf(":");
    if (colon < 1) continue;
    const key = keyOf(part.slice(0, colon), position);
    const value = knownText(part.slice(colon + 1));
    if (value !== undefined && !fields.has(key)) fields.set(key, value);
  }
  const first = (names: readonly string[]) => {
    const name = names.find((name) => fields.has(name));
    return name === undefined ? null : fields.get(name)!;
  };
  const model = first(keys.model);
  const maker = first(keys.maker);
  if (model === null && maker === null) return undefined;
  return {
    maker,
    model,
    serial: first(keys.serial),
    deviceClass: first(keys.deviceClass)?.toUpperCase() ?? null,
    description: first(keys.description),
    prints: first(keys.commands) !== null,
  };
});

/** The key of a field. The two length octets before the first key may look like characters of it. */
function keyOf(text: string, position: number): string {
  const key = text.trim().toUpperCase();
  if (position > 0 || known.some((name) => name === key)) return key;
  return known.find((name) => name.length > 2 && key.endsWith(name) && key.length <= name.length + 2) ?? key;
}
