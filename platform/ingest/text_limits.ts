/**
 * How long texts and lists of a record may be, far above what printers and agents say. Anything that is not named here has
 * the default.
 */
const mostLength: Record<string, number> = {
  // A value as the device gave it, which may be hexadecimal.
  text: 256 * 1024,
  // Of diagnostics, which the message's own limit bounds.
  bundle: Infinity,
};
/* SNMP has no longer string. */
const defaultLength = 64 * 1024;
const mostEntries = 10_000;

/** Such as `meters.3.name has 70000 characters, at most 65536`; undefined when all is within its limits. */
export function textMistake(value: unknown, path = "", name = ""): string | undefined {
  if (typeof value === "string") {
    const most = mostLength[name] ?? defaultLength;
    return value.length <= most ? undefined : `${path} has ${value.length} characters, at most ${most}`;
  }
  if (typeof value !== "object" || value === null || value instanceof Date || ArrayBuffer.isView(value)) {
    return undefined;
  }
  if (Array.isArray(value) && value.length > mostEntries) {
    return `${path} has ${value.length} entries, at most ${mostEntries}`;
  }
  for (const [key, inner] of Object.entries(value)) {
    const at = Array.isArray(value) ? name : key;
    const mistake = textMistake(inner, path === "" ? key : `${path}.${key}`, at);
    if (mistake !== undefined) return mistake;
  }
  return undefined;
}
