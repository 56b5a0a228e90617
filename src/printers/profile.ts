/**
 * What is known of one maker, as data: how its printers are recognised and which objects give which value. A new maker
 * is a new file in profiles/ with one exported `Profile` and a line in profiles/all.ts; no code of the reader changes.
 * Every fact names its source in a comment beside it.
 */

/**
 * Evidence that a device is from a maker. Each list means "any of"; every kind of evidence that matches adds to the
 * score.
 */
export interface Recognition {
  /** sysObjectID prefixes of this maker's printers. Not proof: OEM devices and network cards report those of others. */
  objectIds?: string[];
  /**
   * sysObjectID prefixes that only printers report: they suffice if nothing else contradicts. For the maker they are no
   * stronger evidence than the others.
   */
  printerIds?: string[];
  /** Matched against sysDescr.0. Each must mean a *printer* of the maker: it suffices if there is no other evidence. */
  descriptions?: RegExp[];
  /**
   * Matched against sysDescr.0: a network card or print server of this maker, which may also be used with printers of
   * others. It shows a printer, but is weak evidence for the maker.
   */
  cards?: RegExp[];
  /**
   * Matched against hrDeviceDescr of the printer's row. Evidence for the maker only: hosts list their print queues
   * there.
   */
  devices?: RegExp[];
  /** Matched against MFG:/MANUFACTURER: of an IEEE-1284 device id. */
  deviceIds?: RegExp[];
  /**
   * sysDescr, hrDeviceDescr or sysObjectID texts that rule the maker's printers out (scanners, projectors, switches).
   */
  never?: RegExp[];
}

/** One object from which a text field can be read. */
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

/** Common options of all rules for meters. */
interface AnyMeterRule {
  /**
   * Used only if prtMarkerLifeCount is not answered. Other counters of the device have priority over
   * prtMarkerLifeCount: it is the life of the engine, and continues or restarts when boards and engines are replaced.
   */
  fallback?: true;
  /** Another count of the same pages: a disagreement with the chosen counter is reported as a problem. */
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
  /** Default `all`: one object without an answer makes the sum invalid. `any`: it counts as 0. */
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
   * The first match wins; rows of the same meter are added up; rows without a match, or with meter null, are ignored.
   */
  names: [label: RegExp, meter: string | null, unit?: string][];
  /** Meters by row index, for rows without a label, and for tables without any known label, in whatever language. */
  indexes?: [index: string, meter: string, unit?: string][];
  /** Rows with the same label repeat one counter and are not added up. */
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
  /** Only rows with this number in this column are used, such as one unit of several. */
  where?: { column: string; equals: number };
  names: [type: number, meter: string, unit?: string][];
  /** The last arc of the index is used if the type is not answered. */
  indexIsType?: true;
  /** `all`: a part without a row makes the meter invalid. `any` (default): such a part is not counted. */
  needs?: "all" | "any";
  /** Rows of the same type repeat one counter and are not added up. */
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
  /** Used if the standard table has no row for it. */
  description: string;
}

export interface RecordSupplies {
  kind: "records";
  rule: string;
  oid: string;
  layout: "id-type-length-value" | "id-length-value";
  /** Only for matching models: one record number can mean toner on one product line and ink on another. */
  models?: RegExp;
  fields: RecordSupplyField[];
}

export interface RecordSupplyField extends SupplyFact {
  id: number;
  /**
   * A number: factor from the value to the remaining percentage. `ratio`: two octets, level and capacity. `pages`:
   * remaining impressions, with unknown capacity.
   */
  read: number | "ratio" | "pages";
  /** Minimum length of the value in octets: on some models the same record with one octet is a status code. */
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
 * A private supplies table with a level column and a name column. Its rows are never merged with each other, even if
 * they have the same name.
 */
export interface TableSupplies {
  kind: "table";
  rule: string;
  levels: string;
  /** In the language of the panel. */
  names: string;
  /** The same in English, independent of the panel's language: used for kind and colour before `names`. */
  plainNames?: string;
  /** A column with colour codes; it has priority over all names. */
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
  /** Meaning of a receptacle's level: remaining `room` as in RFC 3805, or `fill`. */
  receptacle?: "room" | "fill";
  /** The level is a percentage although the capacity is −2 (Sharp). */
  percentWithoutCapacity?: boolean;
  /** Long descriptions continue after a line feed as octets in hexadecimal (librenms PrinterSupplies.php). */
  hexContinuation?: boolean;
}

export interface Profile {
  /** File name without ending. */
  id: string;
  /** Maker as named in a reading. */
  maker: string;
  recognise: Recognition;
  /** IANA MIBenum of texts if the device declares no character set. */
  charset?: number;
  /** Tried before hrDeviceDescr and the IEEE-1284 device id. */
  model?: FieldRule[];
  /** Tried if neither hrDeviceDescr nor a device id has a model. */
  modelFallback?: FieldRule[];
  /** Tried after prtGeneralSerialNumber. */
  serial?: FieldRule[];
  firmware?: FieldRule[];
  hostname?: FieldRule[];
  panel?: FieldRule[];
  /** With several rules for one meter, the first that is answered wins. */
  meters?: MeterRule[];
  supplies?: SupplyRule[];
  standardSupplies?: StandardSupplyQuirks;
}
