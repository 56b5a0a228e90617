import assert from "node:assert/strict";
import fc from "fast-check";
import { applyPlatformConfig } from "./platform_config.ts";
import { parseAgentConfig } from "./read_config.ts";
import { renderStoredPlatformConfig, tryParseStoredPlatformConfig } from "./stored_platform_config.ts";

const stored = {
  hash: "abc",
  document: {
    pollIntervalSeconds: 60,
    maskedFields: ["mac"],
    schedule: {
      sweepIntervalSeconds: 3600,
      statusIntervalSeconds: undefined,
      meterIntervalSeconds: undefined,
      allowedHours: [{ days: [1, 7], startMinute: 0, endMinute: 60 }],
    },
    update: { allowedHours: [{ days: [6], startMinute: 60, endMinute: 300 }] },
    sites: [{ name: "a", ranges: ["10.1.0.0/24"], excludes: [], schedule: undefined, packetsPerSecond: 5 }],
  },
};

Deno.test("tryParseStoredPlatformConfig() reads what renderStoredPlatformConfig() wrote", () => {
  assert.deepEqual(tryParseStoredPlatformConfig(renderStoredPlatformConfig(stored)), stored);
});

for (const text of ["", "{", "null", "[]", '{"document":{}}', '{"hash":7}']) {
  Deno.test(`tryParseStoredPlatformConfig() takes ${JSON.stringify(text)} for no such file`, () => {
    assert.equal(tryParseStoredPlatformConfig(text), undefined);
  });
}

Deno.test("tryParseStoredPlatformConfig() makes a document that can be applied of any JSON", () => {
  const local = parseAgentConfig("platform: { rootDomain: example.com, endpoints: [dca.example.com] }", {
    file: "f",
    env: () => undefined,
    readFile: () => "",
  });
  const keys = [
    "pollIntervalSeconds",
    "sites",
    "schedule",
    "maskedFields",
    "name",
    "ranges",
    "allowedHours",
    "days",
    "update",
  ];
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, "x", -1, 1e9),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys), tie("tree")),
    ),
  }));
  fc.assert(fc.property(tree, (document) => {
    const parsed = tryParseStoredPlatformConfig(JSON.stringify({ hash: "h", document }));
    assert.ok(parsed);
    applyPlatformConfig(local, parsed.document);
  }));
});
