/** `opendca status`: the agent's status, read from its state directory only. */
import type { Command } from "commander";
import { activationStore, likelyStateDirectory } from "../activation/store_options.ts";
import { type Finding, type FindingLimits, findingsOf, measuredOf, usualLimits } from "../service/findings.ts";
import { readStatus, type ShownStatus } from "../service/read_status.ts";
import { parseDuration, roundDuration } from "../../common/core/duration.ts";
import { configPath } from "../config/config_path.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";
import { messageOf, UsageError } from "../../common/core/errors.ts";
import { safeText, visibleText } from "../../common/core/safe_text.ts";
import { hanging } from "../../common/core/terminal_text.ts";
import { visibleJson } from "../../common/core/visible_json.ts";
import type { Host } from "./host.ts";
import type { SiteStatus, StatusMqtt, StatusUpdate } from "../service/status_file.ts";

const examples = `
Examples:
  opendca status
  opendca status --json | jq .state
  opendca status --check --warn-away 1h --crit-away 12h

States: running, stopped, crashed (it ended without saying so), unresponsive (it does not update its status), not-activated,
revoked, locked, foreign (the state directory comes from another machine).
Exit codes: 0 the state is known, 77 this user may not read it.
With --check: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, and one line with numbers, as a Nagios plug-in. An agent that does
not run and lost readings are critical, other faults are warnings.
`;

interface StatusOptions {
  json?: boolean;
  config?: string;
  check?: boolean;
  warnAway?: string;
  critAway?: string;
  warnWaiting?: string;
  critWaiting?: string;
  warnUnread?: string;
  critUnread?: string;
}

/** Adds the command to the program. It works for a locked agent and without a valid configuration. */
export function addStatusCommand(program: Command, host: Host, setExitCode: (code: number) => void): void {
  program.command("status").description("show whether the agent runs, reaches the platform and has readings waiting")
    .option("--json", "print JSON")
    .option("--config <file>", "configuration file (default: $OPENDCA_CONFIG, /etc/opendca/agent.yaml)")
    .option("--check", "one line and an exit code for monitoring")
    .option(
      "--warn-away <duration>",
      "with --check: warn after this time without an answer of the platform (default: 30m)",
    )
    .option("--crit-away <duration>", "with --check: critical after this time without one (default: 24h)")
    .option(
      "--warn-waiting <duration>",
      "with --check: warn when a reading has waited this long to be sent (default: 6h)",
    )
    .option("--crit-waiting <duration>", "with --check: critical when one has waited this long (default: 3d)")
    .option(
      "--warn-unread <percent>",
      "with --check: warn when this share of the devices does not answer (default: 25)",
    )
    .option("--crit-unread <percent>", "with --check: critical when this share does not (default: never)")
    .addHelpText("after", examples)
    .action(async (options: StatusOptions) => {
      if (options.check === true) return setExitCode(await check(options, host));
      const unchecked = limitOptions.find(([name]) => options[name] !== undefined);
      if (unchecked !== undefined) {
        throw new UsageError(`Cannot use ${unchecked[1]} without --check`, "opendca status --check --help");
      }
      const status = await shownStatus(options, host);
      const now = host.clock.now();
      if (options.json === true) return await host.stdout.write(`${visibleJson(jsonOf(status, now), 2)}\n`);
      const lines = renderStatus(status, now);
      const width = host.stdout.isTerminal ? host.stdout.columns() : Infinity;
      const shown = lines.map((line) => hanging(visibleText(line), { indent: factIndent, width }));
      await host.stdout.write(shown.map((line) => `${line}\n`).join(""));
    });
}

const limitOptions = [
  ["warnAway", "--warn-away"],
  ["critAway", "--crit-away"],
  ["warnWaiting", "--warn-waiting"],
  ["critWaiting", "--crit-waiting"],
  ["warnUnread", "--warn-unread"],
  ["critUnread", "--crit-unread"],
] as const;

/** Prints one line to standard output in any case, for monitoring systems. */
async function check(options: StatusOptions, host: Host): Promise<number> {
  let result, json: unknown;
  try {
    const limits = limitsOf(options);
    const status = await shownStatus(options, host);
    const now = host.clock.now();
    result = checkStatus(status, now, limits);
    json = { ...jsonOf(status, now, limits), check: result };
  } catch (error) {
    result = uncheckable(error);
    json = { check: result };
  }
  await host.stdout.write(options.json === true ? `${visibleJson(json, 2)}\n` : `${result.line}\n`);
  return result.exitCode;
}

