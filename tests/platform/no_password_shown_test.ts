/** Addresses with a password in them, which commands and pages refuse. */
import assert from "node:assert/strict";
import { UsageError } from "../../common/core/errors.ts";
import { feedTarget } from "../../platform/feeds/feed_kinds.ts";
import { parseServer } from "../../platform/sso/ldap_settings.ts";
import { httpsAddress } from "../../platform/sso/setting.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { withPlatform } from "./commands.ts";

Deno.test("no message about an address has the password that is in it", () => {
  const refusals: (() => unknown)[] = [
    () => feedTarget("glpi", "https://eva:s3cret@glpi.example.com/"),
    () => feedTarget("mqtt", "ftp://eva:s3cret@broker.example.com/"),
    () => parseServer("ldaps://eva:s3cret@dc1.example.com"),
    () => httpsAddress("issuer")("https://eva:s3cret@login.example.com"),
  ];
  for (const refused of refusals) {
    assert.throws(refused, (error: Error) => error instanceof UsageError && !/s3cret/.test(error.message));
  }
});

eachDatabase(
  "no command that refuses a setting or an address shows the secret in it",
  () =>
    withPlatform(async (run) => {
      await run("customer", "create", "Acme");
      for (
        const args of [
          ["feed", "create", "glpi", "https://glpi.example.com/", "--setting", "Password=s3cret"],
          ["feed", "create", "glpi", "https://eva:s3cret@glpi.example.com/"],
          ["webhook", "create", "https://eva:s3cret@hooks.example.com/", "--event", "task.changed"],
          ["sign-in", "add", "oidc", "Login", "--setting", "Client-Secret=s3cret"],
        ]
      ) {
        const { code, stdout, stderr } = await run(...args);
        assert.equal(code, 64, args.join(" "));
        assert.match(stderr, /^error: Cannot (use|send|call) /);
        assert.doesNotMatch(stdout + stderr, /s3cret/);
      }
    }),
);
