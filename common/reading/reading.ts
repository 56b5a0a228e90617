/**
 * The reading: everything read from one device at one time. This is the contract of `scan --format json`
 * (docs/reading.schema.json). An unknown value is `null` or an empty list, never left out and never invented.
 */

/** What a device is asked for: everything, or what changes from minute to minute: state, alerts, supplies and trays. */
export type ReadingScope = "full" | "status";

/** Source of a value: the object, the rule that read it and the raw answer. */
export interface Source {
  /** Object identifier of the value, or of the table row's first column. */
  oid: string;
  /** Name of the rule, such as `rfc3805` or `brother.counter`. */
  rule: string;
  /** The value before interpretation: number, text, or hexadecimal for binary octets. */
  raw: RawValue;
}

/**
 * Why an answered source was not taken. `lowerPriority`: it is valid, and an earlier rule's was taken. `zero`: it is 0
 * while another one counts. `idleColours`: black and colour are 0 while pages are counted. `incomplete`: a part of the
 * sum or of the table was not read. `totalNotRead`: the device's own total, which it must not replace, may not have been
 * read. `implausible`: no device has counted that far. `notACount`: a code, a text or a negative number. `levelSome`,
 * `levelUnknown` and `levelUnlimited`: a code instead of a level. `unknown`: a reason of a later version.
 */
export type WhyNotTaken =
  | "lowerPriority"
  | "zero"
  | "idleColours"
  | "incomplete"
  | "totalNotRead"
  | "implausible"
  | "notACount"
  | "levelSome"
  | "levelUnknown"
  | "levelUnlimited"
  | "unknown";

/** A source of the same value that answered as well and was not taken. */
export interface OtherSource {
  oid: string;
  rule: string;
  /** What it says: a count, or for a supply the percentage; null if that is not valid. */
  value: number | null;
  /** Only where it is not the unit of the meter. */
  unit?: string;
  /** The answer, where `value` is null and the answer is short. */
  raw?: number | string;
  why: WhyNotTaken;
}

export type RawValue = number | string | null | { [column: string]: number | string | null };

export type PrinterState = "idle" | "printing" | "warmup" | "sleeping" | "stopped" | "unknown";

export interface PrinterStatus {
  state: PrinterState;
  /** Bits of hrPrinterDetectedErrorState (RFC 2790) by name, such as `lowPaper`. */
  errors: string[];
  /** Text of the front panel, lines joined by one space. */
  panel: string | null;
}

export interface Meter {
  /** `total`, `mono`, `color`, `print.total`, `copy.color`, `scan.total`, `duplex`, `large.mono` … */
  name: string;
  value: number;
  /** PrtMarkerCounterUnitTC by name: `impressions`, `sheets`, `metres`, … */
  unit: string;
  source: Source;
  /** What was answered as well, those that contradict first; absent if nothing was. */
  others?: OtherSource[];
}

/**
 * `exact`: percent is known. `some`: at least one unit is left (RFC 3805 −3). `unknown`: −2 or unreadable.
 * `empty`: exactly nothing left. `unlimited`: no restriction (−1).
 */
export type LevelKind = "exact" | "some" | "unknown" | "empty" | "unlimited";

export interface Level {
  kind: LevelKind;
  /** 0 to 100: the remaining supply, or the remaining room of a receptacle; null unless kind is `exact` or `empty`. */
  percent: number | null;
  /** As the device reports it; null if it reports none or a code. */
  level: number | null;
  capacity: number | null;
  unit?: string | null;
}

export interface Supply {
  /** `hrDeviceIndex.prtMarkerSuppliesIndex`, or the profile's own index for private tables. */
  index: string;
  /** PrtMarkerSuppliesTypeTC by name, except `drum` for `opc`. */
  kind: string;
  /** `black`, `cyan`, `magenta`, `yellow`, …, or `none`. */
  colorant: string;
  description: string;
  partNumber: string | null;
  serial: string | null;
  level: Level;
  source: Source;
  /** What was answered for the level as well; absent if nothing was. */
  others?: OtherSource[];
}

export interface Tray {
  index: string;
  name: string;
  media: string | null;
  level: Level;
}

export interface Alert {
  severity: "critical" | "warning" | "other";
  /** PrtAlertCodeTC number. */
  code: number | null;
  /** PrtAlertGroupTC by name, such as `markerSupplies`. */
  group: string;
  description: string;
  /** When the alert began, as an RFC 3339 timestamp, when prtAlertTime and sysUpTime allow it. */
  since: string | null;
}

/**
 * A part that could not be read or is contradictory, and why. `code` is stable; `message` is one sentence for a person.
 */
export interface Problem {
  code: string;
  message: string;
  address?: string;
  oid?: string;
}

export interface Reading {
  /** RFC 3339, UTC. */
  observedAt: string;
  address: string;
  port: number;
  /**
   * hrDeviceIndex of the printer if several answer at one address and port, as behind a print server; otherwise absent.
   * `mac` and `snmp.engineId` are null then: they belong to the print server.
   */
  deviceIndex?: number;
  hostname: string | null;
  snmp: { version: "1" | "2c" | "3"; engineId: string | null };
  manufacturer: string | null;
  model: string | null;
  serial: string | null;
  mac: string | null;
  firmware: string | null;
  location: string | null;
  contact: string | null;
  description: string | null;
  objectId: string | null;
  status: PrinterStatus;
  meters: Meter[];
  supplies: Supply[];
  trays: Tray[];
  alerts: Alert[];
  problems: Problem[];
}

/** A device that answered and is not a printer. */
export interface OtherDevice {
  address: string;
  description: string | null;
  objectId: string | null;
}

/** A device that answered the sweep but was not read. */
export interface UnreadDevice {
  address: string;
  port: number;
  /** Host name of the target; null for an address. */
  hostname: string | null;
  /** sysDescr, if the answer to the sweep had it. */
  description: string | null;
  objectId: string | null;
  /**
   * `stopped`: the scan ended before it was read. `deadline`: its deadline passed before anything was known. `failed`:
   * the scanner failed before reading it. `late`: its answer came too late. `elsewhere`: its answer came from another
   * address or port, so that the sender is unknown.
   */
  reason: "stopped" | "deadline" | "failed" | "late" | "elsewhere";
  /** For `elsewhere`: the source of the answer, such as "10.0.0.1 port 161". */
  answeredFrom?: string;
}

export interface ScanStats {
  addresses: number;
  answered: number;
  printers: number;
  packetsSent: number;
  packetsReceived: number;
  durationMs: number;
}

/** The document that `scan --format json` prints. */
export interface ScanDocument {
  schema: "opendca.scan/1";
  startedAt: string;
  finishedAt: string;
  stats: ScanStats;
  printers: Reading[];
  /** Present only with `--all`. */
  others?: OtherDevice[];
  /** Devices that were found but not read; empty after a complete scan. */
  unread: UnreadDevice[];
  problems: Problem[];
}
