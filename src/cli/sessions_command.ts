/** `opendca sessions`: sessions with the web pages of devices, for the administrator of this machine. */
import { type Command, InvalidArgumentError } from "commander";
import { activationStore, likelyStateDirectory } from "../activation/store_options.ts";
import {
  maybeOrder,
  orderName,
  ordersFolder,
  type SessionOrder,
  type SessionsFile,
  sessionsFileName,
  tryParseSessions,
} from "../access/session_files.ts";
import {
  type ApprovalsFile,
  approvalsFileName,
  longestApprovalMs,
  newApprovalId,
  scopeText,
  shortestApprovalMs,
  type StandingApproval,
  tryParseApprovals,
} from "../access/standing_approvals.ts";
import type { LocalSession } from "../access/web_access.ts";
import { configPath } from "../config/config_path.ts";
import { isAbsent } from "../../common/core/system_error.ts";
import { messageOf, NotPermittedError, UnavailableError, UsageError } from "../../common/core/errors.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { parseDuration } from "../../common/core/duration.ts";
import { safeText } from "../../common/core/safe_text.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";
import { hanging } from "../../common/core/terminal_text.ts";
import { visibleJson } from "../../common/core/visible_json.ts";
import type { Disk } from "../../common/host/disk.ts";
import { accountName } from "../../common/host/process.ts";
import type { Host } from "./host.ts";

interface SessionsOptions {
  json?: boolean;
  config?: string;
}

/** A running agent writes it every two seconds while there are sessions. */
const staleAfterMs = 15_000;
const answerWithinMs = 15_000;
const lookEveryMs = 200;

const examples = `
Examples:
  opendca sessions
  opendca sessions approve ses-7d3k0q9x2mvb
  opendca sessions approve --for 2h
  opendca sessions kill --all

Steps: checking (who the device is), waiting (for approval), opening, open.
Exit codes: 0 done, 64 no such session, 69 the agent does not react, 70 a bug, 77 this user may not do that.
`;

const approveExamples = `
Examples:
  opendca sessions approve ses-7d3k0q9x2mvb
  opendca sessions approve --for 2h
  opendca sessions approve --until 17:00 --device 10.1.0.7 --raw
  opendca sessions approve --withdraw

With a time, sessions that wait and those that are asked for until then open at once. They end with the approval, or
when it is withdrawn. Raw sessions (ports 9100 and 631) open by it only with --raw.
Exit codes: 0 done, 64 no such session, or none that waits, 69 the agent does not react or refuses, 77 this user may
not do that.
`;

const killExamples = `
Examples:
  opendca sessions kill ses-7d3k0q9x2mvb
  opendca sessions kill --all

Exit codes: 0 done, 64 no such session, 69 the agent does not react, 77 this user may not do that.
`;

/** Adds the command to the program. */
export function addSessionsCommand(program: Command, host: Host): void {
  const sessions = program.command("sessions")
    .description("show, approve and end sessions with the web pages of devices")
    .option("--json", "print JSON")
    .option("--config <file>", "configuration file (default: $OPENDCA_CONFIG, /etc/opendca/agent.yaml)")
    .addHelpText("after", examples)
    .action(async (options: SessionsOptions) => await list(options, host));
  sessions.command("approve [session]").description("let a session open that waits, or for some time all of them")
    .option("--for <time>", "all sessions for a time, such as 30m or 2h; at most 24h", approvalTime)
    .option("--until <time>", "all sessions until 17:00, or 2026-11-23T17:00; at most 24 hours", approvalEnd(host))
    .option("--device <device>", "only those of one device, by its address")
    .option("--raw", "raw sessions, too: what is sent to ports 9100 and 631 is printed")
    .option("--withdraw", "take such approvals back, and end the sessions that opened by them")
    .addHelpText("after", approveExamples)
    .action(async (id: string | undefined, flags: ApproveFlags, command: Command) => {
      requireOneWay(id, flags);
      const place = await placeOf(command.optsWithGlobals(), host);
      if (id !== undefined) await approveOne(id, place);
      else if (flags.withdraw === true) await withdraw(flags, place);
      else await approveAll(flags, place);
    });
  sessions.command("kill [session]").description("end a session, or all of them").option("--all", "all sessions")
    .addHelpText("after", killExamples)
    .action(async (id: string | undefined, { all }: { all?: boolean }, command: Command) => {
      if ((id === undefined) === (all !== true)) {
        throw new UsageError("Cannot tell which session is meant", "name one, or give --all");
      }
      const place = await placeOf(command.optsWithGlobals(), host);
      if (id === undefined && place.sessions.length === 0) return await host.stdout.write("there are no sessions\n");
      if (id !== undefined) known(place, id);
      const ids = id === undefined ? place.sessions.map((each) => each.id) : [id];
      await order(
        { kind: "kill", id, by: accountName() },
        place,
        () => read(place).every((each) => !ids.includes(each.id)),
      );
      await host.stdout.write(ids.map((each) => `ended ${each}\n`).join(""));
    });
}