function jsonOf(status: ShownStatus, now: Date, limits?: FindingLimits) {
  return { ...status, findings: findingsOf(status, now, limits) };
}

async function shownStatus(options: StatusOptions, host: Host): Promise<ShownStatus> {
  const directory = await likelyStateDirectory(configPath(options.config, host.env), host);
  await noteAbsentFile(options.config, { directory, host });
  const store = activationStore(directory, host.env);
  return readStatus(store, { ...host, ...host.agentMachine() });
}

/** Throws `UsageError` for invalid limits. */
function limitsOf(options: StatusOptions): FindingLimits {
  const of = (name: (typeof limitOptions)[number][0], usual: number, parse: (text: string) => number): number => {
    const text = options[name];
    if (text === undefined) return usual;
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof ValueSyntaxError)) throw error;
      const option = limitOptions.find(([each]) => each === name)![1];
      throw new UsageError(`Cannot use ${option} as it ${error.reason}: current value is "${text}"`, error.hint);
    }
  };
  const { away, waiting, unread } = usualLimits;
  return {
    away: {
      warning: of("warnAway", away.warning, parseDuration),
      critical: of("critAway", away.critical, parseDuration),
    },
    waiting: {
      warning: of("warnWaiting", waiting.warning, parseDuration),
      critical: of("critWaiting", waiting.critical, parseDuration),
    },
    unread: {
      warning: of("warnUnread", unread.warning, parsePercent),
      critical: of("critUnread", unread.critical, parsePercent),
    },
  };
}

/** A percentage above 0, as a limit of 0 % makes no sense. */
function parsePercent(text: string): number {
  const value = Number(/^\s*(\d{1,3}(?:\.\d+)?)\s*%?\s*$/.exec(text)?.[1] ?? NaN);
  if (value > 0 && value <= 100) return value;
  throw new ValueSyntaxError("is not a percentage from 1 to 100", "write a number such as 25");
}

/** Mentions a missing file: a mistyped path would otherwise look like an agent that was never activated. */
async function noteAbsentFile(path: string | undefined, at: { directory: string; host: Host }): Promise<void> {
  if (path === undefined) return;
  const isThere = await at.host.readTextFile(path).then(() => true, () => false);
  if (isThere) return;
  await at.host.stderr.write(`${safeText(`note: cannot read "${path}", so this is of "${at.directory}"`)}\n`);
}

interface CheckResult {
  /** 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. */
  exitCode: 0 | 1 | 2 | 3;
  /** One line without its line end. */
  line: string;
}

const words = ["OK", "WARNING", "CRITICAL", "UNKNOWN"] as const;
/** Limit of the text: monitoring systems cut longer lines, which would lose the performance data after it. */
const mostText = 900;

export function checkStatus(status: ShownStatus, now: Date, limits: FindingLimits): CheckResult {
  const findings = findingsOf(status, now, limits);
  const exitCode = findings.some(({ severity }) => severity === "critical") ? 2 : findings.length > 0 ? 1 : 0;
  const text = findings.length === 0 ? goodText(status, now) : findings.map(sentenceOf).join("; ");
  return { exitCode, line: `${headed(exitCode, text)} | ${perfdata(status, { findings, now, limits }).join(" ")}` };
}

/** The result if the state cannot be determined. */
export function uncheckable(error: unknown): CheckResult {
  return { exitCode: 3, line: headed(3, messageOf(error)) };
}

/** The line with its status word; a vertical bar is removed, as it would start the performance data. */
function headed(exitCode: CheckResult["exitCode"], text: string): string {
  return `OPENDCA ${words[exitCode]} - ${safeText(text, mostText).replaceAll("|", "/")}`;
}

function sentenceOf({ message, count }: Finding): string {
  return count !== undefined && count > 1 ? `${message} (${count} times)` : message;
}

function goodText(status: ShownStatus, now: Date): string {
  const { agent, spool } = status;
  if (agent === null) return "running";
  const { platformAgeMs, unread } = measuredOf(status, agent, now);
  return [
    "running",
    ...(platformAgeMs === null ? [] : [`platform answered ${roundDuration(platformAgeMs)} ago`]),
    ...(unread === null ? [] : [`${unread.of - unread.count} of ${unread.of} devices answer`]),
    ...(spool === null ? [] : [spool.depth === 0 ? "spool empty" : `${spool.depth} records wait`]),
  ].join(", ");
}

