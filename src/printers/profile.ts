/**
 * What is known of one maker, as data: how its printers are recognised and which objects give which value. A new maker
 * is a new file in profiles/ with one exported `Profile` and a line in profiles/all.ts; no code of the reader changes.
 * Every fact names its source in a comment beside it.
 */

/** Evidence that a device is of a maker. Each list is "any of"; every kind of evidence that matches adds to the score. */
export interface Recognition {
  /** sysObjectID prefixes that this maker's printers report. Not proof: OEMs and network cards lie. */
  objectIds?: string[];
  /**
   * sysObjectID prefixes that no other kind of device reports: they suffice where the device says nothing that contradicts.
   * Whose printer it is they prove no better than the others.
   */
  printerIds?: string[];
  /** Against sysDescr.0. Each must mean a *printer* of the maker: it suffices when the device tells nothing else. */
  descriptions?: RegExp[];
  /**
   * Against sysDescr.0: a network card or print server of this maker, which also stands before printers of others. It
   * means a printer, but says little about whose.
   */
  cards?: RegExp[];
  /** Against hrDeviceDescr of the printer's row. Proof of the maker only: hosts list their print queues there. */
  devices?: RegExp[];
  /** Against MFG:/MANUFACTURER: of an IEEE-1284 device id. */
  deviceIds?: RegExp[];
  /** sysDescr, hrDeviceDescr or sysObjectID texts that rule the maker's printers out (scanners, projectors, switches). */
  never?: RegExp[];
}

/** One place that a text field can be read from. */
export interface FieldRule {
  oid: string;
  /** Name in the reading's `source.rule`, such as `brother.serial`. */
  rule: string;
  /**
   * `text`: the whole value. `deviceId`: the model of an IEEE-1284 device id. `pml`: HP's PML string, two octets of
   * symbol set before the text. A RegExp: its first group.
   */
  take?: "text" | "deviceId" | "pml" | RegExp;
}

/** What every rule for meters may say besides where the counter is. */
interface AnyMeterRule {
  /**
   * Only where prtMarkerLifeCount is not answered. Any other counter of the device's own comes before it: that is the life
   * of the engine, and goes on or begins again when boards and engines are replaced.
   */
  fallback?: true;
  /** The same pages, counted another way: where it disagrees with the counter that is taken, that is a problem. */
  check?: true;
}

/** One counter at one object. */
export interface ScalarMeter extends AnyMeterRule {
  kind: "scalar";
  meter: string;
  oid: string;
  rule: string;
  /** PrtMarkerCounterUnitTC name; default: `impressions`. */
  unit?: string;
  /** `text`: the first number in a text. */
  read?: "number" | "text";
}

/** A counter that is the sum of several objects. */
export interface SumMeter extends AnyMeterRule {
  kind: "sum";
  meter: string;
  oids: string[];
  rule: string;
  unit?: string;
  /** Default `all`: one object that is not answered makes the sum invalid. `any`: it counts nothing. */
  needs?: "all" | "any";
}

/** A table that names its own rows: value columns and a label column with the same index. */
export interface LabelledMeters extends AnyMeterRule {
  kind: "labelled";
  rule: string;
  /** Rows of several columns add up as well. */
  values: string | string[];
  labels: string;
  /**
   * First match wins; rows of the same meter add up; a row that matches none, or one without a meter, is not a known
   * meter.
   */
  names: [label: RegExp, meter: string | null, unit?: string][];
  /** Meters by the index of the row, for rows without a label and tables of which no label is known, in whatever language. */
  indexes?: [index: string, meter: string, unit?: string][];
  /** Rows with the same label are one counter told twice, and do not add up. */
  once?: true;
  /** Upper limit of rows read; larger tables are cut and reported. */
  maxRows?: number;
}

/** A table whose rows are identified by a type column instead of a text. Rows of the same meter add up. */
export interface TypedMeters extends AnyMeterRule {
  kind: "typed";
  rule: string;
  values: string;
  types: string;
  /** Only rows in which this column has this number count, such as one unit of several. */
  where?: { column: string; equals: number };
  names: [type: number, meter: string, unit?: string][];
  /** The last arc of the index stands in for a type that is not answered. */
  indexIsType?: true;
  /** `all`: a meter lacks a part of which there is no row. `any`, the default: that part is not counted. */
  needs?: "all" | "any";
  /** Rows of the same type are one counter told twice, and do not add up. */
  once?: true;
  maxRows?: number;
}

