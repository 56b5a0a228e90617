/** Fields of an IEEE-1284 device id that say who made what. */
export interface DeviceId {
  maker: string | null;
  model: string | null;
  serial: string | null;
  /** CLS: in upper case, such as `PRINTER`. */
  deviceClass: string | null;
  description: string | null;
}

/**
 * Reads an IEEE-1284 device id (`MFG:…;MDL:…;CLS:PRINTER;`), or undefined when the text is none. Long and short keys,
 * spaces, any case and a cut-off end occur; the first value of a repeated key counts.
 */
export function maybeDeviceId(text: string): DeviceId | undefined {
  const fields = new Map<string, string>();
  for (const part of text.split(";")) {
    const colon = part.indexOf(":");
    if (colon < 1) continue;
    const key = part.slice(0, colon).trim().toUpperCase();
    const value = part.slice(colon + 1).trim();
    if (value !== "" && !fields.has(key)) fields.set(key, value);
  }
  const first = (...keys: string[]) => keys.map((key) => fields.get(key)).find((value) => value !== undefined) ?? null;
  const model = first("MDL", "MODEL");
  const maker = first("MFG", "MANUFACTURER");
  if (model === null && maker === null) return undefined;
  return {
    maker,
    model,
    serial: first("SN", "SERN", "SERIALNUMBER", "S/N"),
    deviceClass: first("CLS", "CLASS")?.toUpperCase() ?? null,
    description: first("DES", "DESCRIPTION"),
  };
}
