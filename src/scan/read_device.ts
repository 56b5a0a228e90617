/**
 * Reads a device that was found: finds the credential that works, checks whether it is a printer, and asks for the
 * objects of its profile; src/printers interprets them. If the device stops answering, the part that was read is kept.
 */
import { isLost } from "../../common/reading/lost_codes.ts";
import { startTimer, systemClock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import { type Asked, interpretReadings, readOther } from "../printers/interpret_reading.ts";
import type { Profile } from "../printers/profile.ts";
import { levelPlan, type ReadPlan, readPlan, severalPlan, statePlan } from "../printers/read_plan.ts";
import type { OtherDevice, Problem, Reading, ReadingScope } from "../../common/reading/reading.ts";
import { heldObjects, worthKnowing } from "../printers/reread_plan.ts";
import { reportsSleep } from "../printers/status.ts";
import { refreshObjects } from "../snmp/refresh_objects.ts";
import { type ColumnGroup, readObjects, type ReadProblem, walkColumns } from "../snmp/read_objects.ts";
import { SnmpError, type SnmpSession } from "../snmp/session.ts";
import type { Varbind } from "../snmp/value.ts";
import { encodeVarbinds } from "../snmp/varbind_list.ts";
import type { Target } from "../targets/address_space.ts";
import type { Access } from "./access.ts";
import type { DeviceKinds } from "./device_kinds.ts";
import { negotiate, type NegotiateOptions, type Opened } from "./negotiate.ts";
import type { Found } from "./sweep_shard.ts";

export interface ReadDeviceOptions extends NegotiateOptions {
  deadlineMs: number;
  now: () => Date;
  scope: ReadingScope;
  /** Whether to return what later status reads can use. */
  learns?: boolean;
  capture: ColumnGroup[] | null;
  kinds: DeviceKinds;
}

export interface DeviceOutcome {
  /** One for each printer that answers at the address; empty for a device that is not a printer. */
  readings: Reading[];
  other?: OtherDevice;
  captured?: Varbind[];
  /** The deadline passed before the device was identified. */
  isUnread?: true;
  problems: Problem[];
  /** Absent where nothing was tried. */
  access?: Access;
}

/** Reads one device; never throws because of a device's behaviour. */
export async function readDevice(found: Found, options: ReadDeviceOptions): Promise<DeviceOutcome> {
  const { target } = found;
  const observedAt = options.now();
  let session: SnmpSession | undefined;
  let expired = false;
  const stopDeadline = startTimer(systemClock, options.deadlineMs, () => {
    expired = true;
    session?.close();
  });
  try {
    const opened = await negotiate(found, options, () => expired, (candidate) => session = candidate);
    const access = opened.access === undefined ? {} : { access: opened.access };
    if (opened.session === null && expired) {
      const problem = { ...deadlineProblem(options.deadlineMs), address: target.address };
      return { readings: [], isUnread: true, ...access, problems: [...opened.problems, problem] };
    }
    if (opened.session === null) {
      const other = { address: target.address, description: null, objectId: null };
      return { readings: [], other, ...access, problems: opened.problems };
    }
    session = opened.session;
    // The deadline may have passed while a further credential was tried.
    if (expired) session.close();
    return { ...access, ...await readWith(opened, { ...options, target, observedAt }, () => expired) };
  } finally {
    stopDeadline();
    session?.close();
  }
}

interface Device {
  target: Target;
  observedAt: Date;
  deadlineMs: number;
  scope: ReadingScope;
  learns?: boolean;
  capture: ColumnGroup[] | null;
  kinds: DeviceKinds;
}

async function readWith(
  opened: Opened & { session: SnmpSession },
  device: Device,
  expired: () => boolean,
): Promise<DeviceOutcome> {
  const { session } = opened;
  const { target, scope, capture } = device;
  const { recognised, sizes, error: fellSilent, identityOids, known } = opened.identified;
  let { store } = opened.identified;
  const problems: Problem[] = [...opened.problems, ...opened.identified.problems];
  const keep = (outcome: { varbinds: Varbind[]; problems: ReadProblem[] }) => {
    for (const varbind of outcome.varbinds) store.add(varbind);
    problems.push(...outcome.problems);
  };
  const walk = async (groups: ColumnGroup[]) =>
    void problems.push(...await walkColumns(session, groups, (varbind) => store.add(varbind), sizes));
  const ask = async (plan: ReadPlan) => {
    keep(await readObjects(session, plan.gets, sizes));
    await walk(plan.groups);
  };
  const asked: Asked = { meters: scope === "full", levels: scope === "full" };
  // A device that stopped answering at once may still be recognised by its description.
  const { printer, profile } = recognised;
  if (printer) sizes.share(device.kinds.sizesOf(store, profile));
  try {
    if (fellSilent !== null) throw fellSilent;
    if (printer && scope === "full") await ask(readPlan(store, profile));
    if (printer && scope === "status") {
      if (known === undefined) await ask(statePlan(store, profile));
      // Reading levels may wake the part of the device that has them, and nothing is consumed while it sleeps.
      if (severalPlan(store) !== undefined || !reportsSleep(store, profile)) {
        const levels = known && await refreshObjects(session, known.levels.questions, sizes);
        const held = levels && heldObjects(known.levels, levels);
        for (const varbind of held ?? []) store.add(varbind);
        if (held === undefined) {
          if (known !== undefined) store = known.withoutLevels();
          asked.levels = true;
          await ask(levelPlan(store, profile));
        }
        asked.levels = true;
      }
    }
    const several = printer ? severalPlan(store) : undefined;
    if (several !== undefined) await ask(several);
    if (capture !== null) await walk(capture);
  } catch (error) {
    if (!(error instanceof SnmpError)) throw error;
    problems.push(incompleteProblem(error, device, expired()));
  }
  if (session.malformed > 0) {
    problems.push({
      code: "malformed-answers",
      message: `Dropped ${session.malformed} malformed answers of this device`,
    });
  }
  const captured = capture === null ? {} : { captured: [...store].map(([oid, value]) => ({ oid, ...value })) };
  const located = problems.map((problem) => ({ ...problem, address: target.address }));
  if (!printer && expired()) return { readings: [], isUnread: true, ...captured, problems: located };
  if (!printer) {
    const other: OtherDevice = { address: target.address, ...readOther(store, profile) };
    return { readings: [], other, ...captured, problems: located };
  }
  const readings = interpretReadings(store, contextOf(session, device, { problems, asked, profile }));
  const isLearnt = device.learns === true && asked.levels && readings.length === 1 &&
    !problems.some(({ code }) => isLost(code) || leavesHole.has(code)) && severalPlan(store) === undefined &&
    !reportsSleep(store, profile);
  const objects = isLearnt ? encodeVarbinds(worthKnowing(store, profile, identityOids)) : undefined;
  const isKept = objects !== undefined && objects.length <= maxKnownOctets;
  return {
    readings: readings.map(({ reading }) => reading),
    ...captured,
    problems: [],
    ...isKept ? { access: { ...opened.access, known: { version: session.version, objects } } } : {},
  };
}

/** Limit for what is remembered about a printer; usually it takes two or three thousand octets. */
const maxKnownOctets = 16 * 1024;

/** Problems after which a table may be incomplete, so that it is not remembered. */
const leavesHole = new Set(["agent-error", "too-big", "non-increasing", "table-too-long"]);

function contextOf(
  session: SnmpSession,
  device: Device,
  read: { problems: Problem[]; asked: Asked; profile: Profile },
) {
  const { target, observedAt } = device;
  return {
    ...read,
    traces: false,
    observedAt,
    address: target.address,
    port: target.port,
    targetName: target.hostname,
    snmp: { version: session.version, engineId: session.engineId() },
  };
}

function incompleteProblem(error: SnmpError, device: Device, expired: boolean): Problem {
  if (expired) return deadlineProblem(device.deadlineMs);
  const code = error.failure === "timeout" ? "silent" : "read-failed";
  return { code, message: `${error.message}, the rest of the reading is missing` };
}

function deadlineProblem(deadlineMs: number): Problem {
  return {
    code: "deadline",
    message: `Reading took longer than ${deadlineMs / 1000} s and was stopped, the rest is missing`,
  };
}

/** The outcome for a defect while one device was read: it is reported, and the scan goes on without this device. */
export function bugOutcome(target: Target, error: unknown): DeviceOutcome {
  return {
    readings: [],
    problems: [{
      code: "bug",
      message: `Cannot read ${target.address} because of a defect in this program: ${messageOf(error)}`,
      address: target.address,
    }],
  };
}
