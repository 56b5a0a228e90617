import assert from "node:assert/strict";
import { UsageError } from "../../../common/core/errors.ts";
import { retentionOf } from "./retention_options.ts";

const day = 86_400_000;
const usual = { recordDays: 35, proofDays: 400, sampleDays: 1096 };

const cases = [
  { name: "the usual days", flags: {}, want: usual },
  {
    name: "days that are given",
    flags: { keepRecords: 7 * day, keepProofs: 90 * day, keepSamples: 100 * day },
    want: { recordDays: 7, proofDays: 90, sampleDays: 100 },
  },
  {
    name: "proofs as long as records that are kept for longer",
    flags: { keepRecords: 500 * day },
    want: { ...usual, recordDays: 500, proofDays: 500 },
  },
  { name: "proofs exactly as long as records", flags: { keepProofs: 35 * day }, want: { ...usual, proofDays: 35 } },
];
for (const { name, flags, want } of cases) {
  Deno.test(`retentionOf() has ${name}`, () => assert.deepEqual(retentionOf(flags), want));
}

for (const flags of [{ keepProofs: 34 * day }, { keepRecords: 90 * day, keepProofs: 89 * day }]) {
  Deno.test(`retentionOf() refuses proofs that go before their records: ${JSON.stringify(flags)}`, () => {
    assert.throws(() => retentionOf(flags), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /^Cannot keep proofs for \d+ days as records are kept for \d+$/);
      return true;
    });
  });
}
