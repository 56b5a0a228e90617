import assert from "node:assert/strict";
import { slowInPostgres } from "../../../tests/fixtures/each_database.ts";
import { now, withPlatform } from "../../../tests/platform/commands.ts";

slowInPostgres(
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
  slowInPostgres(`${args.join(" ")} is refused, and nothing is made`, () =>
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

const at = now.toISOString();
const renames = [
  { what: "dealer", id: "dealerId", action: "dealerRenamed" },
  { what: "customer", id: "customerId", action: "customerRenamed" },
  { what: "site", id: "siteId", action: "siteRenamed" },
];
for (const { what, id, action } of renames) {
  slowInPostgres(`${what} rename gives another name, which no other one has`, () =>
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

for (const { what, id } of renames) {
  slowInPostgres(
    `${what} close and reopen say what they did, and lists show since when it is closed`,
    () =>
      withPlatform(async (run) => {
        const dealer = ["--dealer", "First"], customer = ["--customer", "Own"];
        await run("dealer", "create", "First");
        await run("customer", "create", "Own", ...dealer);
        await run("site", "create", "Any", ...customer);
        const more = what === "customer" ? dealer : what === "site" ? customer : [];
        const of = what === "site" ? customer : [];
        const made = JSON.parse((await run(what, "create", "One", ...more, "--json")).stdout);
        assert.doesNotMatch((await run(what, "list", ...of)).stdout, /CLOSED/);
        const unsaid = await run(what, "close", "One", ...of);
        assert.deepEqual([unsaid.code, unsaid.stdout], [64, ""]);
        assert.match(unsaid.stderr, /--reason/);
        const close = () => run(what, "close", "one", "--reason", "moved out", ...of);
        assert.equal((await close()).stdout, "One is closed\n");
        assert.equal(
          (await close()).stderr,
          `error: Cannot close the ${what} "One" as it has been closed since ${at}\n`,
        );
        const list = (await run(what, "list", ...of)).stdout.split("\n");
        assert.match(list[0]!, / CLOSED$/);
        assert.match(list.find((line) => line.includes(made[id]))!, / 2026-03-02 08:00$/);
        assert.equal((await run(what, "reopen", made[id], ...of)).stdout, "One is open again\n");
        const again = await run(what, "reopen", "One", ...of);
        assert.equal(again.stderr, `error: Cannot reopen the ${what} "One" as it is not closed\n`);
        const audit: Record<string, string>[] = JSON.parse((await run("audit", "list", "--json")).stdout);
        const told = audit.filter(({ subject }) => subject === made[id]).map(({ action }) => action);
        assert.deepEqual(told.slice(-2), [`${what}Closed`, `${what}Reopened`]);
        assert.equal((await run(what, "close", "nobody", "--reason", "x", ...of)).code, 64);
      }),
  );
}

slowInPostgres("customer close says what ended with it", () =>
  withPlatform(async (run) => {
    await run("customer", "create", "Acme");
    await run("site", "create", "Berlin");
    await run("code", "create");
    assert.equal(
      (await run("customer", "close", "Acme", "--reason", "x")).stdout,
      "Acme is closed: 1 code withdrawn\n",
    );
    const refused = await run("code", "create");
    assert.match(
      refused.stderr,
      /^error: Cannot make a code as the customer "Acme" is closed\nhint: .* customer reopen /,
    );
    const dealer = await run("dealer", "close", "default", "--reason", "x");
    assert.equal(dealer.stdout, "default is closed\n");
    const next = await run("customer", "create", "Next");
    assert.match(
      next.stderr,
      /^error: Cannot create a customer as the dealer "default" is closed\nhint: .* dealer reopen /,
    );
  }));

slowInPostgres("customer quota shows, sets and resets the limit", () =>
  withPlatform(async (run) => {
    await run("customer", "create", "Acme");
    const quota = async (...args: string[]) => (await run("customer", "quota", "Acme", ...args)).stdout;
    const standard = "Limit         as serve --customer-quota says (1024 MiB by default)\nStored today  0.0 MiB\n";
    assert.equal(await quota(), standard);
    assert.equal(await quota("--set", "4096"), "Limit         4096 MiB per day\nStored today  0.0 MiB\n");
    assert.equal(JSON.parse(await quota("--json")).quotaBytes, 4096 * 1024 * 1024);
    assert.equal(await quota("--default"), standard);
    for (const wrong of [["--set", "0"], ["--set", "x"], ["--set", "1", "--default"]]) {
      assert.equal((await run("customer", "quota", "Acme", ...wrong)).code, 64, wrong.join(" "));
    }
    assert.match((await run("agent", "quota", "agt-000000000000")).stderr, /^error: Cannot find the agent /);
  }));
