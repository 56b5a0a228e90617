import assert from "node:assert/strict";
import { readServerFlight } from "./server_flight.ts";

const record = (octets: readonly number[]) => [22, 3, 1, octets.length >> 8, octets.length & 255, ...octets];
/** TLS 1.0, RSA-AES128-CBC, then the end of the flight. */
const hello = [2, 0, 0, 38, 3, 1, ...Array(32).fill(7), 0, 0, 0x2f, 0], done = [14, 0, 0, 0];

Deno.test("readServerFlight() reads a flight in one record, and in one record for each octet", () => {
  const want = {
    kind: "hello",
    version: 0x301,
    cipher: 0x2f,
    certificate: undefined,
    exchange: undefined,
    isDone: true,
  };
  assert.deepEqual(readServerFlight(Uint8Array.from(record([...hello, ...done]))), want);
  const pieces = [...hello, ...done].flatMap((octet) => record([octet]));
  assert.deepEqual(readServerFlight(Uint8Array.from(pieces)), want);
  assert.deepEqual(readServerFlight(Uint8Array.from(pieces.slice(0, -1))), { ...want, isDone: false });
});

Deno.test("readServerFlight() gives up on hundreds of records, each of which would have all read again", () => {
  const endless = [11, 0xff, 0xff, 0xff, ...Array(300).fill(0)].flatMap((octet) => record([octet]));
  const octets = Uint8Array.from([...record(hello), ...endless]);
  assert.equal(readServerFlight(octets.subarray(0, 600)).kind, "hello");
  assert.equal(readServerFlight(octets).kind, "notTls");
});
