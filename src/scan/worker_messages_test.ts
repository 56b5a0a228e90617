import assert from "node:assert/strict";
import type { Reading } from "../../common/reading/reading.ts";
import { interpretedReading } from "../../tests/fixtures/sample_reading.ts";
import { decodePosted, type DeviceResult, encodeForPost, type FromScanner } from "./worker_messages.ts";

/** As it arrives in the other thread. */
const posted = (message: FromScanner) => decodePosted(structuredClone(encodeForPost(message)));

Deno.test("decodePosted() has the results of encodeForPost(), each with its own readings", () => {
  const reading = interpretedReading();
  const odd: Reading = { ...reading, deviceIndex: 2, location: "\ud800 \u0000 \u2028", contact: '"\\' };
  const access = { credential: "a", view: "printer", printer: true, triedAll: true, seen: [] } as const;
  const known = { version: "2c", objects: Uint8Array.of(0, 255) } as const;
  const captured = [{ oid: "1.3", tag: 4, value: Uint8Array.of(1) }, { oid: "1.4", tag: 70, value: 2n ** 63n }];
  const result = (key: string, more: Partial<DeviceResult>): DeviceResult => (
    { shard: 1, key, readings: [], problems: [], ...more }
  );
  const results = [
    result("127.0.0.1 161", { readings: [reading, odd], access: { ...access, seen: [], known } }),
    result("127.0.0.2 161", { other: { address: "127.0.0.2", description: null, objectId: null }, captured }),
    result("127.0.0.3 161", { readings: [reading], problems: [{ code: "x", message: "y" }] }),
  ];
  assert.deepEqual(posted({ type: "results", results }), { type: "results", results });
});

Deno.test("encodeForPost() leaves other messages as they are", () => {
  assert.deepEqual(posted({ type: "pull" }), { type: "pull" });
  assert.deepEqual(posted({ type: "results", results: [] }), { type: "results", results: [] });
});
