/** Texts about a device for people. Pure. */
import { Record as RecordMessage } from "../../proto/gen/opendca/v1/batch.ts";
import {
  type Alert,
  type Level,
  LevelKind,
  type Meter,
  PrinterState,
  type Problem,
  type Reading,
  type Supply,
  type Tray,
} from "../../proto/gen/opendca/v1/reading.ts";
import type { DeviceRow } from "./devices.ts";
import { severityOf } from "./alerts.ts";
import { type DeviceState, isLow, metersOf, suppliesOf, traysOf } from "./device_state.ts";
import { unpackRecord } from "../store/stored_record.ts";

/** A device that was not seen for this time counts as silent. */
export const silentAfterMs = 86_400_000;

export interface ReadAt<T> {
  at: number;
  values: T;
}

export interface NewestReading
  extends Pick<DeviceState, "agent_id" | "observed_at" | "received_at" | "time_basis" | "scope"> {
  record: RecordMessage;
  reading: Reading;
}

export interface DeviceView {
  row: DeviceRow;
  /** The newest reading of any scope; undefined if there is none. */
  newest: NewestReading | undefined;
  /** The last read value of each. */
  meters: ReadAt<Meter[]> | undefined;
  supplies: ReadAt<Supply[]> | undefined;
  trays: ReadAt<Tray[]> | undefined;
  low: Supply[];
  isSilent: boolean;
  /** Why something is missing; null if nothing is. */
  note: string | null;
}

export function viewOf(row: DeviceRow, state: DeviceState | undefined, now: number): DeviceView {
  const isSilent = row.state === "offline" || now - row.last_seen_at >= silentAfterMs;
  const noMeters = state === undefined ? "not read yet" : state.no_meters;
  const notes = [
    ...(isSilent
      ? [`not answered since ${new Date(row.last_seen_at).toISOString().replace("T", " ").slice(0, 16)}`]
      : []),
    ...(noMeters === null ? [] : [noMeters]),
  ];
  const supplies = readAt(state?.supplies_at, () => suppliesOf(state));
  return {
    row,
    newest: newestOf(state),
    meters: readAt(state?.meters_at, () => metersOf(state)),
    supplies,
    trays: readAt(state?.trays_at, () => traysOf(state)),
    low: (supplies?.values ?? []).filter(isLow),
    isSilent,
    note: notes.length === 0 ? null : notes.join("; "),
  };
}

function readAt<T>(at: number | null | undefined, values: () => T): ReadAt<T> | undefined {
  return at == null ? undefined : { at, values: values() };
}

function newestOf(state: DeviceState | undefined): NewestReading | undefined {
  if (state === undefined) return undefined;
  const { agent_id, observed_at, received_at, time_basis, scope } = state;
  const record = RecordMessage.decode(unpackRecord(state.record));
  if (record.content?.$case !== "reading") return undefined;
  return { agent_id, observed_at, received_at, time_basis, scope, record, reading: record.content.value };
}

export function stateOf(reading: Reading): string {
  return (PrinterState[reading.status?.state ?? PrinterState.UNSPECIFIED] ?? "unknown").toLowerCase();
}

/** "black toner"; for an unspecific kind, the device's own name. */
export function supplyName({ kind, colorant, description }: Supply): string {
  if (/^(other|unknown|)$/.test(kind)) return description || words(kind) || "unknown";
  return colorant === "none" || colorant === "" ? words(kind) : `${words(colorant)} ${words(kind)}`;
}

/** `62 %`, `empty`, `some`, `unlimited`; `?` if unknown. */
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

/** Whole percent; 0 is shown only if it is empty, and 100 only if it is full. */
function shownPercent(percent: number): number {
  if (percent <= 0 || percent >= 100) return percent <= 0 ? 0 : 100;
  return Math.min(99, Math.max(1, Math.round(percent)));
}

/** The lowest first; unknown levels last. */
export function lowestFirst(supplies: readonly Supply[]): Supply[] {
  return supplies.toSorted((a, b) => levelRank(a) - levelRank(b));
}

/** Its percentage, or more than any where that is not known. */
export function levelRank({ level }: Supply): number {
  return level?.kind === LevelKind.EMPTY ? 0 : level?.kind === LevelKind.EXACT ? level.percent ?? 101 : 101;
}

/** Names of the standards as words, without "cartridge". */
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

export function shownAlert(alert: Alert) {
  const { code, group, description, since } = alert;
  return { severity: severityOf(alert), code: code ?? null, group, description, since: since?.toISOString() ?? null };
}

export function shownProblem({ code, message }: Problem) {
  return { code, message };
}
