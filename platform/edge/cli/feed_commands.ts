import type { Command } from "commander";
import { replaceFile } from "../../../common/host/disk.ts";
import { feedKinds, type FeedSetting } from "../../feeds/feed_kinds.ts";
import {
  createFeed,
  type ListedFeed,
  listFeeds,
  pauseFeed,
  refreshFeed,
  removeFeed,
  resumeFeed,
} from "../../feeds/feeds.ts";
import { exportInventories } from "../../feeds/glpi_export.ts";
import { zabbixTemplate } from "../../feeds/zabbix_template.ts";
import { type CommandContext, customerOption, timeOption } from "./command_context.ts";
import { settingsFrom } from "./settings_option.ts";
import { minuteText, renderTable } from "./table.ts";
import { writeFailure } from "./write_parts.ts";

/** `feed create|list|pause|resume|refresh|remove`. */
export function addFeedCommands(program: Command, context: CommandContext): void {
  const feed = program.command("feed").description("other systems that receive what is known of devices");
  addCreate(feed, context);
  feed.command("list").description("all feeds, and what came of them")
    .action((_, command: Command) =>
      context.run(command, async (platform, by) => {
        const rows = await listFeeds(platform, by);
        return {
          json: rows,
          text: (screen) =>
            rows.length === 0
              ? "no feeds yet: opendca-platform feed create KIND ADDRESS\n"
              : renderTable(headings, rows.map(cellsOf), screen),
        };
      })
    );
  addChange(feed, context, {
    name: "pause",
    description: "send nothing until it is resumed",
    work: pauseFeed,
    state: "paused",
  });
  addChange(feed, context, {
    name: "resume",
    description: "continue, also at once after a failure",
    work: resumeFeed,
    state: "resumed",
  });
  addChange(feed, context, {
    name: "refresh",
    description: "send everything again, at once",
    work: refreshFeed,
    state: "sent everything again soon",
  });
  addChange(feed, context, {
    name: "remove",
    description: "send nothing more; what a broker keeps is taken away first",
    work: removeFeed,
    state: "removed",
  });
}

const headings = [
  "FEED",
  "KIND",
  { heading: "ADDRESS", shrink: 20 },
  "CUSTOMER",
  "STATE",
  "DEVICES",
  "LAST SENT",
  { heading: "OUTCOME", note: true as const },
];

function cellsOf({ feedId, kind, address, customerId, state, devices, sent, succeededAt, failure }: ListedFeed) {
  return [
    feedId,
    kind,
    address,
    customerId ?? "all",
    state,
    String(devices),
    succeededAt === null ? "never" : minuteText(succeededAt),
    failure ?? (sent === null ? "not sent yet" : `${sent} sent`),
  ];
}

function addChange(
  feed: Command,
  context: CommandContext,
  { name, description, work, state }: { name: string; description: string; work: typeof pauseFeed; state: string },
): void {
  feed.command(`${name} <feed>`).description(description)
    .action((feedId: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        await work(platform, by, { feedId });
        return { json: { feedId, state }, text: `${feedId} is ${state}\n` };
      })
    );
}

function addCreate(feed: Command, context: CommandContext): void {
  feed.command("create <kind> <address>")
    .description(`send what is known of devices to another system; kinds: ${Object.keys(feedKinds).join(", ")}`)
    .option("--dealer <dealer>", "id or name of the dealer; not needed where there is only one")
    .option("--customer <customer>", "only the devices of this customer")
    .option("--setting <name=value...>", "a setting of the kind; NAME=@FILE reads a file, NAME=@- standard input")
    .option(
      "--every <time>",
      "how often changes are looked for (default: 5m)",
      timeOption("--every", { min: "30s", max: "1d", bareUnit: "s" }),
    )
    .option(
      "--refresh <time>",
      "after which what has not changed is sent again (default: 1d)",
      timeOption("--refresh", { min: "10m", max: "30d", bareUnit: "s" }),
    )
    .addHelpText("after", `\n${settingsHelp()}`)
    .action((
      kind: string,
      address: string,
      flags: { dealer?: string; customer?: string; setting?: string[]; every?: number; refresh?: number },
      command: Command,
    ) =>
      context.run(command, async (platform, by) => {
        const settings = await settingsFrom(context.host, flags.setting ?? []);
        const { dealer, customer, every: everyMs, refresh: refreshMs } = flags;
        const made = await createFeed(platform, by, { kind, address, settings, dealer, customer, everyMs, refreshMs });
        const next = "opendca-platform feed list shows what came of it, once a server runs";
        return { json: made, text: `${made.feedId}\n`, next };
      })
    );
}

function settingsHelp(): string {
  return Object.entries(feedKinds).map(([name, { settings, example }]) => {
    const lines = settings.map((setting: FeedSetting) =>
      `  ${setting.name.padEnd(12)} ${setting.help}${setting.usual === undefined ? "" : ` (default: ${setting.usual})`}`
    );
    return `Settings of ${name}, with an address such as ${example}:\n${lines.join("\n")}\n`;
  }).join("\n");
}

/** `export glpi|zabbix-template`. */
export function addExportCommands(program: Command, context: CommandContext): void {
  const group = program.command("export").description("files for other systems");
  group.command("glpi").description("a file for each printer, as GLPI 10 and 11 import it")
    .option(...customerOption)
    .requiredOption("--folder <folder>", "write the files here; it must be there")
    .action(({ folder }: { folder: string }, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const files: string[] = [];
        for await (const lot of exportInventories(platform, by)) {
          for (const inventory of lot) {
            const path = `${folder}/${inventory.deviceid}.json`;
            writeText(path, `${JSON.stringify(inventory, null, 2)}\n`);
            files.push(path);
          }
        }
        return { json: files, text: `${files.length} ${files.length === 1 ? "file" : "files"} in ${folder}\n` };
      })
    );
  group.command("zabbix-template").description("the template that a host in Zabbix needs, to be imported there")
    .action((_, command: Command) => {
      const text = zabbixTemplate();
      return context.answer(command, { json: { template: text }, text });
    });
}

/** Throws what `writeFailure` says. */
function writeText(path: string, text: string): void {
  try {
    replaceFile(path, text, { mode: 0o644 });
  } catch (error) {
    throw writeFailure(path, error);
  }
}