/** `label=value[unit];warning;critical;minimum`. Ages are in seconds, `c` is a counter. */
function perfdata(
  status: ShownStatus,
  { findings, now, limits }: { findings: readonly Finding[]; now: Date; limits: FindingLimits },
): string[] {
  const { agent, spool } = status;
  const seconds = (ms: number) => Math.round(ms / 1000);
  const limit = (value: number) => Number.isFinite(value) ? String(value) : "";
  const ranged = ({ warning, critical }: { warning: number; critical: number }, scale = 1) =>
    `;${limit(warning / scale)};${limit(critical / scale)};0`;
  const numbers = [`faults=${findings.length};;;0`];
  if (spool !== null) {
    const { depth, bytes, quarantinedRecords, dropped } = spool;
    numbers.push(`waiting=${depth};;;0`, `waiting_bytes=${bytes}B;;;0`, `refused=${quarantinedRecords};;;0`);
    numbers.push(`dropped=${dropped.status + dropped.meters + dropped.lastMeters}c;;;0`);
  }
  // The last status of a stopped agent is outdated.
  if (agent === null || status.state !== "running") return numbers;
  const { platformAgeMs, waitingMs, unread } = measuredOf(status, agent, now);
  numbers.push(`waiting_age=${seconds(waitingMs ?? 0)}s${ranged(limits.waiting, 1000)}`);
  if (platformAgeMs !== null) numbers.push(`platform_age=${seconds(platformAgeMs)}s${ranged(limits.away, 1000)}`);
  const { clockOffsetMs } = agent.platform;
  if (clockOffsetMs !== null) numbers.push(`clock_offset=${(clockOffsetMs / 1000).toFixed(3)}s`);
  const { awake, asleep, unreachable, gone } = agent.devices;
  const known = awake + asleep + unreachable + gone;
  numbers.push(`devices=${known};;;0`, `unread=${Math.round(unread?.percent ?? 0)}%${ranged(limits.unread)};100`);
  return numbers;
}

const stateTexts: Record<ShownStatus["state"], string> = {
  "running": "running",
  "stopped": "stopped: the agent is not running",
  "crashed": "crashed: the agent is not running and did not stop normally",
  "unresponsive": "unresponsive: the agent runs and does not update its status",
  "not-activated": "not activated",
  "revoked": "revoked by the platform",
  "locked": "locked after 5 refused activation codes",
  "foreign": "not usable: the state directory comes from another machine or was edited",
};

/** Column where the facts begin, after their names. */
const factIndent = 11;

/** Lines without line ends. */
export function renderStatus(status: ShownStatus, now: Date): string[] {
  const { agent, spool } = status;
  const rows: [name: string, text: string][] = [["state", stateTexts[status.state]]];
  const hint = maybeHint(status);
  if (hint !== undefined) rows.push(["next", hint]);
  if (status.attempts > 0 && status.lock === null) rows.push(["attempts", `${status.attempts} of 5 refused`]);
  if (status.agentId !== null) rows.push(["agent", status.agentId]);
  const place = [status.customer, status.site].filter((name) => name !== null && name !== "").join(", ");
  if (place !== "") rows.push(["customer", place]);
  if (agent !== null) {
    const isNow = status.state === "running";
    rows.push(["version", agent.version]);
    rows.push([isNow ? "started" : "last seen", ageText(isNow ? agent.startedAt : agent.writtenAt, now)]);
    rows.push(["platform", platformText(agent.platform, { now, isNow })]);
    if (agent.mqtt !== undefined && agent.mqtt !== null) rows.push(["mqtt", mqttText(agent.mqtt, now)]);
    // Why it cannot is shown by `opendca update`.
    if (agent.update?.why === null) rows.push(["update", updateText(agent.update)]);
  }
  if (spool !== null) rows.push(["spool", spoolText(spool, now)]);
  if (agent !== null) {
    const { awake, asleep, unreachable, gone } = agent.devices;
    const parts = [`${awake} awake`, `${asleep} asleep`, `${unreachable} unreachable`, `${gone} gone`];
    rows.push(["devices", `${awake + asleep + unreachable + gone} known: ${parts.join(", ")}`]);
    for (const site of agent.sites) rows.push(["site", siteText(site, now)]);
    for (const refusal of agent.config.refusals) rows.push(["refused", refusal]);
  }
  // The state itself has a separate line with advice.
  const faults = findingsOf(status, now).filter(({ about, message }) =>
    about !== "state" || message.startsWith("activation")
  );
  for (const { message, lastAt, count = 1 } of faults) {
    const when = lastAt === undefined ? "" : `${ageText(lastAt, now)}${count > 1 ? `, ${count} times` : ""}: `;
    rows.push(["fault", `${when}${message}`]);
  }
  if (faults.length > 0) rows.push(["next", "opendca doctor says what to do about each fault"]);
  return rows.map(([name, text]) => `${name.padEnd(factIndent - 1)} ${text}`);
}

