import assert from "node:assert/strict";
import fc from "fast-check";
import { ConfigError } from "../../common/core/errors.ts";
import { credentialsFor, planToWire } from "../snmp/credential.ts";
import { parseCredentials } from "./parse_credentials.ts";

const options = {
  file: "keys.yaml",
  env: (name: string) => ({ LONG: "key-from-env", SHORT: "short", EMPTY: "", LINES: "first-line\nsecond" })[name],
  readTextFile: (path: string) =>
    path === "/key" ? Promise.resolve("key-from-file\r\n") : Promise.reject(new Error("No such file")),
};

const whole = `# Two sites
default: [ { community: public } ]
ranges:
  - range: 10.1.0.0/16
    credentials:
      - community: 0123
        versions: [1]
      - user: monitor
        name: head office
        level: authPriv
        auth: { protocol: sha256, key: { env: LONG } }
        priv: { protocol: aes128, key: { file: /key } }
        context: bridge
  - range: [ 10.2.0.1-10, "fd00::/64" ]
    credentials:
      - { user: plain }
      - { user: signed, auth: { protocol: MD5, key: '#: not a comment' } }
      - { user: long, auth: { protocol: sha1, key: eight888 }, priv: { protocol: aes256, key: eight888 } }
`;

Deno.test("parseCredentials() reads every form of a credential", async () => {
  const plan = planToWire(await parseCredentials(whole, options));
  const both = {
    level: "authPriv",
    auth: { protocol: "sha1", key: "eight888" },
    context: "",
    kind: "usm",
    user: "long",
  };
  assert.deepEqual(plan.rules.map((rule) => rule.credentials), [
    [
      { kind: "community", name: "community of keys.yaml:6", versions: ["1"], community: "0123" },
      {
        kind: "usm",
        name: "head office",
        user: "monitor",
        level: "authPriv",
        auth: { protocol: "sha256", key: "key-from-env" },
        priv: { protocol: "aes128", key: "key-from-file" },
        context: "bridge",
      },
    ],
    [
      {
        kind: "usm",
        name: "user plain of keys.yaml:16",
        user: "plain",
        level: "noAuthNoPriv",
        auth: null,
        priv: null,
        context: "",
      },
      {
        kind: "usm",
        name: "user signed of keys.yaml:17",
        user: "signed",
        level: "authNoPriv",
        auth: { protocol: "md5", key: "#: not a comment" },
        priv: null,
        context: "",
      },
      {
        ...both,
        name: "user long of keys.yaml:18 with aes256-reeder",
        priv: { protocol: "aes256-reeder", key: "eight888" },
      },
      {
        ...both,
        name: "user long of keys.yaml:18 with aes256-blumenthal",
        priv: { protocol: "aes256-blumenthal", key: "eight888" },
      },
    ],
    [{ kind: "community", name: "community of keys.yaml:2", versions: ["2c", "1"], community: "public" }],
  ]);
});

Deno.test("parseCredentials() applies ranges in the order of the file and default last", async () => {
  const plan = await parseCredentials(whole, options);
  const firstOf = (address: string) => credentialsFor(plan, address)[0]?.name;
  assert.equal(firstOf("10.1.0.0"), "community of keys.yaml:6");
  assert.equal(firstOf("10.2.0.10"), "user plain of keys.yaml:16");
  assert.equal(firstOf("fd00::1"), "user plain of keys.yaml:16");
  assert.equal(firstOf("10.2.0.11"), "community of keys.yaml:2");
});

Deno.test("parseCredentials() follows YAML anchors", async () => {
  const plan = await parseCredentials(
    "default: &all [{ community: a }]\nranges: [{ range: 10.0.0.1, credentials: *all }]",
    options,
  );
  assert.deepEqual(planToWire(plan).rules.map((rule) => rule.credentials.length), [1, 1]);
});

