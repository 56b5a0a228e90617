import assert from "node:assert/strict";
import fc from "fast-check";
import { ConfigError, UnavailableError } from "../../common/core/errors.ts";
import { Secret } from "../../common/core/secret.ts";
import { anyCharacter } from "../../tests/fixtures/any_character.ts";
import { formatJsonLine, formatTextLine, withPriority } from "./format_line.ts";
import { logLevels } from "./log_level.ts";
import type { LogFields, LogValue } from "./log_record.ts";

const time = new Date(2026, 0, 5, 7, 8, 9);

function jsonOf(fields: LogFields): Record<string, unknown> {
  return JSON.parse(formatJsonLine({ time, level: "info", event: "batchSent", fields }));
}

Deno.test("formatJsonLine() begins with time, level and event, in one line", () => {
  const line = formatJsonLine({ time, level: "warn", event: "batchSent", fields: { count: 3, site: "a\nb" } });
  assert.equal(
    line,
    `{"time":"${time.toISOString()}","level":"warn","event":"batchSent","count":3,"site":"a\\\\u000ab"}\n`,
  );
});

const values: [name: string, value: LogValue, want: unknown][] = [
  ["a bigint", 2n ** 70n, "1180591620717411303424"],
  ["a date", new Date(0), "1970-01-01T00:00:00.000Z"],
  ["a date that is none", new Date(NaN), "Invalid Date"],
  ["a number that is none", NaN, "NaN"],
  ["null", null, null],
  ["a list", ["a", 1], ["a", 1]],
  ["a secret", new Secret("hunter2"), "[redacted]"],
  ["a secret inside", { list: [new Secret("hunter2")] }, { list: ["[redacted]"] }],
  ["an error", new ConfigError("Cannot", "type this"), { name: "ConfigError", message: "Cannot", hint: "type this" }],
  [
    "an error and its cause",
    new Error("outer", { cause: new TypeError("inner") }),
    { name: "Error", message: "outer", cause: { name: "TypeError", message: "inner" } },
  ],
  ["what rewrites a terminal", "\x1b]0;x\x07\u009b2J\u202e", "\\u001b]0;x\\u0007\\u009b2J\\u202e"],
  ["a lone surrogate", "\ud800", "\ufffd"],
];
for (const [name, value, want] of values) {
  Deno.test(`formatJsonLine() writes ${name}`, () => assert.deepEqual(jsonOf({ value }).value, want));
}

Deno.test("formatJsonLine() leaves out undefined and redacts by name", () => {
  const fields = { a: undefined, password: "hunter2", proxyPassword: "hunter2", unlockToken: "hunter2", tokens: 3 };
  const { time: _, level: __, event: ___, ...rest } = jsonOf(fields);
  assert.deepEqual(rest, {
    password: "[redacted]",
    proxyPassword: "[redacted]",
    unlockToken: "[redacted]",
    tokens: 3,
  });
});

Deno.test("formatJsonLine() lets no field pass itself off as time, level or event", () => {
  const record = jsonOf({ level: "error", event: "other", time: "never" });
  assert.deepEqual(record, { time: time.toISOString(), level: "info", event: "batchSent" });
});

Deno.test("formatJsonLine() bounds what is long, wide or deep", () => {
  let deep: LogValue = "end";
  for (let i = 0; i < 50; i++) deep = { deep };
  const { text, list } = jsonOf({ text: "x".repeat(1e6), list: new Array(1e4).fill(1), deep });
  assert.equal((text as string).length, 4001);
  assert.equal((list as unknown[]).length, 100);
});

Deno.test("formatJsonLine() is one line of JSON for any fields", () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (fields) => {
    const line = formatJsonLine({ time, level: "info", event: "batchSent", fields: fields as LogFields });
    assert.equal(line.indexOf("\n"), line.length - 1);
    assert.equal(JSON.parse(line).event, "batchSent");
  }));
});

Deno.test("formatTextLine() is for people", () => {
  const record = {
    time,
    level: "warn" as const,
    event: "pollFailed",
    fields: { count: 3, site: "head office", to: "a" },
  };
  assert.equal(formatTextLine(record), '07:08:09 WARN  pollFailed count=3 site="head office" to=a\n');
  assert.equal(
    formatTextLine({ ...record, fields: {} }, { color: true }),
    "07:08:09 \x1b[33mWARN \x1b[0m pollFailed\n",
  );
});

const texts: [name: string, fields: LogFields, want: string][] = [
  [
    "an error",
    { error: new UnavailableError("Cannot reach it", "try again") },
    'error="Cannot reach it" error.hint="try again"',
  ],
  [
    "an error and its cause",
    { error: new Error("outer", { cause: new Error("inner x") }) },
    'error=outer error.cause="inner x"',
  ],
  ["an object", { moved: { from: "10.1.0.7", to: "10.1.0.8" } }, "moved.from=10.1.0.7 moved.to=10.1.0.8"],
  ["a list", { sites: ["a", "head office", 3] }, 'sites="a, head office, 3"'],
  ["a short list", { ids: ["a"] }, "ids=a"],
  ["an empty list", { refusals: [] }, 'refusals=""'],
  ["an empty object", { a: {}, b: 1 }, "b=1"],
  ["a list of objects", { list: [{ a: 1 }] }, 'list=[{"a":1}]'],
  ["an empty text", { a: "" }, 'a=""'],
  ["quotes and equal signs", { a: 'b="c"' }, 'a="b=\\"c\\""'],
  ["null, a number and a truth", { a: null, b: 1.5, c: true }, "a=null b=1.5 c=true"],
  ["a text that would begin another line", { a: "b\nERROR c" }, 'a="b\\\\u000aERROR c"'],
  ["what has a name and no message", { device: { name: "x" } }, "device.name=x"],
];
for (const [name, fields, want] of texts) {
  Deno.test(`formatTextLine() writes ${name} so that a person can read it`, () =>
    assert.equal(
      formatTextLine({ time, level: "info", event: "pollFailed", fields }),
      `07:08:09 INFO  pollFailed ${want}\n`,
    ));
}

Deno.test("formatTextLine() is one line without a control character for any fields, but for colours", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: anyCharacter }), fc.jsonValue({ stringUnit: anyCharacter })),
      fc.boolean(),
      (fields, color) => {
        const line = formatTextLine({ time, level: "info", event: "batchSent", fields: fields as LogFields }, {
          color,
        });
        assert.equal(line.indexOf("\n"), line.length - 1);
        // deno-lint-ignore no-control-regex -- colours are such characters
        assert.doesNotMatch(line.slice(0, -1).replace(/\x1b\[[\d;]+m/g, color ? "" : "$&"), /\p{Cc}/u);
      },
    ),
  );
});

Deno.test("withPriority() puts the priority of RFC 5424 in front", () => {
  const lines = logLevels.map((level) => withPriority(formatJsonLine)({ time, level, event: "batchSent", fields: {} }));
  assert.deepEqual(lines.map((line) => line.slice(0, 4)), ["<3>{", "<4>{", "<6>{", "<7>{"]);
});
