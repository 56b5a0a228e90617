/**
 * Standing approvals: for some time, sessions that need the administrator's approval open without waiting for it. They
 * are in `session-approvals.json` in the state directory. In doubt none is valid: a file that cannot be read has none,
 * and a clock that is set back ends them.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import { formatDuration } from "../../common/core/duration.ts";
import { type Disk, saveFile, tryRead } from "../../common/host/disk.ts";
import type { JsonValue } from "../store/canonical_json.ts";

export const approvalsFileName = "session-approvals.json";
export const longestApprovalMs = 24 * 3_600_000;
export const shortestApprovalMs = 60_000;
/** Each further one needs a device of its own; a limit for the file. */
const mostApprovals = 32;
/** How far the platform's time may be corrected backwards without ending what was given just before. */
const correctionMs = 60_000;

/** Times are of the platform's clock, ISO 8601. */
export interface StandingApproval {
  id: string;
  /** User of this machine. */
  by: string;
  since: string;
  until: string;
  /** Null for all devices. */
  device: { id: string; name: string } | null;
  /** Whether it covers raw sessions (ports 9100 and 631), too. */
  raw: boolean;
}

export interface ApprovalsFile {
  schema: "opendca.session-approvals/1";
  agentId: string;
  approvals: StandingApproval[];
  /** The order that was refused last. */
  refused: { id: string; reason: string } | null;
}

/** What the administrator asks for. */
export interface ApprovalWish {
  /** 16 hexadecimal digits. */
  id: string;
  by: string;
  lastsMs: number;
  /** Id or address; undefined for all. */
  device: string | undefined;
  raw: boolean;
}

export interface CoveredSession {
  deviceId: string;
  isRaw: boolean;
}

export interface StandingApprovals {
  /** The one that covers the session longest, and for how long it still does. */
  covering(session: CoveredSession): { approval: StandingApproval; leftMs: number } | undefined;
  /** Replaces the one of the same device and kind. */
  give(wish: ApprovalWish): void;
  /** Takes back the one with this id, or all. */
  withdraw(wish: { id: string | undefined; by: string }): void;
  /** Removes those that have ended, and tries again what could not be written. */
  tidy(): void;
}

export interface StandingApprovalsOptions {
  stateDirectory: string;
  agentId: string;
  disk: Disk;
  /** Uses the platform's time, if known. */
  clock: Clock;
  devices(): { deviceId: string; place: { address: string } | null; maker: string | null; model: string | null }[];
  /** Adds an entry to the ledger; throws if it cannot be written. */
  note(summary: string, details: { [name: string]: JsonValue }): void;
  /** Called when one was given or has ended. */
  changed(): void;
  log(event: `${Lowercase<string>}${string}ed`, fields: Record<string, string | number>): void;
}

/** Undefined for other content. */
export function tryParseApprovals(text: string): ApprovalsFile | undefined {
  try {
    const parsed = JSON.parse(text);
    const isSound = parsed?.schema === "opendca.session-approvals/1" && typeof parsed.agentId === "string" &&
      Array.isArray(parsed.approvals) && parsed.approvals.length <= mostApprovals &&
      parsed.approvals.every(isApproval) && isRefusal(parsed.refused);
    return isSound ? parsed : undefined;
  } catch {
    return undefined; // Not JSON: not a file of the agent.
  }
}

function isApproval(each: StandingApproval | null | undefined): boolean {
  if (typeof each !== "object" || each === null) return false;
  const lastsMs = Date.parse(each.until) - Date.parse(each.since);
  const isFor = each.device === null ||
    (typeof each.device?.id === "string" && each.device.id !== "" && typeof each.device.name === "string");
  return /^[0-9a-f]{16}$/.test(each.id) && typeof each.by === "string" && typeof each.raw === "boolean" && isFor &&
    lastsMs > 0 && lastsMs <= longestApprovalMs;
}

function isRefusal(refused: ApprovalsFile["refused"]): boolean {
  return refused === null || (typeof refused?.id === "string" && typeof refused.reason === "string");
}

/** "web pages of all devices" */
export function scopeText({ device, raw }: Pick<StandingApproval, "device" | "raw">): string {
  return `${raw ? "web pages and raw sessions" : "web pages"} of ${device === null ? "all devices" : device.name}`;
}

export function newApprovalId(): string {
  return randomBytes(8).toString("hex");
}

interface Held extends StandingApproval {
  /** By the monotonic clock: a wall clock that is set back does not extend it. */
  endsAtMs: number;
}

/** What is in the file, and in force. */
interface Book {
  held: readonly Held[];
  refused: ApprovalsFile["refused"];
  isUnsaved: boolean;
}

export function openStandingApprovals(options: StandingApprovalsOptions): StandingApprovals {
  const { clock } = options;
  const book: Book = { held: readHeld(options), refused: null, isUnsaved: false };
  return {
    covering({ deviceId, isRaw }) {
      const nowMs = clock.now().getTime();
      const [longest] = book.held
        .filter((each) => (each.raw || !isRaw) && (each.device === null || each.device.id === deviceId))
        .filter(({ since }) => nowMs >= Date.parse(since) - correctionMs)
        .map((each) => ({ approval: each, leftMs: leftMs(each, clock) }))
        .filter((each) => each.leftMs > 0)
        .sort((a, b) => b.leftMs - a.leftMs);
      return longest;
    },
    give: (wish) => give(wish, book, options),
    withdraw: (which) => withdraw(which, book, options),
    tidy() {
      const left = book.held.filter((each) => leftMs(each, clock) > 0);
      const hasEnded = left.length < book.held.length;
      book.held = left;
      if (hasEnded || book.isUnsaved) trySave(book, options);
      if (hasEnded) options.changed();
    },
  };
}

