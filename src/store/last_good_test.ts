import assert from "node:assert/strict";
import { interpretedReading } from "../../tests/fixtures/sample_reading.ts";
import { decodeLastGood, encodeLastGood } from "./last_good.ts";

Deno.test("decodeLastGood() is the inverse of encodeLastGood(), and nothing for a text with any change", () => {
  const reading = interpretedReading();
  const text = encodeLastGood(reading);
  assert.deepEqual(decodeLastGood(text), reading);
  for (let at = 0; at < text.length; at += 7) {
    const other = String.fromCharCode(text.charCodeAt(at) ^ 1);
    assert.equal(decodeLastGood(text.slice(0, at) + other + text.slice(at + 1)), null, `octet ${at}`);
  }
  for (const none of ["null", "", text.slice(0, -1), JSON.stringify(reading)]) assert.equal(decodeLastGood(none), null);
});