/** Each is the whole file; `{…}` stands for the one credential of `default`. */
const mistakes: [text: string, message: string, hint?: string][] = [
  ["", "1:1 as the file is not a mapping of keys", "the keys are default, ranges"],
  ["public", "1:1 as the file is not a mapping of keys"],
  ["{}", "1:1 as it has no credentials", "such as default: [{ community: public }]"],
  ["defaults: []", '1:1 as the file has no key "defaults"', 'did you mean "default"?'],
  ["default: public", "1:10 as default is not a list"],
  ["default: []", "1:10 as default is an empty list"],
  ["default: [public]", "1:11 as a credential is not a mapping of keys"],
  ["default:\n  - comunity: x", '2:5 as a credential has no key "comunity"', 'did you mean "community"?'],
  ["default: [{hunter2secret}]", "1:12 as a credential has an unknown key"],
  ["default: [{name: x}]", "1:11 as community or user is missing"],
  ["default: [{community: }]", "1:23 as the community is empty"],
  [
    "default: [{community: {hunter2secret}}]",
    "1:24 as the community has an unknown key",
    "the keys are env, file, credential",
  ],
  ["default: [{community: {}}]", '1:23 as the community needs one of "env", "file" and "credential"'],
  [
    "default: [{community: {env: LONG, file: /key}}]",
    '1:23 as the community needs one of "env", "file" and "credential"',
  ],
  ["default: [{community: x, user: y}]", '1:32 as "user" is not valid with "community"'],
  ["default: [{user: x, versions: [1]}]", '1:31 as "versions" is not valid with "user"'],
  [
    "default: [{community: x, versions: [3]}]",
    '1:37 as the version is not known: current value is "3"',
    "version 3 has users: write user instead of community",
  ],
  ["default: [{community: x, versions: []}]", "1:36 as versions is an empty list"],
  ["default: [{user: [x]}]", "1:18 as user is not a text"],
  [
    "default: [{user: x, auth: {protocol: sha265, key: eight888}}]",
    '1:38 as the auth protocol is not known: current value is "sha265"',
    'did you mean "sha256"? the protocols are md5, sha1, sha224, sha256, sha384, sha512',
  ],
  ["default: [{user: x, auth: {key: eight888}}]", "1:27 as protocol is missing"],
  ["default: [{user: x, auth: {protocol: md5}}]", "1:27 as key is missing", "such as key: { env: NAME }"],
  ["default: [{user: x, auth: {protocol: md5, key: seven77}}]", "1:48 as the key is shorter than 8 characters"],
  ["default: [{user: x, auth: {protocol: md5, key: {env: SHORT}}}]", "1:48 as the key is shorter than 8 characters"],
  [
    "default: [{user: x, auth: {protocol: md5, key: {env: SNMP_GONE}}}]",
    '1:54 as the key is not in the environment: current value is "SNMP_GONE"',
    "set SNMP_GONE before the start",
  ],
  ["default: [{user: x, auth: {protocol: md5, key: {env: EMPTY}}}]", "1:48 as the key is empty at its source"],
  ["default: [{community: {env: LINES}}]", "1:23 as the community has more than one line at its source"],
  [
    "default: [{community: {file: /gone}}]",
    '1:30 as the community cannot be read from its file (No such file): current value is "/gone"',
  ],
  [
    "default: [{user: x, priv: {protocol: aes128, key: eight888}}]",
    '1:27 as "priv" requires "auth"',
    "USM has no privacy without authentication",
  ],
  [
    "default: [{user: x, level: authPriv, auth: {protocol: md5, key: eight888}}]",
    '1:28 as level authPriv needs "priv"',
    "add it, or write level: authNoPriv",
  ],
  [
    "default: [{user: x, level: authNoPriv}]",
    '1:28 as level authNoPriv needs "auth"',
    "add it, or write level: noAuthNoPriv",
  ],
  [
    "default: [{user: x, level: noAuthNoPriv, auth: {protocol: md5, key: eight888}}]",
    '1:28 as level noAuthNoPriv does not use "auth"',
    'write level: authNoPriv, or leave "auth" out',
  ],
  [
    "default: [{user: x, level: authNoPriv, auth: {protocol: md5, key: eight888}, priv: {protocol: des, key: eight888}}]",
    '1:28 as level authNoPriv does not use "priv"',
  ],
  [
    "default: [{user: x, level: authpriv}]",
    '1:28 as the level is not known: current value is "authpriv"',
    'did you mean "authPriv"?',
  ],
  ["ranges: [{credentials: [{community: x}]}]", "1:10 as range is missing"],
  ["ranges: [{range: 10.0.0.1}]", "1:10 as credentials is missing"],
  [
    "ranges:\n- range: [10.0.0.1, 10.0.0.0/33]\n  credentials: [{community: x}]",
    '2:21 as prefix length "33" is not a number from 0 to 32: current value is "10.0.0.0/33"',
    "did you mean 10.0.0.0/24?",
  ],
  [
    "ranges: [{range: hall, credentials: [{community: x}]}]",
    '1:18 as a range cannot be a host name: current value is "hall"',
  ],
  [
    "ranges: [{range: 10.0.0.1:161, credentials: [{community: x}]}]",
    '1:18 as a range has no port: current value is "10.0.0.1:161"',
  ],
  ["default: [{community: *hunter2secret}]", "1:23 as a text that starts with * or & is not in quotes"],
  ["default: [{community: !hunter2secret}]", "1:23 as a text that starts with ! is not in quotes"],
  ["default: [{community: @hunter2secret}]", "1:23 as a text that starts with @, ` or % is not in quotes"],
  ["default: [{community: 'hunter2secret}]", "1:39 as a quote or bracket is not closed"],
  ["default: [{community: x, community: y}]", "1:26 as the same key is here twice"],
];
for (const [text, message, hint] of mistakes) {
  Deno.test(`parseCredentials() points at the mistake in ${JSON.stringify(text)}`, async () => {
    await assert.rejects(parseCredentials(text, options), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.message, `Cannot read keys.yaml:${message}`);
      if (hint) assert.equal(error.hint, hint);
      return true;
    });
  });
}

