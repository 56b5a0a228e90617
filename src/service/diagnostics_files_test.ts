import assert from "node:assert/strict";
import { parseAgentConfig } from "../config/read_config.ts";
import { diagnosticsFiles } from "./diagnostics_files.ts";

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

Deno.test("diagnosticsFiles() holds status, configuration and the lines of the last hours, and no secret", async () => {
  const files = await diagnosticsFiles({
    config,
    status: { schema: "opendca.status/1" },
    now: new Date("2026-01-01T04:00:00Z"),
    logHours: 2,
    readTextFile: (path) => path in logs ? Promise.resolve(logs[path]!) : Promise.reject(new Deno.errors.NotFound()),
  });
  assert.deepEqual(files.map(({ name }) => name), ["status.json", "config.txt", "agent.jsonl"]);
  assert.equal(files[2]!.text, line(2) + line(3));
  const all = files.map(({ text }) => text).join("");
  assert.doesNotMatch(all, /hunter/);
  assert.match(all, / monitor of agent.yaml:6 \(authPriv, sha256, aes128\) \[redacted\]/);
});
