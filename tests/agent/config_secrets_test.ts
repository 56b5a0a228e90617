/** No way of looking at a configuration shows a password. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import fc from "fast-check";
import { runCli } from "../../src/cli/run_cli.ts";
import { ConfigMistakesError } from "../../src/config/config_mistakes.ts";
import { configChanges } from "../../src/config/config_changes.ts";
import { applyPlatformConfig } from "../../src/config/platform_config.ts";
import { parseAgentConfig, readAgentConfig } from "../../src/config/read_config.ts";
import { effectiveConfigYaml, renderConfigJson, renderConfigText } from "../../src/config/render_config.ts";
import { formatJsonLine, formatTextLine } from "../../src/log/format_line.ts";
import type { LogFields } from "../../src/log/log_record.ts";
import { testHost } from "../fixtures/test_host.ts";

const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
await Deno.writeTextFile(`${folder}/password`, "swordfish-gate9\n");
await Deno.writeTextFile(`${folder}/priv`, "swordfish-priv\n");

const secrets = ["swordfish-gate9", "swordfish-priv", "hunter2-literal", "abracadabra-auth"];
const env: Record<string, string> = { SNMP_AUTH: "abracadabra-auth", CREDENTIALS_DIRECTORY: folder };

const text = `platform: { rootDomain: example.com, endpoints: [dca.example.com] }
proxy:
  url: http://proxy.example.com:3128
  user: agent
  password: { file: ${folder}/password }
  noProxy: [.intranet.example.com]
sites:
  - name: hq
    ranges: [10.1.0.0/24]
    credentials:
      - community: hunter2-literal
        versions: [2c]
      - user: monitor
        auth: { protocol: sha256, key: { env: SNMP_AUTH } }
        priv: { protocol: aes128, key: { credential: priv } }
`;

function assertNoSecret(shown: string): void {
  assert.ok(shown.length > 0);
  for (const secret of secrets) {
    // Half a secret is one, too.
    for (const half of [secret.slice(0, 7), secret.slice(-7)]) {
      assert.ok(!shown.includes(half), `${half} in: ${shown}`);
    }
  }
}

const bigints = (_: string, value: unknown) => typeof value === "bigint" ? String(value) : value;

Deno.test("a configuration shows no secret, however it is rendered", async () => {
  const local = await readAgentConfig(`${folder}/agent.yaml`, {
    env: (name) => env[name],
    readTextFile: (path) => path.endsWith("agent.yaml") ? Promise.resolve(text) : Deno.readTextFile(path),
  });
  assert.equal(local.proxy?.password?.reveal(), "swordfish-gate9");
  const { config } = applyPlatformConfig(local, { pollIntervalSeconds: 60 });
  const other = parseAgentConfig(text.replace("hunter2-literal", "public"), {
    file: "agent.yaml",
    env: (name) => env[name],
    readFile: () => "swordfish-changed",
  });
  const record = { time: new Date(0), level: "info" as const, event: "configRead" };
  // A careless caller, against the types.
  const fields = { config } as unknown as LogFields;
  for (
    const shown of [
      renderConfigText(config),
      renderConfigJson(config),
      effectiveConfigYaml(config),
      configChanges(config, other).join(),
      JSON.stringify(config, bigints),
      Deno.inspect(config, { depth: 20 }),
      inspect(config, { depth: 20, showHidden: true }),
      formatJsonLine({ ...record, fields }),
      formatTextLine({ ...record, fields }),
    ]
  ) assertNoSecret(shown);
});

Deno.test("opendca config shows no secret", async () => {
  await Deno.writeTextFile(`${folder}/agent.yaml`, text);
  for (const args of [["check"], ["show"], ["show", "--json"]]) {
    const host = testHost({ env });
    assert.equal(await runCli(["config", ...args, "--config", `${folder}/agent.yaml`], host), 0, host.err);
    assertNoSecret(host.out);
    assert.equal(host.err, "");
  }
});

/** The same in one line, where a missing character joins more. */
const flow =
  `{ platform: { rootDomain: example.com, endpoints: [dca.example.com] }, proxy: { url: 'http://p.example:3128', ` +
  `user: agent, password: swordfish-gate9, noProxy: [.intranet] }, credentials: [{ community: hunter2-literal, ` +
  `versions: [2c] }, { user: m, auth: { protocol: sha1, key: abracadabra-auth }, priv: { key: swordfish-priv, ` +
  `protocol: des } }], log: { level: info } }`;
const literal = text.replace(/\{ file.*\}/, "swordfish-gate9").replace("{ env: SNMP_AUTH }", "abracadabra-auth")
  .replace("{ credential: priv }", "swordfish-priv");

for (const [form, source] of [["block", literal], ["flow", flow]] as const) {
  Deno.test(`mistakes show no secret, wherever a character is missing or too many in ${form} style`, () => {
    const parse = (yaml: string) =>
      parseAgentConfig(yaml, { file: "agent.yaml", env: () => undefined, readFile: () => "x" });
    parse(source);
    const anywhere = fc.integer({ min: 0, max: source.length });
    const nearSecrets = secrets.map((secret) => {
      const begin = source.indexOf(secret);
      return fc.integer({ min: begin - 30, max: begin + secret.length + 5 });
    });
    const at = fc.oneof(anywhere, ...nearSecrets);
    const typos = fc.tuple(at, fc.constantFrom("", "", "", ..."{}[]:,'\"#&*!|>%@`-?\n\t x"));
    let failed = 0;
    fc.assert(
      fc.property(typos, ([place, extra]) => {
        try {
          parse(source.slice(0, place) + extra + source.slice(extra === "" ? place + 1 : place));
        } catch (error) {
          failed++;
          assert.ok(error instanceof ConfigMistakesError, String(error));
          for (const mistake of [error, ...error.mistakes]) {
            const said = `${mistake.message} ${mistake.hint} ${mistake.cause}`;
            assertNoSecret(said);
          }
        }
      }),
      { numRuns: 300 },
    );
    assert.ok(failed > 50);
  });
}
