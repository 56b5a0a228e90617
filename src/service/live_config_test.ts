import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { PlatformConfig } from "../../proto/gen/opendca/v1/config.ts";
import { parseAgentConfig } from "../config/read_config.ts";
import { type LiveConfig, needsRestart, openLiveConfig } from "./live_config.ts";

function local(more = "") {
  return parseAgentConfig(
    `platform: { rootDomain: example.com, endpoints: [dca.example.com] }\nsites: [{ name: a, ranges: [10.1.0.0/24] }]\n${more}`,
    { file: "agent.yaml", env: () => undefined, readFile: () => "" },
  );
}

function documentOf(config: Parameters<typeof PlatformConfig.fromPartial>[0]) {
  const content = Buffer.from(PlatformConfig.encode(PlatformConfig.fromPartial(config)).finish());
  return { content, hash: createHash("sha256").update(content).digest("hex") };
}

const files = new Map<string, string>();
function open(config = local()): Promise<LiveConfig> {
  return openLiveConfig({
    local: config,
    readTextFile: (path) => files.has(path) ? Promise.resolve(files.get(path)!) : Promise.reject(new Error("none")),
    replaceTextFile: (path, text) => Promise.resolve(void files.set(path, text)),
  });
}

Deno.test("openLiveConfig() keeps the platform's part across a start, under the file of that time", async () => {
  files.clear();
  const first = await open();
  const document = documentOf({ pollIntervalSeconds: 120, maskedFields: ["serial"] });
  await first.apply(document);
  assert.deepEqual([first.current().poll.intervalMs, first.hash()], [120_000, document.hash]);
  const second = await open();
  assert.deepEqual([second.current().policy.mask, second.hash()], [["serial"], document.hash]);
  second.setLocal(local("policy: { features: { setConfig: false } }"));
  assert.deepEqual([second.current().policy.mask, second.refusals().length], [[], 1]);
});

Deno.test("openLiveConfig() changes nothing for a document whose hash is wrong or that cannot be read", async () => {
  files.clear();
  const config = await open();
  const { content } = documentOf({ pollIntervalSeconds: 120 });
  const torn = Buffer.of(0x0a, 0xff);
  await assert.rejects(config.apply({ content, hash: "00" }), /hash/);
  await assert.rejects(
    config.apply({ content: torn, hash: createHash("sha256").update(torn).digest("hex") }),
    /Cannot read/,
  );
  assert.deepEqual([config.current().poll.intervalMs, config.hash(), files.size], [300_000, "", 0]);
});

Deno.test("openLiveConfig() writes one document after the other, and goes on after one that the disk refused", async () => {
  const written: string[] = [];
  let isWriting = false;
  const config = await openLiveConfig({
    local: local(),
    readTextFile: () => Promise.reject(new Error("none")),
    async replaceTextFile(_, text) {
      assert(!isWriting, "two documents are written at the same time");
      isWriting = true;
      await Promise.resolve();
      isWriting = false;
      if (text.includes("120")) throw new Error("the disk is full");
      written.push(text);
    },
  });
  const [refused, taken] = await Promise.allSettled(
    [120, 180].map((pollIntervalSeconds) => config.apply(documentOf({ pollIntervalSeconds }))),
  );
  assert.deepEqual([refused!.status, taken!.status, written.length], ["rejected", "fulfilled", 1]);
  assert.equal(config.current().poll.intervalMs, 180_000);
});

Deno.test("openLiveConfig() tells each change to who listens, in their order, and to nobody who has stopped", async () => {
  files.clear();
  const config = await open();
  const told: string[] = [];
  using _first = config.onChange(({ from, config: { poll } }) => told.push(`first ${from} ${poll.intervalMs}`));
  const second = config.onChange(({ from, refusals }) => told.push(`second ${from} ${refusals.length}`));
  await config.apply(documentOf({ pollIntervalSeconds: 120 }));
  second[Symbol.dispose]();
  config.setLocal(local("policy: { features: { setConfig: false } }"));
  assert.deepEqual(told, ["first platform 120000", "second platform 0", "first file 300000"]);
});

Deno.test("openLiveConfig() starts without a part that is torn", async () => {
  files.clear();
  files.set("/var/lib/opendca/platform.json", '{"hash": "12');
  assert.equal((await open()).hash(), "");
});

const restarts: [change: string, restarts: boolean][] = [
  ["platform.endpoints", true],
  ["proxy.host", true],
  ["proxy", true],
  ["log.file", true],
  ["limits.spool", true],
  ["log.level", false],
  ["limits.timeoutMs", false],
  ["sites.a.ranges", false],
  ["stateDirectory", false],
];
for (const [change, want] of restarts) {
  Deno.test(`needsRestart() of ${change} is ${want}`, () => assert.equal(needsRestart([change]), want));
}