/**
 * Counters or levels packed into one octet string. `id-type-length-value`: one octet id, one octet type, one octet
 * length, value of that length, ended by ff. `id-length-value`: without the type.
 */
export interface RecordMeters extends AnyMeterRule {
  kind: "records";
  rule: string;
  oid: string;
  layout: "id-type-length-value" | "id-length-value";
  fields: { id: number; meter: string; unit?: string }[];
}

export type MeterRule = ScalarMeter | SumMeter | LabelledMeters | TypedMeters | RecordMeters;

/** A supply that private objects describe, merged with the standard row of the same kind and colorant. */
export interface SupplyFact {
  kind: string;
  colorant: string;
  /** Used when the standard table has no row for it. */
  description: string;
}

export interface RecordSupplies {
  kind: "records";
  rule: string;
  oid: string;
  layout: "id-type-length-value" | "id-length-value";
  /** Only for models that match: one record number can mean toner on one product line and ink on another. */
  models?: RegExp;
  fields: RecordSupplyField[];
}

export interface RecordSupplyField extends SupplyFact {
  id: number;
  /**
   * A number: the value times it is the remaining percentage. `ratio`: two octets, level and capacity. `pages`:
   * impressions that remain, of an unknown capacity.
   */
  read: number | "ratio" | "pages";
  /** Octets that the value must have at least: on some models the same record in one octet is a status code. */
  minOctets?: number;
}

export interface ScalarSupply {
  kind: "scalar";
  rule: string;
  oid: string;
  supply: SupplyFact;
  /** `percent`: remaining 0–100. `used`: percentage used. With `capacityOid`: the level in its unit. */
  read: "percent" | "used" | "level";
  capacityOid?: string;
}

/**
 * A private supplies table with a level column and a name column. Its rows are never merged with one another, whatever
 * they are called.
 */
export interface TableSupplies {
  kind: "table";
  rule: string;
  levels: string;
  /** In the language of the panel. */
  names: string;
  /** The same in English, whatever the panel speaks: tells kind and colour before `names`. */
  plainNames?: string;
  /** A column of numbers that tells the colour before all names. */
  colorants?: { column: string; codes: [code: number, colorant: string][] };
  read: "percent" | "used";
  /** Makers' own codes in the level column, such as −100 for empty. */
  codes?: { value: number; level: "empty" | "some" | "unknown" }[];
  maxRows?: number;
}

/** Adds part number or serial to the standard row with the same supply index. */
export interface SupplyDetail {
  kind: "detail";
  rule: string;
  field: "partNumber" | "serial";
  /** Column whose last index arc (or the arc before a final 0) is prtMarkerSuppliesIndex. */
  column: string;
}

export type SupplyRule = RecordSupplies | ScalarSupply | TableSupplies | SupplyDetail;

/** How this maker reads the standard supplies table, where it deviates from RFC 3805. */
export interface StandardSupplyQuirks {
  /** Level codes in prtMarkerSuppliesLevel that are not quantities, such as Brother's 0–3 when the capacity is −2. */
  codes?: { level: number; capacity?: number; kind: "empty" | "some" | "unknown" }[];
  /** What the level of a receptacle counts: `room` left as RFC 3805 says, or `fill`. */
  receptacle?: "room" | "fill";
  /** The level is a percentage although the capacity is −2 (Sharp). */
  percentWithoutCapacity?: boolean;
  /** Long descriptions go on, after a line feed, as octets spelt in hexadecimal (librenms PrinterSupplies.php). */
  hexContinuation?: boolean;
}

export interface Profile {
  /** File name without ending. */
  id: string;
  /** Maker as printed in a reading. */
  maker: string;
  recognise: Recognition;
  /** IANA MIBenum of texts where the device declares no character set. */
  charset?: number;
  /** Tried before hrDeviceDescr and the IEEE-1284 device id. */
  model?: FieldRule[];
  /** Tried when neither hrDeviceDescr nor a device id gives one. */
  modelFallback?: FieldRule[];
  /** Tried after prtGeneralSerialNumber. */
  serial?: FieldRule[];
  firmware?: FieldRule[];
  hostname?: FieldRule[];
  panel?: FieldRule[];
  /** Of several rules for one meter the first that is answered wins. */
  meters?: MeterRule[];
  supplies?: SupplyRule[];
  standardSupplies?: StandardSupplyQuirks;
}
