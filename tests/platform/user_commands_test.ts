/** Users by commands: before the first portal there is no address that a link could have. */
import assert from "node:assert/strict";
import { setPortalOrigin } from "../../platform/users/manage_users.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { type Installation, withPlatform } from "./commands.ts";

const invite = ["user", "invite", "eva@partner.example", "--name", "Eva", "--role", "administrator"];

/** As a server does that has a portal. */
async function portalRan({ openStore }: Installation): Promise<void> {
  await using store = await openStore();
  await setPortalOrigin({ store }, "https://portal.example.com");
}

const link = /^https:\/\/portal\.example\.com\/link\/[\w-]{43}$/;

eachDatabase("`user invite` before the first portal makes the user, and says how to get the link", async () => {
  await withPlatform(
    async (run, installation) => {
      await run("customer", "create", "Acme");
      const early = await run(...invite);
      assert.equal(early.code, 0, early.stderr);
      assert.equal(
        early.stdout,
        "eva@partner.example is a user now, without a link, as no server with a portal has run yet\n",
      );
      assert.match(
        early.stderr.replace(/\s+/g, " "),
        /serve --portal-listen; then opendca-platform user reactivate eva@partner\.example/,
      );
      assert.match((await run("user", "list")).stdout, /eva@partner\.example +Eva +invited +administrator +no +never/);
      // The same by JSON: no address, and no secret either.
      const json = JSON.parse((await run("user", "reactivate", "eva@partner.example", "--json")).stdout);
      assert.equal(json.address, undefined);
      assert.equal(json.token, undefined);

      await portalRan(installation);
      const later = await run("user", "reactivate", "eva@partner.example");
      assert.match(later.stdout.trim(), link);
      assert.match(
        later.stderr.replace(/\s+/g, " "),
        /give the link to eva@partner\.example: it works once, until 2026-03-09 08:00/,
      );
      const other = await run("user", "invite", "max@partner.example", "--name", "Max", "--role", "viewer:Acme");
      assert.match(other.stdout.trim(), link);
    },
    {},
    { USER: "eva" },
    200,
  );
});

eachDatabase("`user invite` refuses what it cannot do with one sentence", async () => {
  await withPlatform(async (run) => {
    await run("customer", "create", "Acme");
    await run(...invite);
    const refused: [args: string[], said: RegExp][] = [
      [invite, /Cannot invite "eva@partner\.example"/],
      [["user", "invite", "nonsense", "--name", "X", "--role", "viewer"], /Cannot use "nonsense" as an e-mail address/],
      [["user", "invite", "x@y.example", "--name", "X", "--role", "root"], /Cannot use "root" as a role/],
      [["user", "reactivate", "nobody@y.example"], /Cannot find the user "nobody@y\.example"/],
    ];
    for (const [args, said] of refused) {
      const { code, stderr } = await run(...args);
      assert.equal(code, 64, args.join(" "));
      assert.match(stderr, said);
      assert.doesNotMatch(stderr, /\n\s+at /);
    }
  });
});