interface ApproveFlags {
  /** Milliseconds. */
  for?: number;
  until?: Date;
  device?: string;
  raw?: boolean;
  withdraw?: boolean;
}

function approvalTime(text: string): number {
  try {
    return parseDuration(text, { min: `${shortestApprovalMs}ms`, max: `${longestApprovalMs}ms` });
  } catch (error) {
    if (!(error instanceof ValueSyntaxError)) throw error;
    throw new InvalidArgumentError("It must be a time from 1m to 24h, such as 30m or 2h.");
  }
}

/** By this machine's clock and time zone. */
function approvalEnd({ clock }: Host): (text: string) => Date {
  return (text) => {
    const now = clock.now(), [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
    const end = hour === undefined
      ? new Date(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(text) ? text : NaN)
      : new Date(now.getFullYear(), now.getMonth(), now.getDate(), Number(hour), Number(minute));
    const lastsMs = end.getTime() - now.getTime();
    if (Number.isNaN(lastsMs)) throw new InvalidArgumentError("It must be a time, such as 17:00 or 2026-11-23T17:00.");
    if (lastsMs < shortestApprovalMs) throw new InvalidArgumentError("It must be at least a minute from now.");
    if (lastsMs > longestApprovalMs) throw new InvalidArgumentError("It must be at most 24 hours from now.");
    return end;
  };
}

function requireOneWay(id: string | undefined, { for: forMs, until, device, raw, withdraw }: ApproveFlags): void {
  const ways = [id, forMs, until, withdraw].filter((each) => each !== undefined);
  if (ways.length === 0) {
    throw new UsageError("Cannot tell what to approve", "name a session, or give --for or --until for all of them");
  }
  if (ways.length > 1) {
    throw new UsageError("Cannot do two things at once", "give one of a session, --for, --until and --withdraw");
  }
  if (id !== undefined && (device !== undefined || raw !== undefined)) {
    throw new UsageError("Cannot use --device and --raw with a session", "leave them out, or give --for or --until");
  }
  if (withdraw !== undefined && raw !== undefined) {
    throw new UsageError("Cannot withdraw a part of an approval", "leave out --raw");
  }
}

async function approveOne(id: string, place: SessionsPlace): Promise<void> {
  const session = known(place, id);
  if (session.step !== "waiting") {
    throw new UsageError(
      `Cannot approve ${id} as it does not wait for it: current value of its step is "${session.step}"`,
      "opendca sessions shows them",
    );
  }
  const isDone = () => read(place).every((each) => each.id !== id || each.step !== "waiting");
  await order({ kind: "approve", id, by: accountName() }, place, isDone);
  await place.host.stdout.write(`approved ${id}\n`);
}

async function approveAll(flags: ApproveFlags, place: SessionsPlace): Promise<void> {
  const { host } = place, id = newApprovalId();
  const lastsMs = flags.for ?? flags.until!.getTime() - host.clock.now().getTime();
  const wish = { id, lastsMs, device: flags.device, raw: flags.raw === true, by: accountName() };
  if (maybeOrder(orderName({ kind: "approveAll", wish })) === undefined) {
    throw new UsageError(
      `Cannot use --device as the address or id of a device: current value is "${safeText(flags.device ?? "")}"`,
      "such as 10.1.0.7",
    );
  }
  const isDone = ({ approvals, refused }: Approvals) => refused?.id === id || approvals.some((each) => each.id === id);
  await order({ kind: "approveAll", wish }, place, () => isDone(readApprovals(place)));
  const { approvals, refused } = readApprovals(place);
  const given = approvals.find((each) => each.id === id);
  if (given !== undefined) return await host.stdout.write(`approved ${approvalText(given)}\n`);
  throw new UnavailableError(`Cannot approve sessions: ${safeText(refused?.reason ?? "it was withdrawn at once")}`);
}

async function withdraw({ device }: ApproveFlags, place: SessionsPlace): Promise<void> {
  const before = readApprovals(place).approvals;
  const taken = before.filter((each) => device === undefined || isOf(each, device));
  if (taken.length === 0) return await place.host.stdout.write("there is no such approval\n");
  const by = accountName();
  const wanted: SessionOrder[] = device === undefined
    ? [{ kind: "withdraw", id: undefined, by }]
    : taken.map(({ id }) => ({ kind: "withdraw", id, by }));
  for (const each of wanted) {
    const ids = "id" in each && each.id !== undefined ? [each.id] : taken.map(({ id }) => id);
    await order(each, place, () => readApprovals(place).approvals.every(({ id }) => !ids.includes(id)));
  }
  await place.host.stdout.write(taken.map((each) => `withdrew ${approvalText(each)}\n`).join(""));
}

function isOf({ device }: StandingApproval, text: string): boolean {
  return device !== null && (device.id === text || device.name.endsWith(`at ${text}`));
}

function approvalText({ until, by, ...scope }: StandingApproval): string {
  return safeText(`${scopeText(scope)} until ${shortTime(until)}, by ${by}`);
}

function shortTime(iso: string): string {
  return iso.replace("T", " ").replace(/\.\d+Z$/, "Z");
}

async function list(options: SessionsOptions, host: Host): Promise<void> {
  const place = await placeOf(options, host), { sessions } = place;
  const given = readApprovals(place).approvals;
  if (options.json === true) return await host.stdout.write(`${visibleJson({ sessions, approvals: given }, 2)}\n`);
  const approvals = given.map((each) => `approved: ${approvalText(each)}\n`).join("");
  if (sessions.length === 0) return await host.stdout.write(`there are no sessions\n${approvals}`);
  const width = host.stdout.isTerminal ? host.stdout.columns() : Infinity;
  const lines = sessions.map((each) => hanging(lineOf(each), { indent: 2, width }));
  await host.stdout.write(lines.map((line) => `${line}\n`).join("") + approvals);
}

function lineOf({ id, step, address, port, device, openedBy, endsAt, toDevice, fromDevice }: LocalSession): string {
  const bytes = `${toDevice} bytes to it, ${fromDevice} from it`;
  return [
    id,
    step.padEnd(8),
    formatEndpoint(address, port),
    device,
    `by ${openedBy}`,
    `until ${shortTime(endsAt)}`,
    bytes,
  ]
    .map((text) => text.trim() === "" ? "" : safeText(text)).filter((text) => text !== "").join("  ");
}

interface SessionsPlace {
  folder: string;
  host: Host;
  disk: Disk;
  sessions: readonly LocalSession[];
}

async function placeOf(options: SessionsOptions, host: Host): Promise<SessionsPlace> {
  const folder = await likelyStateDirectory(configPath(options.config, host.env), host);
  const { disk } = activationStore(folder, host.env);
  return { folder, host, disk, sessions: read({ folder, host, disk }) };
}

/** Nothing of an agent that does not run any more. */
function read({ folder, host, disk }: Omit<SessionsPlace, "sessions">): readonly LocalSession[] {
  let file: SessionsFile | undefined;
  try {
    file = tryParseSessions(disk.read(`${folder}/${sessionsFileName}`) ?? "");
  } catch (cause) {
    throw notPermitted(`read the sessions in "${folder}"`, cause);
  }
  if (file === undefined) return [];
  const isStale = Math.abs(host.clock.now().getTime() - Date.parse(file.writtenAt)) > staleAfterMs;
  return isStale ? [] : file.sessions;
}

type Approvals = Pick<ApprovalsFile, "approvals" | "refused">;

/** The agent removes those that have ended, once it runs. */
function readApprovals({ folder, disk }: SessionsPlace): Approvals {
  try {
    return tryParseApprovals(disk.read(`${folder}/${approvalsFileName}`) ?? "") ?? { approvals: [], refused: null };
  } catch (cause) {
    throw notPermitted(`read the approvals in "${folder}"`, cause);
  }
}

function known({ sessions }: SessionsPlace, id: string): LocalSession {
  const session = sessions.find((each) => each.id === id);
  if (session !== undefined) return session;
  throw new UsageError(`Cannot find the session "${id}"`, "opendca sessions shows those that there are");
}

/** Has the agent do it, and waits until it has. */
async function order(
  wanted: SessionOrder,
  { folder, host, disk }: SessionsPlace,
  isDone: () => boolean,
): Promise<void> {
  const path = `${folder}/${ordersFolder}/${orderName(wanted)}`;
  try {
    disk.create(path).close();
  } catch (cause) {
    if (isAbsent(cause)) {
      throw new UnavailableError(
        `Cannot reach an agent that allows web access: "${folder}/${ordersFolder}" does not exist`,
        "start the agent with policy.features.webAccess, and name its configuration with --config",
      );
    }
    throw notPermitted(`write to "${folder}/${ordersFolder}"`, cause);
  }
  const endMs = host.clock.monotonicMs() + answerWithinMs;
  while (!isDone()) {
    if (host.clock.monotonicMs() > endMs) {
      // What nobody waits for any more must not be done later.
      disk.remove(path);
      throw new UnavailableError(
        "Cannot have it done as the agent does not react",
        "see opendca status; stopping the service ends every session",
      );
    }
    await host.clock.sleep(lookEveryMs);
  }
}

function notPermitted(what: string, cause: unknown): NotPermittedError {
  return new NotPermittedError(
    `Cannot ${what}: ${messageOf(cause)}`,
    "run as root or as the user of the service",
    { cause },
  );
}
