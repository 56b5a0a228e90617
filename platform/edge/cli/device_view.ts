/** What is known of a device, put together from its newest readings. Pure. */
import { lowPercent } from "../../../common/reading/low_supply.ts";
import { ReadingScope, Record as RecordMessage } from "../../../proto/gen/opendca/v1/batch.ts";
import {
  type Alert,
  AlertSeverity,
  type Level,
  LevelKind,
  type Meter,
  PrinterState,
  type Problem,
  type Reading,
  type Supply,
  type Tray,
} from "../../../proto/gen/opendca/v1/reading.ts";
import type { DeviceRow } from "../../devices/devices.ts";
import type { StoredReading } from "../../devices/readings.ts";

/** As far back as is looked for what the newest reading does not have. */
export const mostReadings = 40;

/** Not heard of for so long, a device counts as silent. */
export const silentAfterMs = 86_400_000;

export interface ReadAt<T> {
  at: number;
  values: T;
}

export interface NewestReading extends Omit<StoredReading, "record"> {
  record: RecordMessage;
  reading: Reading;
  scope: "full" | "status";
}

export interface DeviceView {
  row: DeviceRow;
  /** Of whatever scope; undefined where there is none. */
  newest: NewestReading | undefined;
  /** Each of the newest reading that has some. */
  meters: ReadAt<Meter[]> | undefined;
  supplies: ReadAt<Supply[]> | undefined;
  trays: ReadAt<Tray[]> | undefined;
  low: Supply[];
  isSilent: boolean;
  /** Why something is missing; null where nothing is. */
  note: string | null;
}

export function viewOf(row: DeviceRow, stored: Iterable<StoredReading>, now: number): DeviceView {
  let newest: NewestReading | undefined, full: NewestReading | undefined;
  let meters: DeviceView["meters"], supplies: DeviceView["supplies"], trays: DeviceView["trays"];
  for (const { record: bytes, ...rest } of stored) {
    const record = RecordMessage.decode(bytes);
    if (record.content?.$case !== "reading") continue;
    const reading = record.content.value;
    const scope = record.scope === ReadingScope.STATUS ? "status" : "full";
    const found: NewestReading = { ...rest, record, reading, scope };
    newest ??= found;
    if (scope === "full") full ??= found;
    const at = rest.observed_at;
    if (reading.meters.length > 0) meters ??= { at, values: reading.meters };
    if (reading.supplies.length > 0) supplies ??= { at, values: reading.supplies };
    if (reading.trays.length > 0) trays ??= { at, values: reading.trays };
    if (full !== undefined && meters !== undefined && supplies !== undefined && trays !== undefined) break;
  }
  const isSilent = row.state === "offline" || now - row.last_seen_at >= silentAfterMs;
  const notes = [
    ...(isSilent
      ? [`not answered since ${new Date(row.last_seen_at).toISOString().replace("T", " ").slice(0, 16)}`]
      : []),
    ...(meters === undefined ? [noMeters(full ?? newest)] : []),
  ];
  return {
    row,
    newest,
    meters,
    supplies,
    trays,
    low: (supplies?.values ?? []).filter(isLow),
    isSilent,
    note: notes.length === 0 ? null : notes.join("; "),
  };
}

function noMeters(newest: NewestReading | undefined): string {
  if (newest === undefined) return "not read yet";
  const { reading, scope } = newest;
  if (stateOf(reading) === "sleeping") return "no meters: asleep";
  if (scope === "status") return "no meters: only status reads so far";
  const [problem] = reading.problems.filter(({ code }) => isAboutReading(code));
  return problem === undefined ? "no meters: the device has none" : `no meters: ${problem.message}`;
}

/* What is said of values that were read is no reason for one that was not. */
function isAboutReading(code: string): boolean {
  return !/^(metersDisagree|severalMarkers|levelAboveCapacity|metersAllZero)$/.test(code);
}

export function stateOf(reading: Reading): string {
  return (PrinterState[reading.status?.state ?? PrinterState.UNSPECIFIED] ?? "unknown").toLowerCase();
}

/** Whether somebody must order, empty or replace it. A level that is not known is not low. */
export function isLow({ level }: Supply): boolean {
  if (level?.kind === LevelKind.EMPTY) return true;
  return level?.kind === LevelKind.EXACT && level.percent !== undefined && level.percent <= lowPercent;
}

/** "black toner"; a supply of a kind that says nothing is called as the device calls it. */
export function supplyName({ kind, colorant, description }: Supply): string {
  if (/^(other|unknown|)$/.test(kind)) return description || words(kind) || "unknown";
  return colorant === "none" || colorant === "" ? words(kind) : `${words(colorant)} ${words(kind)}`;
}

/** `62 %`, `empty`, `some`, `unlimited`; `?` where it is not known. */
export function levelText(level: Level | undefined): string {
  switch (level?.kind) {
    case LevelKind.EXACT:
      return level.percent === undefined ? "?" : `${shownPercent(level.percent)} %`;
    case LevelKind.EMPTY:
      return "empty";
    case LevelKind.SOME:
      return "some";
    case LevelKind.UNLIMITED:
      return "unlimited";
    default:
      return "?";
  }
}

/** What is not empty yet is not shown as 0, and what is not full not as 100. */
function shownPercent(percent: number): number {
  if (percent <= 0 || percent >= 100) return percent <= 0 ? 0 : 100;
  return Math.min(99, Math.max(1, Math.round(percent)));
}

/** The lowest first; what is not known last. */
export function lowestFirst(supplies: readonly Supply[]): Supply[] {
  const rank = ({ level }: Supply) =>
    level?.kind === LevelKind.EMPTY ? 0 : level?.kind === LevelKind.EXACT ? level.percent ?? 101 : 101;
  return supplies.toSorted((a, b) => rank(a) - rank(b));
}

/** Names of the standards as words; a cartridge is one of toner or ink anyway. */
export function words(name: string): string {
  return name.replace(/([a-z\d])([A-Z])/g, "$1 $2").toLowerCase().replace(/^(toner|ink) cartridge$/, "$1");
}

export function shownSupply(supply: Supply) {
  const { index, kind, colorant, description, partNumber, serial, level } = supply;
  const low = isLow(supply);
  return {
    index,
    name: supplyName(supply),
    kind,
    colorant,
    description,
    partNumber: partNumber ?? null,
    serial: serial ?? null,
    level: shownLevel(level),
    low,
  };
}

export function shownTray({ index, name, media, level }: Tray) {
  return { index, name, media: media ?? null, level: shownLevel(level) };
}

function shownLevel(level: Level | undefined) {
  const kind = (LevelKind[level?.kind ?? LevelKind.UNKNOWN] ?? "unknown").toLowerCase().replace(
    "unspecified",
    "unknown",
  );
  return {
    kind,
    percent: level?.percent ?? null,
    level: level?.level ?? null,
    capacity: level?.capacity ?? null,
    unit: level?.unit ?? null,
  };
}

export function severityOf({ severity }: Alert): string {
  return severity === AlertSeverity.UNSPECIFIED ? "unknown" : AlertSeverity[severity]?.toLowerCase() ?? "unknown";
}

export function shownAlert(alert: Alert) {
  const { code, group, description, since } = alert;
  return { severity: severityOf(alert), code: code ?? null, group, description, since: since?.toISOString() ?? null };
}

export function shownProblem({ code, message }: Problem) {
  return { code, message };
}
