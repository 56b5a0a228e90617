/** `release`: releases of the agent, and who is offered them. */
import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import { UpdatePhase } from "../../../proto/gen/opendca/v1/update.ts";
import { type AddedRelease, addRelease } from "../../releases/add_release.ts";
import { findRelease, trustedKeys } from "../../releases/find_release.ts";
import {
  type ListedRelease,
  listReleases,
  pauseRelease,
  resumeRelease,
  type Rollout,
  rollOut,
  type RolloutRow,
  type ShownRelease,
  showRelease,
  withdrawRelease,
} from "../../releases/manage_releases.ts";
import type { Page } from "../../store/page.ts";
import { checkedReason, type CommandContext, wholeNumber } from "./command_context.ts";
import { addPaging, partAnswer, partOf } from "./list_part.ts";
import { minuteText, renderFacts, renderTable, type Screen } from "./table.ts";

export function addReleaseCommands(program: Command, context: CommandContext): void {
  const release = program.command("release").description("releases of the agent, and who is offered them");
  addAdd(release, context);
  addViews(release, context);
  addChanges(release, context);
}

function addAdd(release: Command, context: CommandContext): void {
  release.command("add <path>")
    .description("verify a release and store its files; nobody is offered it before release rollout")
    .option("--keys <file>", "release keys that you trust, in place of those of this program")
    .addHelpText(
      "after",
      `
The path is the manifest, opendca-VERSION.manifest, or its folder. Files beside
it are stored as NAME.zst, or as NAME, which is compressed first. Agents of a
target without a file are offered nothing. Add the manifest again for further
signatures, further files, or another signed roll-out.`,
    )
    .action((path: string, options: { keys?: string }, command: Command) => {
      const keys = trustedKeys(options.keys);
      const found = findRelease(path);
      return context.run(command, async (platform, by) => {
        const added = await addRelease(platform, by, { ...found, keys });
        return {
          json: added,
          text: addedText(added),
          next: `opendca-platform release rollout ${added.version} offers it to the first agents`,
        };
      });
    });
}

function addedText({ version, manifest, stored, missing }: AddedRelease): string {
  const parts = [
    ...(manifest === "added" ? [] : [manifest === "replaced" ? "its manifest was replaced" : "its manifest was there"]),
    stored.length === 0 ? "no file stored" : `stored for ${stored.join(", ")}`,
    ...(missing.length === 0 ? [] : [`no file for ${missing.join(", ")}`]),
  ];
  return `${version}: ${parts.join("; ")}\n`;
}

function addViews(release: Command, context: CommandContext): void {
  addPaging(release.command("list").description("all releases, newest first")).action((page: Page, command: Command) =>
    context.run(command, async (platform, by) => {
      const part = partOf(await listReleases(platform, by), page, "releases"), { rows } = part;
      const now = context.host.clock.now().getTime();
      const cells = rows.map((row) => [
        row.version,
        stateOf(row, now),
        shareOf(row),
        row.offered,
        row.installed,
        row.failed,
        row.running,
        row.targets.join(", "),
        row.reason,
      ]);
      const columns = [
        "VERSION",
        "STATE",
        "ROLL-OUT",
        "OFFERED",
        "INSTALLED",
        "FAILED",
        { heading: "RUNNING", optional: true as const },
        { heading: "TARGETS", optional: true as const },
        { heading: "REASON", note: true as const },
      ];
      return partAnswer(part, {
        json: rows.map(({ manifest: _, ...row }) => row),
        empty: "no releases yet: opendca-platform release add FOLDER",
        table: (screen) => renderTable(columns, cells, screen),
      });
    })
  );
  release.command("show <version>").description("a release: files, roll-out, and how far agents are")
    .action((version: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const shown = await showRelease(platform, by, { version });
        const { row: { manifest: text, ...row }, manifest, phases, ...rest } = shown;
        const now = context.host.clock.now().getTime();
        return {
          json: { ...row, ...rest, phases: phasesJson(phases), manifest, signedText: text },
          text: (screen) => releaseText(shown, { screen, now }),
        };
      })
    );
}

function stateOf({ state, expiresAt, percent, groups }: ListedRelease, now: number): string {
  const shown = state === "offered" && percent === 0 && groups === 0 ? "added" : state;
  return state === "withdrawn" || Date.parse(expiresAt) > now ? shown : `${shown}, expired`;
}

function shareOf({ state, percent, groups }: ListedRelease): string | null {
  if (state === "withdrawn") return null;
  return groups === 0 ? `${percent} %` : `${percent} %, ${groups} group${groups === 1 ? "" : "s"} apart`;
}

const phaseNames: Record<number, string> = {
  0: "offered",
  [UpdatePhase.REFUSED]: "refused",
  [UpdatePhase.DOWNLOADING]: "downloading",
  [UpdatePhase.WAITING]: "waiting",
  [UpdatePhase.INSTALLING]: "installing",
  [UpdatePhase.INSTALLED]: "installed",
  [UpdatePhase.FAILED]: "failed",
  [UpdatePhase.RETURNED]: "returned",
};

/** The word for a phase; one of a later protocol is a number. */
export function phaseName(phase: number): string {
  return phaseNames[phase] ?? `phase ${phase}`;
}