function maybeHint(status: ShownStatus): string | undefined {
  switch (status.state) {
    case "not-activated":
      return "opendca activate CODE";
    case "revoked":
      return "ask for a new activation code; then: opendca activate CODE";
    case "locked":
    case "foreign":
      return `ask the platform for an unlock token for installation ${status.installationId}, lock ${status.lock}`;
    case "unresponsive":
      return "see the agent's log, and whether its state directory is read-only";
    case "stopped":
    case "crashed":
      return "opendca run, or start the service";
    default:
      return undefined;
  }
}

type Platform = NonNullable<ShownStatus["agent"]>["platform"];

function platformText(platform: Platform, { now, isNow }: { now: Date; isNow: boolean }): string {
  const { endpoint, lastPollAt, lastAnswerAt, nextPollAt } = platform;
  if (lastAnswerAt === null) return lastPollAt === null ? "no poll yet" : "no answer since the start";
  const isAway = lastPollAt !== null && lastPollAt > lastAnswerAt;
  const next = isNow && nextPollAt !== null ? `; next poll ${ageText(nextPollAt, now)}` : "";
  return `${endpoint ?? "unknown"} ${isAway ? "away; last answer" : "answered"} ${ageText(lastAnswerAt, now)}${next}`;
}

function mqttText({ endpoint, version, since, lastError, lastErrorAt }: StatusMqtt, now: Date): string {
  if (endpoint !== null) {
    return `${endpoint} connected${since === null ? "" : ` ${ageText(since, now)}`}, MQTT ${version}`;
  }
  return lastError === null
    ? "not connected yet"
    : `not connected; ${lastErrorAt === null ? "" : `${ageText(lastErrorAt, now)}: `}${lastError}`;
}

/** Of the last release that was offered. */
export function updateText({ why, offered }: StatusUpdate): string {
  if (why !== null) return `not by itself: ${why}`;
  if (offered === null) return "nothing is offered";
  const { version, phase, message, bytesDone, bytesTotal } = offered;
  const done = phase === "downloading" && bytesTotal > 0 ? ` ${Math.floor(100 * bytesDone / bytesTotal)} %` : "";
  return `${[version, phase].filter((word) => word !== "").join(" ")}${done}: ${message}`;
}

function siteText({ name, lastSweepAt, sweeping, sweep }: SiteStatus, now: Date): string {
  const last = lastSweepAt === null ? "no discovery scan yet" : `scanned ${ageText(lastSweepAt, now)}`;
  const done = sweep ? `, ${Math.floor(100 * sweep.done / Math.max(1, sweep.of))} % done` : "";
  if (sweeping) return `${name}: discovery scan running${done}, ${last}`;
  return sweep ? `${name}: discovery scan interrupted${done}, ${last}` : `${name}: ${last}`;
}

function spoolText(spool: NonNullable<ShownStatus["spool"]>, now: Date): string {
  const { depth, bytes, oldestObservedAt, quarantinedRecords, dropped, diskFull } = spool;
  const lost = dropped.status + dropped.meters + dropped.lastMeters;
  return [
    depth === 0 ? "empty" : `${depth} records waiting, ${Math.ceil(bytes / 1024)} KiB`,
    ...(depth > 0 && oldestObservedAt !== null ? [`the oldest ${ageText(oldestObservedAt, now)}`] : []),
    ...(quarantinedRecords > 0 ? [`${quarantinedRecords} refused by the platform`] : []),
    ...(lost > 0 ? [`${lost} dropped by the limits`] : []),
    ...(diskFull ? ["the disk is full"] : []),
  ].join(", ");
}

/** "5 min ago" or "in 5 min"; the text itself if it is not a valid time. */
export function ageText(time: string, now: Date): string {
  const ms = now.getTime() - Date.parse(time);
  if (!Number.isFinite(ms)) return time;
  const amount = roundDuration(Math.abs(ms));
  return ms >= 0 ? `${amount} ago` : `in ${amount}`;
}
