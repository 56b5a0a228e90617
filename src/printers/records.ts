/**
 * Brother's records in one octet string, ended by ff or by the end of the octets:
 *
 *     id-type-length-value   id (1)  type (1)  length (1)  value (length octets, big-endian)
 *     id-length-value        id (1)  length (1)  value
 *
 * The length octet decides where the next record starts: chunks of a fixed size misread older models, whose values have
 * one or two octets. A record that runs past the end is dropped with all that follows.
 */
export interface OctetRecord {
  id: number;
  value: number;
  octets: number;
}

/** Decodes records; never throws, whatever the octets. Values above 2^53 are dropped. */
export function decodeRecords(
  octets: Uint8Array,
  layout: "id-type-length-value" | "id-length-value",
): { records: OctetRecord[]; truncated: boolean } {
  const header = layout === "id-type-length-value" ? 3 : 2;
  const records: OctetRecord[] = [];
  let at = 0;
  while (at < octets.length && octets[at] !== 0xff) {
    const length = octets[at + header - 1];
    if (length === undefined || at + header + length > octets.length) return { records, truncated: true };
    let value = 0;
    for (const octet of octets.subarray(at + header, at + header + length)) value = value * 256 + octet;
    if (length > 0 && Number.isSafeInteger(value)) records.push({ id: octets[at]!, value, octets: length });
    at += header + length;
  }
  return { records, truncated: false };
}