function phasesJson(phases: ShownRelease["phases"]): Record<string, number> {
  return Object.fromEntries(phases.map(({ phase, agents }) => [phaseName(phase), agents]));
}

function releaseText(
  { row, manifest, files, rollouts, phases, troubles }: ShownRelease,
  { screen, now }: { screen: Screen; now: number },
): string {
  const facts = renderFacts([
    ["Release", row.version],
    ["State", `${stateOf(row, now)}${row.state === "offered" ? "" : ` since ${minuteText(row.changed_at)}`}`],
    ["Reason", row.reason],
    ["Changed by", row.state === "offered" ? null : row.changed_by],
    ["Commit", manifest.commit],
    ["From version", manifest.minimumVersion],
    ["Expires", manifest.expiresAt],
    ["Permitted", `${manifest.rollout.percent} %`],
    ["Roll-out", rolloutsText(row, rollouts)],
    ["Agents", phases.length === 0 ? "none was offered it" : phases.map(phaseText).join(", ")],
    ["Running", row.running],
  ], screen);
  const fileFacts = files.map(({ target, encoded_bytes, sha256 }): [string, string] => [
    target,
    `SHA-256 ${sha256}, ${encoded_bytes} bytes as it is stored`,
  ]);
  const fileTable = files.length === 0 ? "" : `\n${renderFacts(fileFacts, screen)}`;
  if (troubles.length === 0) return `${facts}${fileTable}`;
  const cells = troubles.map((t) => [t.agent_id, t.customer, t.hostname, phaseName(t.phase), t.message]);
  const columns = [
    "AGENT",
    { heading: "CUSTOMER", shrink: 8 },
    { heading: "HOST", shrink: 8 },
    "PHASE",
    { heading: "MESSAGE", note: true as const },
  ];
  return `${facts}${fileTable}\n${renderTable(columns, cells, screen)}`;
}

function rolloutsText({ state }: ListedRelease, rollouts: RolloutRow[]): string | null {
  if (state === "withdrawn") return null;
  return rollouts.length === 0 ? "nobody yet" : rollouts.map(rolloutText).join(", ");
}

function rolloutText({ scope, percent, name }: RolloutRow): string {
  return `${scope === "all" ? "all" : name ?? scope} ${percent} %`;
}

function phaseText({ phase, agents }: ShownRelease["phases"][number]): string {
  return `${agents} ${phaseName(phase)}`;
}

const versionHelp = "the version, such as 0.2.0";

function addChanges(release: Command, context: CommandContext): void {
  release.command("rollout").argument("<version>", versionHelp)
    .description("offer a release to a share of all agents, or of those of a dealer, customer or site")
    .option(
      "--percent <percent>",
      "of agents (default: the next of 1, 5, 25, 100)",
      wholeNumber("--percent", { min: 0, max: 100 }),
    )
    .option("--dealer <dealer>", "only its agents: id or name")
    .option("--customer <customer>", "only its agents: id or name")
    .option("--site <site>", "only its agents: id or name, with --customer")
    .option("--default", "no share of its own any more for this dealer, customer or site")
    .addHelpText(
      "after",
      `
The smallest group with a share decides: site, customer, dealer, all. A share
never exceeds what the manifest permits. A larger share has the agents of a
smaller one; each release starts with other agents. A roll-out pauses itself if
it fails on 3 agents and on more than 5 % of those that have tried.`,
    )
    .action((version: string, options: RolloutOptions, command: Command) =>
      context.run(command, async (platform, by) => {
        const { default: isDefault, percent, ...whose } = options;
        if (isDefault && percent !== undefined) {
          throw new UsageError("Cannot use --percent and --default together", "give one of them");
        }
        const done = await rollOut(platform, by, { version, ...whose, percent: isDefault ? null : percent });
        const where = done.scope === "all" ? "all agents" : done.scope;
        const text = done.percent === null
          ? `${version} is offered to ${where} as to the larger group\n`
          : `${version} is offered to ${done.percent} % of ${where}${
            done.before === null ? "" : ` (was ${done.before} %)`
          }\n`;
        return { json: done, text, next: `opendca-platform release show ${version}` };
      })
    );
  const states = [
    { name: "pause", does: "offer a release to nobody until it is resumed; running downloads end", done: "paused" },
    { name: "withdraw", does: "offer a release never again, and remove its files", done: "withdrawn" },
  ] as const;
  for (const { name, does, done } of states) {
    release.command(name).argument("<version>", versionHelp).description(does)
      .requiredOption("--reason <text>", "why, for the audit log", checkedReason)
      .action((version: string, { reason }: { reason: string }, command: Command) =>
        context.run(command, async (platform, by) => {
          await (name === "pause" ? pauseRelease : withdrawRelease)(platform, by, { version, reason });
          return { json: { version, state: done }, text: `${version} is ${done}\n` };
        })
      );
  }
  release.command("resume").argument("<version>", versionHelp)
    .description("offer a paused release again; failures until now are no longer counted")
    .action((version: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        await resumeRelease(platform, by, { version });
        return { json: { version, state: "offered" }, text: `${version} is offered again\n` };
      })
    );
}

type RolloutOptions = Omit<Rollout, "version" | "percent"> & { percent?: number; default?: boolean };
