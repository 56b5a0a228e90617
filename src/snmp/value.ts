/** SNMP values: the ASN.1 tag and the decoded content. Tags are those of RFC 3416 section 3. */

export const Tag = {
  integer: 0x02,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
  ipAddress: 0x40,
  counter32: 0x41,
  gauge32: 0x42,
  timeTicks: 0x43,
  opaque: 0x44,
  counter64: 0x46,
  noSuchObject: 0x80,
  noSuchInstance: 0x81,
  endOfMibView: 0x82,
} as const;

/**
 * `value` is a number for INTEGER, Counter32, Gauge32 and TimeTicks; a bigint for Counter64; a dotted string for OBJECT
 * IDENTIFIER; octets for OCTET STRING, IpAddress and Opaque; null for Null and the three exceptions.
 */
export interface SnmpValue {
  tag: number;
  value: number | bigint | string | Uint8Array | null;
}

export interface Varbind extends SnmpValue {
  oid: string;
}

/** Whether the agent reported that there is no such object, instance or successor. */
export function isException(value: SnmpValue): boolean {
  return value.tag === Tag.noSuchObject || value.tag === Tag.noSuchInstance || value.tag === Tag.endOfMibView;
}
