import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { parseAgentConfig } from "../config/read_config.ts";
import { runDiagnosticsTask } from "./diagnostics_task.ts";

const config = parseAgentConfig(
  `
platform: { rootDomain: example.com, endpoints: [dca.example.com] }
proxy: { url: http://proxy.example.com, user: agent, password: hunter-proxy }
credentials:
  - community: hunter-community
  - user: monitor
    level: authPriv
    auth: { protocol: sha256, key: hunter-auth-key }
    priv: { protocol: aes128, key: { env: PRIV_KEY } }
log: { file: { path: /var/log/agent.log, keep: 2 } }
`,
  { file: "agent.yaml", env: (name) => name === "PRIV_KEY" ? "hunter-priv-key" : undefined, readFile: () => "" },
);
const line = (hour: number) => `{"time":"2026-01-01T${String(hour).padStart(2, "0")}:00:00.000Z","n":${hour}}\n`;
const logs: Record<string, string> = {
  "/var/log/agent.log.1": line(1) + line(2),
  "/var/log/agent.log": line(3) + '{"time":"2026-01-01T04',
};

async function bundleOf(logHours: number, texts = logs): Promise<Record<string, string>> {
  const { bundle } = await runDiagnosticsTask({ logHours }, {
    config: () => config,
    clock: new FakeClock("2026-01-01T04:00:00Z"),
    status: () => ({ schema: "opendca.status/1" }),
    readTextFile: (path) => path in texts ? Promise.resolve(texts[path]!) : Promise.reject(new Deno.errors.NotFound()),
    cleanText: (text) => text.replaceAll('"n":3', '"n":"masked"'),
  });
  assert.ok(bundle.length <= 2 * 1024 * 1024, `${bundle.length} bytes`);
  return unpacked(bundle);
}

/** By the system's tar. */
async function unpacked(bundle: Uint8Array): Promise<Record<string, string>> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/bundle.tgz`, bundle);
    const { success, stderr } = await new Deno.Command("tar", { args: ["-xzf", "bundle.tgz"], cwd: folder }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    await Deno.remove(`${folder}/bundle.tgz`);
    const files: Record<string, string> = {};
    for await (const { name } of Deno.readDir(folder)) files[name] = await Deno.readTextFile(`${folder}/${name}`);
    return files;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("runDiagnosticsTask() packs status, configuration and the lines of the last hours, and no secret", async () => {
  const files = await bundleOf(2);
  assert.deepEqual(Object.keys(files).sort(), ["agent.jsonl", "config.txt", "status.json"]);
  assert.equal(files["agent.jsonl"], line(2) + line(3).replace("3}", '"masked"}'));
  const all = Object.values(files).join("");
  assert.doesNotMatch(all, /hunter/);
  assert.match(all, / monitor of agent.yaml:6 \(authPriv, sha256, aes128\) \[redacted\]/);
});

Deno.test("runDiagnosticsTask() packs a day of the log when it gets no hours", async () => {
  const yesterday = '{"time":"2025-12-31T03:59:59.000Z"}\n{"time":"2025-12-31T04:00:00.000Z"}\n';
  const files = await bundleOf(0, { "/var/log/agent.log": yesterday });
  assert.equal(files["agent.jsonl"], '{"time":"2025-12-31T04:00:00.000Z"}\n');
});

Deno.test("runDiagnosticsTask() leaves out the beginning of a log that is too long", async () => {
  const random = () => crypto.getRandomValues(new Uint8Array(48)).toHex();
  const lines = [...Array(50_000).keys()].map((n) =>
    `{"time":"2026-01-01T03:00:00.000Z","n":${n},"x":"${random()}"}\n`
  );
  const kept = (await bundleOf(0, { "/var/log/agent.log": lines.join("") }))["agent.jsonl"]!;
  assert.ok(kept.length > 0 && kept.length < lines.join("").length);
  const first = Number(/"n":(?:"masked")?(\d+)/.exec(kept)?.[1]);
  assert.ok(first > 0);
  assert.equal(kept.split("\n").length - 1, lines.length - first, "whole lines, up to the last one");
});
