import assert from "node:assert/strict";
import type { ConfigError } from "../../common/core/errors.ts";
import { readSecret } from "./read_secret.ts";
import { parseYaml } from "./yaml_reader.ts";

const files: Record<string, string> = {
  "/key": "from file\n",
  "/run/credentials/opendca/snmp": "from systemd",
  "/two": "a\nb",
};
const sources = {
  env: (name: string) => ({ KEY: "from env", CREDENTIALS_DIRECTORY: "/run/credentials/opendca" })[name],
  readFile: (path: string) => {
    if (files[path] === undefined) throw new Error("No such file");
    return files[path];
  },
};

const good: [yaml: string, want: string][] = [
  ["plain", "plain"],
  ["'0123: #x'", "0123: #x"],
  ["{ env: KEY }", "from env"],
  ["{ file: /key }", "from file"],
  ["{ credential: snmp }", "from systemd"],
];
for (const [yaml, want] of good) {
  Deno.test(`readSecret() reads ${yaml}`, () => {
    assert.equal(readSecret(parseYaml(yaml, "f"), "it", sources).reveal(), want);
  });
}

const bad: [yaml: string, message: RegExp, hint?: RegExp][] = [
  ["{ env: SNMP_GONE }", /f:1:8 as it is not in the environment: current value is "SNMP_GONE"/, /set SNMP_GONE/],
  ["{ env: HOME }", /may not be read from this environment variable: current value is "HOME"/, /with SNMP_ or/],
  ["{ file: /gone }", /cannot be read from its file \(No such file\): current value is "\/gone"/],
  ["{ file: /two }", /more than one line/],
  ["{ credential: gone }", /cannot be read/, /LoadCredential=gone:/],
  ["{ credential: ../../etc/shadow }", /a name without slashes/],
  ["{ env: KEY, file: /key }", /needs one of/],
  ["{ hunter2: x }", /has an unknown key/, /env, file, credential/],
  ["[hunter2]", /not a mapping/],
];
for (const [yaml, message, hint] of bad) {
  Deno.test(`readSecret() refuses ${yaml} and shows no secret`, () => {
    assert.throws(() => readSecret(parseYaml(yaml, "f"), "it", sources), (error) => {
      assert.ok(error instanceof Error && "hint" in error);
      assert.match(error.message, message);
      if (hint !== undefined) assert.match(String(error.hint), hint);
      assert.ok(!`${error.message}${error.hint}`.includes("hunter2"));
      return true;
    });
  });
}

Deno.test("readSecret() says so where systemd gives no credentials", () => {
  const none = { ...sources, env: () => undefined };
  assert.throws(
    () => readSecret(parseYaml("{ credential: snmp }", "f"), "it", none),
    (error: ConfigError) => /systemd gives this process no/.test(error.message) && /systemd-run/.test(error.hint!),
  );
});