function give(wish: ApprovalWish, book: Book, options: StandingApprovalsOptions): void {
  const { id, by, raw, lastsMs } = wish, { clock } = options;
  const refuse = (reason: string): void => {
    book.refused = { id, reason };
    options.log("approvalRefused", { reason });
    trySave(book, options);
    try {
      options.note(`Refused an approval of sessions by ${by}: ${reason}`, { approval: id, by });
    } catch {
      // Reported as a fault; nothing was approved.
    }
  };
  const found = wish.device === undefined ? [null] : devicesOf(wish.device, options), [device] = found;
  if (device === undefined) return refuse(`no known device has the id or address "${wish.device}"`);
  if (found.length > 1) {
    return refuse(
      `${found.length} devices have the address "${wish.device}": name one by its id, such as ${device!.id}`,
    );
  }
  if (!(lastsMs >= shortestApprovalMs && lastsMs <= longestApprovalMs)) {
    return refuse(`it would last for ${formatDuration(lastsMs)}`);
  }
  const others = book.held.filter((each) => each.raw !== raw || each.device?.id !== device?.id);
  if (others.length >= mostApprovals) return refuse(`there are ${others.length} already`);
  const now = clock.now(), until = new Date(now.getTime() + lastsMs).toISOString();
  const given: StandingApproval = { id, by, since: now.toISOString(), until, device, raw };
  const before = book.held;
  try {
    // First: without a ledger entry there is no approval.
    const details = { approval: id, by, until, device: device?.id ?? null, raw };
    options.note(`Approved sessions until ${until} by ${by}: ${scopeText(given)}`, details);
    book.held = [...others, { ...given, endsAtMs: clock.monotonicMs() + lastsMs }];
    save(book, options);
  } catch (error) {
    book.held = before;
    return refuse(messageOf(error));
  }
  options.log("sessionsApproved", { approval: id, by, until, scope: scopeText(given) });
  options.changed();
}

function withdraw(
  { id, by }: { id: string | undefined; by: string },
  book: Book,
  options: StandingApprovalsOptions,
): void {
  const taken = book.held.filter((each) => id === undefined || each.id === id);
  if (taken.length === 0) return;
  book.held = book.held.filter((each) => !taken.includes(each));
  trySave(book, options);
  for (const each of taken) {
    options.log("approvalRevoked", { approval: each.id, by });
    try {
      const details = { approval: each.id, by };
      options.note(`Withdrew the approval until ${each.until} by ${by}: ${scopeText(each)}`, details);
    } catch {
      // Reported as a fault; it is withdrawn all the same.
    }
  }
  options.changed();
}

/** Several at one address: those of a print server, or of sites with the same addresses. */
function devicesOf(text: string, { devices }: StandingApprovalsOptions): NonNullable<StandingApproval["device"]>[] {
  const known = devices(), byId = known.filter((each) => each.deviceId === text);
  const found = byId.length > 0 ? byId : known.filter((each) => each.place?.address === text);
  return found.map(({ deviceId: id, maker, model, place }) => {
    const name = [maker, model, place === null ? null : `at ${place.address}`];
    return { id, name: name.filter((part) => part !== null).join(" ") || id };
  });
}

/** Until its end by either clock. */
function leftMs({ until, endsAtMs }: Held, clock: Clock): number {
  return Math.min(Date.parse(until) - clock.now().getTime(), endsAtMs - clock.monotonicMs());
}

function readHeld(options: StandingApprovalsOptions): Held[] {
  const { disk, clock, agentId } = options, path = pathOf(options);
  const file = tryParseApprovals(tryRead(disk, path) ?? "");
  if (file?.agentId === agentId) {
    return file.approvals.map((each) => {
      const untilMs = Date.parse(each.until), lastsMs = untilMs - Date.parse(each.since);
      return { ...each, endsAtMs: clock.monotonicMs() + Math.min(lastsMs, untilMs - clock.now().getTime()) };
    });
  }
  if (disk.size(path) !== undefined) {
    options.log("approvalsIgnored", { reason: `"${path}" is not a file of this agent` });
  }
  return [];
}

function pathOf({ stateDirectory }: StandingApprovalsOptions): string {
  return `${stateDirectory}/${approvalsFileName}`;
}

/** Throws if the file cannot be written. */
function save(book: Book, options: StandingApprovalsOptions): void {
  book.isUnsaved = true;
  const file: ApprovalsFile = {
    schema: "opendca.session-approvals/1",
    agentId: options.agentId,
    approvals: book.held.map(({ endsAtMs: _, ...each }) => each),
    refused: book.refused,
  };
  saveFile(options.disk, pathOf(options), `${JSON.stringify(file, null, 2)}\n`);
  book.isUnsaved = false;
}

function trySave(book: Book, options: StandingApprovalsOptions): void {
  try {
    save(book, options);
  } catch {
    // A full disk; `tidy` tries again.
  }
}
