import { type Command, Option } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import {
  changeRule,
  createRule,
  findRule,
  type ListedRule,
  listRules,
  pauseRule,
  removeRule,
  resumeRule,
} from "../../notifications/rules.ts";
import { listSent, testRule } from "../../notifications/sent_notifications.ts";
import {
  defaultRule,
  leastSeverities,
  type LeastSeverity,
  limits,
  type RuleEvent,
  ruleEvents,
  type RuleSettings,
} from "../../notifications/settings.ts";
import type { WorkingHours } from "../../notifications/working_hours.ts";
import { type Language, languages } from "../../users/users.ts";
import { type CommandContext, wholeNumber } from "./command_context.ts";
import { minuteText, renderTable } from "./table.ts";

interface RuleFlags {
  name?: string;
  event?: RuleEvent[];
  severity?: LeastSeverity;
  percent?: number | "-";
  days?: number | "-";
  ends?: boolean;
  mail?: string[];
  user?: string[];
  webhook?: string;
  hours?: string;
  zone?: string;
  urgent?: boolean;
  group?: number;
  digest?: string;
  most?: number;
  language?: Language;
}

const dayNames = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/** `mon-fri 08:00-17:00`; undefined for `always`. Throws UsageError. */
export function parseHours(text: string): WorkingHours | undefined {
  if (text === "always") return undefined;
  const match = /^([a-z,-]+) (\d{1,2}:\d\d)-(\d{1,2}:\d\d)$/.exec(text.trim().toLowerCase());
  const days = (match?.[1] ?? "").split(",").flatMap((part) => {
    const [from, to = from] = part.split("-").map((name) => dayNames.indexOf(name) + 1);
    if (from! < 1 || to! < from!) return [0];
    return Array.from({ length: to! - from! + 1 }, (_, n) => from! + n);
  });
  if (match !== null && days.every((day) => day > 0)) {
    return { days: [...new Set(days)].sort(), from: match[2]!, to: match[3]! };
  }
  throw new UsageError(
    `Cannot use --hours as working hours: current value is "${text.slice(0, 60)}"`,
    'such as "mon-fri 08:00-17:00", "mon,wed,sat 07:30-12:00" or always',
  );
}

export function hoursText(hours: WorkingHours | undefined): string {
  if (hours === undefined) return "always";
  return `${hours.days.map((day) => dayNames[day - 1]).join(",")} ${hours.from}-${hours.to}`;
}

/** `notification list|create|change|show|pause|resume|test|sent|remove`. */
export function addNotificationCommands(program: Command, context: CommandContext): void {
  const notification = program.command("notification").description("rules that tell people what happens");
  notification.command("list").description("all rules, and the events that wait to be sent")
    .action((_, command: Command) =>
      context.run(command, async (platform, by) => {
        const rows = await listRules(platform, by);
        const headings = ["RULE", "NAME", "STATE", "CUSTOMER", { heading: "EVENTS", shrink: 12 }, "WAITING"];
        const cells = rows.map((row) => [
          row.ruleId,
          row.name,
          stateOf(row),
          row.customer === null ? "all" : row.site === null ? row.customer : `${row.customer}: ${row.site}`,
          row.settings.events.join(" "),
          String(row.waiting),
        ]);
        return {
          json: rows,
          text: (screen) =>
            rows.length === 0
              ? "no rules yet: opendca-platform notification create NAME --mail desk@example.com\n"
              : renderTable(headings, cells, screen),
        };
      })
    );
  addCreate(notification, context);
  addChange(notification, context);
  addShow(notification, context);
  addActions(notification, context);
}

const stateOf = ({ pausedAt }: ListedRule) => pausedAt === null ? "active" : `paused ${minuteText(pausedAt)}`;

function limitOr(name: string, range: { min: number; max: number }): (text: string) => number | "-" {
  const parse = wholeNumber(name, range);
  return (text) => text === "-" ? text : parse(text);
}