Deno.test("parseCredentials() shows no secret, wherever a character is missing or too many", async () => {
  const secrets = ["hunter2sesame", "swordfish-auth", "swordfish-priv"];
  const text = `default:
  - community: hunter2sesame
    versions: [2c]
  - user: monitor
    auth: { protocol: sha1, key: swordfish-auth }
    priv: { protocol: des, key: swordfish-priv }
`;
  const at = fc.integer({ min: 0, max: text.length });
  const typos = fc.tuple(at, fc.constantFrom("", ..."{}[]:,'\"#&*!|>%@`-?\n\t x"));
  let failed = 0;
  await fc.assert(
    fc.asyncProperty(typos, async ([place, extra]) => {
      const mistyped = text.slice(0, place) + extra + text.slice(extra === "" ? place + 1 : place);
      try {
        await parseCredentials(mistyped, options);
      } catch (error) {
        failed++;
        assert.ok(error instanceof ConfigError, String(error));
        const said = `${error.message} ${error.hint} ${Deno.inspect(error)}`;
        // Half a secret is one, too.
        for (const secret of secrets) {
          assert.ok(!said.includes(secret.slice(0, 6)) && !said.includes(secret.slice(-6)), said);
        }
      }
    }),
    { numRuns: 1000 },
  );
  assert.ok(failed > 100);
});

Deno.test("parseCredentials() names a credential after its file without the folder", async () => {
  for (const file of ["/etc/opendca/keys.yaml", "C:\\ProgramData\\OpenDCA\\keys.yaml"]) {
    const { rules } = planToWire(await parseCredentials("default: [{ community: public }]", { ...options, file }));
    assert.deepEqual(rules[0]?.credentials.map(({ name }) => name), ["community of keys.yaml:1"]);
  }
});
