import assert from "node:assert/strict";
import { UsageError } from "../../../common/core/errors.ts";
import { slowInPostgres } from "../../../tests/fixtures/each_database.ts";
import { withPlatform } from "../../../tests/platform/commands.ts";
import { hoursText, parseHours } from "./notification_commands.ts";

Deno.test("working hours are read as they are written", () => {
  for (
    const [text, written] of [
      ["mon-fri 08:00-17:00", "mon,tue,wed,thu,fri 08:00-17:00"],
      ["sat,mon,mon-tue 7:30-24:00", "mon,tue,sat 7:30-24:00"],
      ["SUN 22:00-06:00", "sun 22:00-06:00"],
      ["always", "always"],
    ]
  ) assert.equal(hoursText(parseHours(text!)), written);
  for (
    const text of [
      "",
      "mon-fri",
      "08:00-17:00",
      "fri-mon 08:00-17:00",
      "day 08:00-17:00",
      "mon 8-17",
      "mon, 08:00-17:00",
    ]
  ) {
    assert.throws(() => parseHours(text), UsageError, text);
  }
});

slowInPostgres(
  "a rule by commands: create, list, change, show, test, sent, pause, resume, remove",
  () =>
    withPlatform(async (run) => {
      await run("customer", "create", "Acme");
      assert.match((await run("notification", "list")).stdout, /^no rules yet/);
      const made = await run("notification", "create", "Desk", "--mail", "desk@example.com", "--zone", "Europe/Berlin");
      assert.match(made.stdout, /^rul-\w{12}\n$/, made.stderr);
      const rule = made.stdout.trim();
      const changed = await run(
        "notification",
        "change",
        rule,
        "--hours",
        "sat 9:00-12:00",
        "--urgent",
        "--digest",
        "11:00",
      );
      assert.equal(changed.stdout, `${rule} is changed\n`, changed.stderr);
      const shown = (await run("notification", "show", rule)).stdout;
      assert.match(shown, /^told +desk@example\.com$/m);
      assert.match(shown, /^hours +sat 9:00-12:00 Europe\/Berlin$/m);
      assert.match(shown, /^urgent +yes$/m);
      assert.match(shown, /^supplies +by the limits of the customer$/m);
      await run("notification", "change", rule, "--percent", "50");
      assert.match((await run("notification", "show", rule)).stdout, /^percent +50\ndays +-$/m);
      await run("notification", "change", rule, "--percent", "-");
      assert.match((await run("notification", "show", rule)).stdout, /^supplies +by the limits of the customer$/m);
      await run(
        "notification",
        "change",
        rule,
        "--digest",
        "-",
        "--no-urgent",
        "--hours",
        "always",
        "--name",
        "All day",
      );
      assert.match(
        (await run("notification", "show", rule)).stdout,
        /All day[\s\S]*always[\s\S]*urgent +no[\s\S]*digest +-\n/,
      );
      assert.equal((await run("notification", "test", rule)).stdout, "1 on their way\n");
      // Commands have no mail server: what was to be sent says so.
      assert.match(
        (await run("notification", "sent", rule)).stdout,
        /desk@example\.com +test +failed +this installation sends no mails/,
      );
      assert.equal((await run("notification", "pause", rule)).stdout, `${rule} is paused\n`);
      assert.match((await run("notification", "list")).stdout, /All day +paused /);
      assert.equal((await run("notification", "resume", rule)).stdout, `${rule} is active\n`);
      assert.equal((await run("notification", "remove", rule)).stdout, `${rule} is removed\n`);
      const gone = await run("notification", "show", rule);
      assert.deepEqual([gone.code, gone.stdout], [64, ""]);
      assert.match(gone.stderr, /Cannot find the rule/);
      for (
        const wrong of [
          ["--mail", "nobody"],
          ["--mail", "a@example.com", "--hours", "soon"],
          ["--mail", "a@example.com", "--percent", "51"],
          ["--mail", "a@example.com", "--days", "0"],
          ["--mail", "a@example.com", "--site", "Berlin"],
          ["--mail", "a@example.com", "--customer", "Nobody"],
          ["--webhook", "hok-000000000000"],
          [],
        ]
      ) assert.equal((await run("notification", "create", "Wrong", ...wrong)).code, 64, wrong.join(" "));
      await run("customer", "create", "Gone");
      await run("customer", "close", "Gone", "--reason", "moved");
      const closed = await run("notification", "create", "Desk", "--mail", "desk@example.com", "--customer", "Gone");
      assert.equal(closed.code, 64);
      assert.match(closed.stderr, /Cannot make a rule of notifications as the customer "Gone" is closed/);
      const hook = (await run("webhook", "create", "https://hooks.example.com/x", "--event", "device.new")).stdout
        .split("\n")[0]!;
      assert.equal((await run("webhook", "pause", hook)).stdout, `${hook} is paused\n`);
      assert.match((await run("webhook", "list")).stdout, / paused /);
      assert.equal((await run("webhook", "resume", hook)).stdout, `${hook} is active\n`);
    }),
);
