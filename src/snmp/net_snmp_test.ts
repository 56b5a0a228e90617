import assert from "node:assert/strict";
import { maybeUsmFailure, snmp } from "./net_snmp.ts";

const { EAuthFailure, ECouldNotDecrypt, ENotInTimeWindow, EOutOfOrder } = snmp.ResponseInvalidCode;

const cases: [message: string, code: number | undefined, want: string | undefined][] = [
  ["Unsupported Security Level", EAuthFailure, "unsupportedSecurityLevel"],
  ["Not In Time Window", EAuthFailure, "notInTimeWindow"],
  ["Unknown User Name", EAuthFailure, "unknownUserName"],
  ["Unknown Engine ID", EAuthFailure, "unknownEngineId"],
  ["Wrong Digest (incorrect password, community or key)", EAuthFailure, "wrongDigest"],
  ["Authentication digest 00 received in message does not match digest 01", EAuthFailure, "wrongDigest"],
  ["Decryption Error", EAuthFailure, "decryptionError"],
  ["Failed to decrypt PDU: RangeError", ECouldNotDecrypt, "decryptionError"],
  ["Message with engineBoots '1' is outside the time window", ENotInTimeWindow, "notInTimeWindow"],
  ["Unexpected Report PDU", EAuthFailure, "otherReport"],
  ["OID '1.3' does not precede OID '1.2'", EOutOfOrder, undefined],
];
for (const [message, code, want] of cases) {
  Deno.test(`maybeUsmFailure() takes "${message}" for ${want}`, () => {
    assert.equal(maybeUsmFailure(new snmp.ResponseInvalidError(message, code!)), want);
  });
}

Deno.test("maybeUsmFailure() knows nothing of other errors", () => {
  for (const error of [new snmp.RequestTimedOutError("Unknown User Name"), new Error("Unknown User Name"), undefined]) {
    assert.equal(maybeUsmFailure(error), undefined);
  }
});
