import type { Command } from "commander";
import { eventTypes } from "../../events/queue_events.ts";
import {
  createWebhook,
  listDeliveries,
  listWebhooks,
  pauseWebhook,
  removeWebhook,
  resendDeliveries,
  rotateWebhookSecret,
  testWebhook,
} from "../../interfaces/webhooks.ts";
import { type CommandContext, wholeNumber } from "./command_context.ts";
import { minuteText, renderTable } from "./table.ts";

const secretNext = "keep the secret as a password: it is not shown again, and the receiver checks signatures with it";

/** `webhook create|list|test|rotate|deliveries|resend|pause|resume|remove`. */
export function addWebhookCommands(program: Command, context: CommandContext): void {
  const webhook = program.command("webhook").description("addresses that receive events");
  addCreate(webhook, context);
  webhook.command("list").description("all webhooks, and what waits for them")
    .action((_, command: Command) =>
      context.run(command, async (platform, by) => {
        const rows = await listWebhooks(platform, by);
        const cells = rows.map((row) => [
          row.webhookId,
          row.url,
          row.events.join(" "),
          row.customerId ?? "all",
          row.pausedAt === null ? "active" : "paused",
          String(row.waiting),
          String(row.dead),
        ]);
        const headings = [
          "WEBHOOK",
          { heading: "URL", shrink: 20 },
          { heading: "EVENTS", shrink: 12 },
          "CUSTOMER",
          "STATE",
          "WAITING",
          "DEAD",
        ];
        return {
          json: rows,
          text: (screen) =>
            rows.length === 0
              ? "no webhooks yet: opendca-platform webhook create URL --event alert.raised\n"
              : renderTable(headings, cells, screen),
        };
      })
    );
  webhook.command("test <webhook>").description("send an event of the type test")
    .action((webhookId: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const sent = await testWebhook(platform, by, { webhookId });
        const next = `opendca-platform webhook deliveries ${webhookId} shows what became of it`;
        return { json: sent, text: `${sent.deliveryId}\n`, next };
      })
    );
  webhook.command("rotate <webhook>").description("make a new secret; the old one signs as well for a day")
    .action((webhookId: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const made = await rotateWebhookSecret(platform, by, { webhookId });
        return { json: made, text: `${made.secret}\n`, next: secretNext };
      })
    );
  addDeliveries(webhook, context);
  for (const [name, isPaused] of [["pause", true], ["resume", false]] as const) {
    const description = isPaused
      ? "send nothing for now; what happens waits for three days"
      : "send what has waited, and what happens from now on";
    webhook.command(`${name} <webhook>`).description(description)
      .action((webhookId: string, _, command: Command) =>
        context.run(command, async (platform, by) => {
          await pauseWebhook(platform, by, { webhookId, isPaused });
          const state = isPaused ? "paused" : "active";
          return { json: { webhookId, state }, text: `${webhookId} is ${state}\n` };
        })
      );
  }
  webhook.command("remove <webhook>").description("tell it nothing more, and drop what waits for it")
    .action((webhookId: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        await removeWebhook(platform, by, { webhookId });
        return { json: { webhookId, state: "removed" }, text: `${webhookId} is removed\n` };
      })
    );
}

function addCreate(webhook: Command, context: CommandContext): void {
  webhook.command("create <url>").description("tell an address what happens; its secret is printed once")
    .requiredOption("--event <event...>", `of what: ${Object.keys(eventTypes).join(", ")}`)
    .option("--dealer <dealer>", "id or name of the dealer; not needed where there is only one")
    .option("--customer <customer>", "only what concerns this customer")
    .option("--description <text>", "what it is for", "")
    .action((
      url: string,
      { event: events, ...options }: { event: string[]; dealer?: string; customer?: string; description: string },
      command: Command,
    ) =>
      context.run(command, async (platform, by) => {
        const made = await createWebhook(platform, by, { url, events, ...options });
        return { json: made, text: `${made.webhookId}\n${made.secret}\n`, next: secretNext };
      })
    );
}

function addDeliveries(webhook: Command, context: CommandContext): void {
  webhook.command("deliveries <webhook>").description("what was sent and what was not, newest first")
    .option("--state <state>", "waiting, sent or dead")
    .option("--limit <number>", "of how many", wholeNumber("--limit", { min: 1, max: 10_000 }), 100)
    .action((webhookId: string, options: { state?: string; limit: number }, command: Command) =>
      context.run(command, async (platform, by) => {
        const rows = await listDeliveries(platform, by, { webhookId, ...options });
        const cells = rows.map((row) => [
          row.delivery_id,
          row.type,
          row.state,
          String(row.tries),
          minuteText(row.created_at),
          row.failure ?? (row.status === null ? "" : String(row.status)),
        ]);
        const headings = ["DELIVERY", "EVENT", "STATE", "TRIES", "CREATED", {
          heading: "OUTCOME",
          note: true as const,
        }];
        return {
          json: rows,
          text: (screen) => rows.length === 0 ? "no deliveries yet\n" : renderTable(headings, cells, screen),
        };
      })
    );
  webhook.command("resend <webhook> [delivery]").description("send again what was given up: one delivery, or all")
    .action((webhookId: string, deliveryId: string | undefined, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const count = await resendDeliveries(platform, by, { webhookId, deliveryId });
        return { json: { webhookId, deliveries: count }, text: `${count} wait to be sent again\n` };
      })
    );
}
