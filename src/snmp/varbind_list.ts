/** Variable bindings as octets: the most compact form to store many of them. */
import { BerReader } from "./ber.ts";
import { decodeScopedPdu, encodeScopedPdu, PduType } from "./message.ts";
import type { Varbind } from "./value.ts";

const none = new Uint8Array();

export function encodeVarbinds(varbinds: Varbind[]): Uint8Array {
  const pdu = { type: PduType.response, requestId: 0, errorStatus: 0, errorIndex: 0, varbinds };
  return encodeScopedPdu({ contextEngineId: none, contextName: none, pdu });
}

/** Decodes the result of `encodeVarbinds`. */
export function decodeVarbinds(octets: Uint8Array): Varbind[] {
  return decodeScopedPdu(new BerReader(octets)).pdu.varbinds;
}
