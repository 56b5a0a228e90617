import assert from "node:assert/strict";
import { slowInPostgres } from "../../../tests/fixtures/each_database.ts";
import { withPlatform } from "../../../tests/platform/commands.ts";

slowInPostgres(
  "sign-in adds, shows, changes and removes an identity provider; its secret is printed nowhere",
  () =>
    withPlatform(async (run) => {
      await run("customer", "create", "Acme");
      assert.match((await run("sign-in", "list")).stdout, /^no identity providers yet: /);
      const settings = [
        "--setting",
        "issuer=https://login.example.com",
        "client-id=portal",
        "client-secret=@secret.txt",
      ];
      const added = await run("sign-in", "add", "oidc", "Example", ...settings, "--domain", "example.com");
      assert.deepEqual([added.code, added.stderr], [0, ""]);
      assert.match(added.stdout, /kind +OpenID Connect\n[\s\S]*issuer +https:\/\/login\.example\.com\n/);
      assert.equal(
        (await run("sign-in", "roles", "Example", "g-1", "technician", "viewer:Acme")).stdout.split(":")[0],
        "g-1",
      );
      const shown = JSON.parse((await run("sign-in", "show", "example", "--json")).stdout);
      assert.deepEqual(shown.domains, ["example.com"]);
      assert.deepEqual(shown.roles.map(({ role }: { role: string }) => role), ["technician", "viewer"]);
      assert.match((await run("sign-in", "list")).stdout, /Example +oidc +active +example\.com +2 +0/);
      await run("sign-in", "set", "Example", "--active", "no", "--setting", "groups-claim=roles");
      const after = (await run("sign-in", "show", "Example")).stdout;
      assert.match(after, /state +not active[\s\S]*groups-claim +roles/);
      assert.equal((await run("sign-in", "roles", "Example", "g-1")).stdout, "g-1: no role\n");
      const printed = await run("sign-in", "list", "--json");
      for (const text of [added.stdout, after, printed.stdout, (await run("audit", "list", "--json")).stdout]) {
        assert(!text.includes("very secret"));
      }
      for (
        const [args, pattern] of [
          [["add", "oauth", "X"], /Cannot use "oauth" as a kind of identity provider\nhint: oidc, saml/],
          [["add", "oidc", "X", "--setting", "issuer"], /Cannot use --setting as NAME=VALUE/],
          [["add", "oidc", "X", "--setting", "issuer=@gone.txt"], /Cannot read "gone\.txt"/],
          [["add", "oidc", "Example", ...settings], /another one has this name/],
          [["show", "Nobody"], /Cannot find the identity provider "Nobody"/],
          [["key", "Example"], /Cannot show a key for "Example": only providers of the kind saml have one/],
          [["key", "Nobody", "--replace"], /Cannot find the identity provider "Nobody"/],
          [["key", "Example", "--at-once"], /Cannot use --at-once without --replace/],
          [["roles", "Example", "g-1", "root"], /Cannot use "root" as a role/],
          [["set", "Example", "--active", "maybe"], /Cannot use --active as yes or no/],
        ] as [string[], RegExp][]
      ) assert.match((await run("sign-in", ...args)).stderr, pattern, args.join(" "));
      assert.equal(
        (await run("sign-in", "remove", "Example")).stdout,
        "Example is removed, and 0 users are deactivated\n",
      );
      assert.match(
        (await run("user", "link", "eva@example.com", "--provider", "Example", "--subject", "x")).stderr,
        /Cannot find/,
      );
      assert.match((await run("user", "unlink", "eva@example.com")).stderr, /Cannot find the user/);
    }, { "secret.txt": "very secret" }),
);
