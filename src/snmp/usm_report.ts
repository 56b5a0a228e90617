/** Why an engine refused a request, by the counter that its report names. */
import { BerReader, BerSyntaxError } from "./ber.ts";
import { decodeMessage, decodeScopedPdu, type ScopedPdu } from "./message.ts";
import { type NetSnmpUser, snmp, type UsmFailure } from "./net_snmp.ts";

/** USM (RFC 3414 section 5), SNMP-TARGET-MIB (RFC 3413 section 3.2). */
const counters: readonly [oid: string, failure: UsmFailure][] = [
  ["1.3.6.1.6.3.15.1.1.1", "unsupportedSecurityLevel"],
  ["1.3.6.1.6.3.15.1.1.2", "notInTimeWindow"],
  ["1.3.6.1.6.3.15.1.1.3", "unknownUserName"],
  ["1.3.6.1.6.3.15.1.1.4", "unknownEngineId"],
  ["1.3.6.1.6.3.15.1.1.5", "wrongDigest"],
  ["1.3.6.1.6.3.15.1.1.6", "decryptionError"],
  ["1.3.6.1.6.3.12.1.4", "unavailableContext"],
  ["1.3.6.1.6.3.12.1.5", "unknownContext"],
];

/** Reads a report with a verified digest, if it has one; needed when the library does not say which report it is. */
export function readUsmReport(packet: Uint8Array, user: NetSnmpUser): UsmFailure {
  const oid = maybeScopedPdu(packet, user)?.pdu.varbinds[0]?.oid ?? "";
  return counters.find(([counter]) => `${oid}.`.startsWith(`${counter}.`))?.[1] ?? "otherReport";
}

function maybeScopedPdu(packet: Uint8Array, user: NetSnmpUser): ScopedPdu | undefined {
  const { privProtocol, privKey, authProtocol } = user;
  try {
    const message = decodeMessage(packet);
    if (message.version !== 3) return undefined;
    if (message.encryptedPdu === undefined) return message.scopedPdu;
    if (privProtocol === undefined || privKey === undefined || authProtocol === undefined) return undefined;
    const { engineId: engineID, engineBoots, engineTime } = message;
    return decodeScopedPdu(
      new BerReader(
        snmp.Encryption.algorithms[privProtocol]!.decryptPdu(
          message.encryptedPdu,
          privProtocol,
          message.privParameters,
          privKey,
          authProtocol,
          { engineID, engineBoots, engineTime },
        ),
      ),
    );
  } catch (error) {
    if (error instanceof BerSyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}
