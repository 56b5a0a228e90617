/** The header of an SNMPv3 message: enough to find the request it answers, and to verify all lengths. */
import { BerReader, BerSyntaxError } from "./ber.ts";
import { MsgFlag, PduType } from "./message.ts";
import { Tag } from "./value.ts";

export interface V3Header {
  msgId: number;
  msgFlags: number;
  engineId: Uint8Array;
  engineBoots: number;
  engineTime: number;
  /** Whether the PDU is a report; false for an encrypted one. */
  isReport: boolean;
}

/**
 * Reads the header and checks the rest without decoding values. Undefined for another version of SNMP; throws
 * `BerSyntaxError` if it is not an SNMP message.
 */
export function maybeV3Header(packet: Uint8Array): V3Header | undefined {
  const reader = new BerReader(packet);
  reader.open(Tag.sequence);
  if (reader.readInt32() !== 3) return undefined;
  const header = reader.inner(Tag.sequence);
  const msgId = header.readInt32();
  header.readInt32(); // msgMaxSize
  const msgFlags = header.readOctets()[0] ?? 0;
  header.readInt32(); // msgSecurityModel
  const security = reader.inner(Tag.octetString).inner(Tag.sequence);
  const engineId = security.readOctets().slice();
  const engineBoots = security.readInt32();
  const engineTime = security.readInt32();
  security.readOctets(); // msgUserName
  security.readOctets(); // msgAuthenticationParameters
  security.readOctets(); // msgPrivacyParameters
  let isReport = false;
  if ((msgFlags & MsgFlag.priv) !== 0) reader.readOctets();
  else isReport = walkScopedPdu(reader) === PduType.report;
  return { msgId, msgFlags, engineId, engineBoots, engineTime, isReport };
}

/** The type of the PDU, after checking the lengths of all its elements. */
function walkScopedPdu(reader: BerReader): number {
  const scoped = reader.inner(Tag.sequence);
  scoped.readOctets(); // contextEngineID
  scoped.readOctets(); // contextName
  const type = scoped.peekTag();
  if (type < 0xa0 || type > 0xa8 || type === 0xa4) {
    throw new BerSyntaxError(`Cannot read PDU type 0x${type.toString(16)}`, scoped.offset);
  }
  const pdu = scoped.inner(type);
  pdu.readInt32(); // request-id
  pdu.readInt32(); // error-status
  pdu.readInt32(); // error-index
  const list = pdu.inner(Tag.sequence);
  while (!list.done) {
    const varbind = list.inner(Tag.sequence);
    varbind.inner(Tag.oid);
    varbind.skip();
  }
  return type;
}