function withRuleOptions(command: Command): Command {
  const { percent, days, groupMinutes, mostPerHour } = limits;
  return command
    .option("--event <event...>", `of what: ${Object.keys(ruleEvents).join(", ")}`)
    .addOption(new Option("--severity <severity>", "of what printers report, from this one").choices(leastSeverities))
    .option(
      "--percent <number>",
      "supplies at this many per cent or less; without --percent and --days by the customer's limits; - for none",
      limitOr("--percent", { min: 0, max: percent }),
    )
    .option(
      "--days <number>",
      "supplies that are empty within this many days; - for none",
      limitOr("--days", { min: 1, max: days }),
    )
    .option("--ends", "also tell when an alert has ended")
    .option("--no-ends", "only tell when an alert is raised")
    .option("--mail <address...>", "e-mail addresses that are told")
    .option("--user <user...>", "users to notify, by e-mail address or id")
    .option("--webhook <webhook>", "a webhook to notify; - for none")
    .option("--hours <hours>", 'working hours, as "mon-fri 08:00-17:00"; always for none')
    .option("--zone <zone>", "time zone of hours and times, as Europe/Berlin")
    .option("--urgent", "critical ones wait neither for the hours nor for the digest")
    .option("--no-urgent", "critical ones wait as well")
    .option(
      "--group <minutes>",
      "wait for more to tell it together",
      wholeNumber("--group", { min: 0, max: groupMinutes }),
    )
    .option("--digest <time>", "one mail a day at this time, as 07:30; - for none")
    .option("--most <number>", "at most per hour", wholeNumber("--most", { min: 1, max: mostPerHour }))
    .addOption(new Option("--language <language>", "of mails to addresses").choices(languages));
}

/** What is given, on what there is. */
function settingsOf(flags: RuleFlags, before: RuleSettings): RuleSettings {
  const { event, severity, percent, days, ends, hours, zone, urgent, group, digest, most, language, webhook } = flags;
  const settings: RuleSettings = {
    ...before,
    ...(event && { events: event }),
    ...(severity && { severity }),
    ...(percent === undefined ? {} : { percent: percent === "-" ? undefined : percent }),
    ...(days === undefined ? {} : { days: days === "-" ? undefined : days }),
    ...(ends === undefined ? {} : { ends }),
    ...(hours === undefined ? {} : { hours: parseHours(hours) }),
    ...(zone && { zone }),
    ...(urgent === undefined ? {} : { urgent }),
    ...(group === undefined ? {} : { groupMinutes: group }),
    ...(digest === undefined ? {} : { digest: digest === "-" ? undefined : digest }),
    ...(most === undefined ? {} : { mostPerHour: most }),
    ...(language && { language }),
    ...(webhook === undefined ? {} : { webhookId: webhook === "-" ? undefined : webhook }),
  };
  return settings;
}

function addCreate(notification: Command, context: CommandContext): void {
  withRuleOptions(notification.command("create <name>").description("tell people or a webhook what happens"))
    .option("--dealer <dealer>", "id or name of the dealer; not needed where there is only one")
    .option("--customer <customer>", "only of this customer")
    .option("--site <site>", "only of this site of the customer")
    .action((
      name: string,
      flags: RuleFlags & { dealer?: string; customer?: string; site?: string },
      command: Command,
    ) =>
      context.run(command, async (platform, by) => {
        const { dealer, customer, site, user: users = [], mail: emails = [] } = flags;
        const settings = settingsOf(flags, defaultRule);
        const made = await createRule(platform, by, { name, users, emails, settings, dealer, customer, site });
        const next = `opendca-platform notification test ${made.ruleId} tells everybody whom it names`;
        return { json: made, text: `${made.ruleId}\n`, next };
      })
    );
}

