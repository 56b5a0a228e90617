import assert from "node:assert/strict";
import { eachDatabase } from "../../../tests/fixtures/each_database.ts";
import { withPlatform } from "../../../tests/platform/commands.ts";

eachDatabase(
  "the first customer has a dealer of its own making, and with two of them one has to be named",
  () =>
    withPlatform(async (run) => {
      assert.match((await run("dealer", "list")).stdout, /^no dealers yet: /);
      const { dealerId } = JSON.parse((await run("customer", "create", "Acme", "--json")).stdout);
      const [only, ...others] = JSON.parse((await run("dealer", "list", "--json")).stdout);
      assert.deepEqual([only.dealerId, only.name, only.customers, others], [dealerId, "default", 1, []]);
      assert.equal((await run("customer", "create", "Second")).code, 0);

      const made = (await run("dealer", "create", "Copy & Print")).stdout.trim();
      assert.match(made, /^dea-\w{12}$/);
      const unclear = await run("customer", "create", "Third");
      assert.equal(unclear.code, 64);
      assert.match(
        unclear.stderr,
        /^error: Cannot tell which dealer is meant as there are 2\nhint: name one with --dealer; /,
      );
      const third = JSON.parse((await run("customer", "create", "Third", "--dealer", "COPY & print", "--json")).stdout);
      assert.equal(third.dealerId, made);

      const names = async (...args: string[]) =>
        JSON.parse((await run("customer", "list", ...args, "--json")).stdout).map(({ name }: { name: string }) => name);
      assert.deepEqual(await names(), ["Acme", "Second", "Third"]);
      assert.deepEqual(await names("--dealer", made), ["Third"]);
      assert.deepEqual(await names("--dealer", "Default"), ["Acme", "Second"]);
      assert.match((await run("customer", "list")).stdout, /^CUSTOMER .*DEVICES +DEALER\n/);
      assert.doesNotMatch((await run("customer", "list", "--dealer", made)).stdout, /DEALER/);
      const audit = JSON.parse((await run("audit", "list", "--json")).stdout);
      const told = audit.map((
        { actor, action, customerId }: Record<string, string | null>,
      ) => [actor, action, customerId]);
      assert.deepEqual(told[2], ["operator:eva", "dealerCreated", null]);
      assert.deepEqual(told[3], ["operator:eva", "customerCreated", third.customerId]);
    }),
);

for (
  const [args, says] of [
    [["dealer", "create", "acme print"], /^error: Cannot create the dealer "acme print" as the name is taken\nhint: /],
    [["dealer", "create", " "], /^error: Cannot use " " as a name/],
    [["customer", "create", "X", "--dealer", "nobody"], /^error: Cannot find the dealer "nobody"\nhint: /],
    [["customer", "list", "--dealer", "nobody"], /^error: Cannot find the dealer "nobody"\nhint: /],
  ] as const
) {
  eachDatabase(`${args.join(" ")} is refused, and nothing is made`, () =>
    withPlatform(async (run) => {
      await run("dealer", "create", "Acme Print");
      const before = (await run("audit", "list", "--json")).stdout;
      const ran = await run(...args);
      assert.deepEqual([ran.code, ran.stdout], [64, ""]);
      assert.match(ran.stderr, says);
      assert.equal((await run("audit", "list", "--json")).stdout, before);
      assert.equal(JSON.parse((await run("customer", "list", "--json")).stdout).length, 0);
    }));
}

const renames = [
  { what: "dealer", id: "dealerId", action: "dealerRenamed" },
  { what: "customer", id: "customerId", action: "customerRenamed" },
  { what: "site", id: "siteId", action: "siteRenamed" },
];
for (const { what, id, action } of renames) {
  eachDatabase(`${what} rename gives another name, which no other one has`, () =>
    withPlatform(async (run) => {
      const dealer = ["--dealer", "First"], customer = ["--customer", "Own"];
      await run("dealer", "create", "First");
      await run("customer", "create", "Own", ...dealer);
      const more = what === "customer" ? dealer : what === "site" ? customer : [];
      const made = JSON.parse((await run(what, "create", "One", ...more, "--json")).stdout);
      await run(what, "create", "Two", ...more);
      const of = what === "site" ? customer : [];
      const rename = (from: string, to: string) => run(what, "rename", from, to, ...of);
      assert.equal((await rename("one", "Three")).stdout, `${made[id]} is called Three now\n`);
      // The same name in other letters is no other one.
      assert.equal((await rename(made[id], "THREE")).code, 0);
      const taken = await rename("Three", "two");
      assert.deepEqual([taken.code, taken.stderr.split("\n")[0]], [
        64,
        `error: Cannot rename the ${what} "THREE" to "two" as the name is taken`,
      ]);
      const unknown = await rename("One", "Four");
      assert.deepEqual([unknown.code, unknown.stderr.split("\n")[0]], [64, `error: Cannot find the ${what} "One"`]);
      assert.equal((await rename("Three", " ")).code, 64);
      const names = JSON.parse((await run(what, "list", ...of, "--json")).stdout).map(({ name }: { name: string }) =>
        name
      );
      assert.ok(names.includes("THREE") && names.includes("Two") && !names.includes("One"), names.join());
      const audit = JSON.parse((await run("audit", "list", "--json")).stdout);
      const told = audit.filter((entry: Record<string, unknown>) => entry.action === action);
      assert.deepEqual(told.map(({ subject }: { subject: string }) => subject), [made[id], made[id]]);
    }));
}
