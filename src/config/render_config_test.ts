import assert from "node:assert/strict";
import { parse as parseYamlText } from "yaml";
import { applyPlatformConfig } from "./platform_config.ts";
import { parseAgentConfig } from "./read_config.ts";
import { effectiveConfigHash, effectiveConfigYaml, renderConfigJson, renderConfigText } from "./render_config.ts";

const { config } = applyPlatformConfig(
  parseAgentConfig(
    `platform: { rootDomain: example.com, endpoints: [dca.example.com, dca-2.example.com] }
limits: { timeout: 2s }
proxy: { url: http://p, user: a, password: hunter2 }
`,
    {
      file: "agent.yaml",
      env: (name) => name === "OPENDCA_LOG_LEVEL" ? "debug" : undefined,
      readFile: () => "",
    },
  ),
  {
    pollIntervalSeconds: 60,
    sites: [{ name: "new", ranges: ["10.1.0.0/24"], excludes: [] }],
    schedule: { allowedHours: [{ days: [1], startMinute: 60, endMinute: 120 }] },
  },
);

Deno.test("renderConfigText() says of each value where it comes from", () => {
  const text = renderConfigText(config);
  for (
    const row of [
      /^platform\.endpoints +dca\.example\.com:443 +agent\.yaml:1\n +dca-2\.example\.com:443$/m,
      /^limits\.timeout +2s +agent\.yaml:2$/m,
      /^limits\.retries +1 +default$/m,
      /^log\.level +debug +OPENDCA_LOG_LEVEL$/m,
      /^poll\.interval +1m +platform$/m,
      /^sites\[0\]\.ranges +10\.1\.0\.0\/24 +platform$/m,
      /^schedule\.platformHours +mon 01:00-02:00 +platform$/m,
      /^proxy\.password +\[redacted\] +agent\.yaml:3$/m,
      /^log\.file +none +default$/m,
    ]
  ) assert.match(text, row);
  assert.doesNotMatch(text, /^sites +/m);
});

Deno.test("renderConfigJson() has path, value and source of every setting", () => {
  const { file, settings } = JSON.parse(renderConfigJson(config));
  assert.equal(file, "agent.yaml");
  assert.equal(settings.length, config.settings.length);
  const find = (path: string) => settings.find((setting: { path: string }) => setting.path === path);
  assert.deepEqual(find("limits.timeout"), {
    path: "limits.timeout",
    value: "2s",
    source: { kind: "file", place: "agent.yaml:2" },
  });
});

Deno.test("effectiveConfigYaml() has the form of the file", () => {
  const tree = parseYamlText(effectiveConfigYaml(config));
  assert.deepEqual(tree.sites, [{ name: "new", ranges: ["10.1.0.0/24"], hosts: [] }]);
  assert.equal(tree.limits.spool.maxAge, "90d");
  assert.equal(tree.poll.interval, "1m");
  assert.equal(tree.proxy.password, "[redacted]");
});

Deno.test("effectiveConfigHash() is the SHA-256 of the text that the platform gets", async () => {
  const hash = effectiveConfigHash(config);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(effectiveConfigYaml(config)));
  assert.equal(hash, new Uint8Array(digest).toHex());
});