function addChange(notification: Command, context: CommandContext): void {
  withRuleOptions(notification.command("change <rule>").description("change what is given; the rest stays"))
    .option("--name <name>", "its name")
    .action((ruleId: string, flags: RuleFlags, command: Command) =>
      context.run(command, async (platform, by) => {
        const { name, settings, recipients } = await findRule(platform, by, { ruleId });
        const ofUsers = recipients.flatMap(({ userId }) => userId ?? []);
        const ofMail = recipients.flatMap(({ userId, email }) => userId === null ? [email] : []);
        await changeRule(platform, by, {
          ruleId,
          name: flags.name ?? name,
          users: flags.user ?? ofUsers,
          emails: flags.mail ?? ofMail,
          settings: settingsOf(flags, settings),
        });
        return { json: await findRule(platform, by, { ruleId }), text: `${ruleId} is changed\n` };
      })
    );
}

function addShow(notification: Command, context: CommandContext): void {
  notification.command("show <rule>").description("what a rule says")
    .action((ruleId: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const rule = await findRule(platform, by, { ruleId }), { settings } = rule;
        const told = rule.recipients.map(({ email, isStopped, isActive }) =>
          `${email}${isStopped ? " (wants none)" : isActive ? "" : " (not active)"}`
        );
        const facts = [
          ["name", rule.name],
          ["state", stateOf(rule)],
          ["customer", rule.customer ?? "all"],
          ...(rule.site === null ? [] : [["site", rule.site]]),
          ["events", settings.events.join(" ")],
          ["severity", settings.severity],
          ...settings.percent === undefined && settings.days === undefined
            ? [["supplies", "by the limits of the customer"]]
            : [["percent", String(settings.percent ?? "-")], ["days", String(settings.days ?? "-")]],
          ["ends", settings.ends ? "yes" : "no"],
          ["told", [...told, ...settings.webhookId === undefined ? [] : [settings.webhookId]].join(" ")],
          ["hours", `${hoursText(settings.hours)} ${settings.zone}`],
          ["urgent", settings.urgent ? "yes" : "no"],
          ["group", `${settings.groupMinutes} min`],
          ["digest", settings.digest ?? "-"],
          ["most", `${settings.mostPerHour} per hour`],
          ["language", settings.language],
          ["waiting", String(rule.waiting)],
        ];
        return { json: rule, text: facts.map(([key, value]) => `${key!.padEnd(10)}${value}\n`).join("") };
      })
    );
}

function addActions(notification: Command, context: CommandContext): void {
  const one = (
    name: string,
    { description, done }: { description: string; done: string },
    work: (...args: Parameters<typeof pauseRule>) => Promise<void>,
  ) =>
    notification.command(`${name} <rule>`).description(description)
      .action((ruleId: string, _, command: Command) =>
        context.run(command, async (platform, by) => {
          await work(platform, by, { ruleId });
          return { json: { ruleId, state: done }, text: `${ruleId} is ${done}\n` };
        })
      );
  one("pause", {
    description: "send nothing; events until it is resumed are not reported later",
    done: "paused",
  }, pauseRule);
  one("resume", { description: "report events from now on", done: "active" }, resumeRule);
  notification.command("test <rule>").description("tell everybody whom a rule names, now")
    .action((ruleId: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const count = await testRule(platform, by, { ruleId });
        const next = `opendca-platform notification sent ${ruleId} shows what became of it`;
        return { json: { ruleId, notifications: count }, text: `${count} on their way\n`, next };
      })
    );
  notification.command("sent <rule>").description("what was sent recently, with the outcome, newest first")
    .option("--limit <number>", "of how many", wholeNumber("--limit", { min: 1, max: 10_000 }), 100)
    .action((ruleId: string, { limit }: { limit: number }, command: Command) =>
      context.run(command, async (platform, by) => {
        const rows = await listSent(platform, by, { ruleId, limit });
        const headings = ["SENT", "TO", "EVENTS", "STATE", { heading: "FAILURE", note: true as const }];
        const cells = rows.map(({ at, recipient, items, isTest, state, failure }) => [
          minuteText(at),
          recipient,
          isTest ? "test" : String(items),
          state,
          failure ?? "",
        ]);
        return {
          json: rows,
          text: (screen) => rows.length === 0 ? "nothing was sent yet\n" : renderTable(headings, cells, screen),
        };
      })
    );
  one("remove", { description: "remove a rule with what waits", done: "removed" }, removeRule);
}
