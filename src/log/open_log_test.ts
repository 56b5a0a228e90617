import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { fakeLogDisk } from "../../tests/fixtures/fake_log_disk.ts";
import { Secret } from "../../common/core/secret.ts";
import { type LogOptions, openLog } from "./open_log.ts";

async function lines(
  options: Partial<LogOptions>,
  { env = {}, isTerminal = false }: { env?: Record<string, string>; isTerminal?: boolean } = {},
) {
  let out = "", err = "";
  const disk = fakeLogDisk();
  const log = openLog({ level: "info", format: "auto", file: null, ...options }, {
    clock: new FakeClock(),
    disk,
    stdout: { isTerminal, write: (text) => Promise.resolve(void (out += text)) },
    stderr: { write: (text) => Promise.resolve(void (err += text)) },
    env: (name) => env[name],
    fields: { version: "1" },
  });
  log.logger.info("agentStarted", { key: new Secret("hunter2") });
  log.logger.debug("batchSent");
  log.setLevel("debug");
  log.logger.debug("batchSent");
  await log[Symbol.asyncDispose]();
  assert.ok(!out.includes("hunter2"));
  return { out, err, disk };
}

const cases: [name: string, options: Partial<LogOptions>, where: Parameters<typeof lines>[1], want: RegExp][] = [
  [
    "JSON to a pipe",
    {},
    {},
    /^\{"time":.*"event":"agentStarted","version":"1","key":"\[redacted\]"\}\n\{.*"batchSent"/,
  ],
  ["JSON with priorities to the journal", {}, { env: { JOURNAL_STREAM: "8:1" } }, /^<6>\{.*\n<7>\{.*\n$/],
  [
    "color to a terminal",
    {},
    { isTerminal: true },
    new RegExp("^\\S{8} \x1b\\[36mINFO \x1b\\[0m agentStarted \x1b\\[2mversion=\x1b\\[0m1 "),
  ],
  ["no color with NO_COLOR", {}, { isTerminal: true, env: { NO_COLOR: "1" } }, /^\d\d:\d\d:\d\d INFO {2}agentStarted/],
  ["no priority to a terminal", {}, { isTerminal: true, env: { JOURNAL_STREAM: "8:1" } }, /^\d\d:/],
  ["text where it is asked for", { format: "text" }, {}, /^\d\d:\d\d:\d\d INFO {2}agentStarted/],
  ["JSON where it is asked for", { format: "json" }, { isTerminal: true }, /^\{"time"/],
];
for (const [name, options, where, want] of cases) {
  Deno.test(`openLog() writes ${name}`, async () => assert.match((await lines(options, where)).out, want));
}

Deno.test("openLog() writes to a file and nothing to standard output", async () => {
  const { out, err, disk } = await lines({ file: { path: "/log", maxBytes: 1e6, keep: 1 } }, { isTerminal: true });
  assert.equal(out + err, "");
  assert.match(disk.files.get("/log")!, /^\{.*"agentStarted".*\n\{.*"batchSent".*\n$/);
});

Deno.test("openLog() says on standard error that the file cannot be written", async () => {
  let err = "";
  const disk = fakeLogDisk();
  disk.broken = new Error("Permission denied");
  const { logger } = openLog({ level: "info", format: "auto", file: { path: "/log", maxBytes: 1e6, keep: 1 } }, {
    clock: new FakeClock(),
    disk,
    stdout: { isTerminal: false, write: () => Promise.reject(new Error("not here")) },
    stderr: { write: (text) => Promise.resolve(void (err += text)) },
    env: () => undefined,
  });
  logger.info("agentStarted");
  logger.info("agentStarted");
  await Promise.resolve();
  assert.equal(err, 'error: Cannot write the log "/log": Permission denied\n');
});
