/**
 * What a source states of a recorded printer, as facts that a reading can be held against. Words of the sources are
 * mapped here, by hand, and never by the code that is being judged; a counter whose words are not listed throws.
 */

/** `supply` and `tray` are levels. */
export type FieldKind = "maker" | "model" | "serial" | "firmware" | "mac" | "panel" | "meter" | "supply" | "tray";

export interface Fact {
  kind: FieldKind;
  /** Name within the device: `serial`, `meter total`, `supply toner black`. */
  field: string;
  value: string | number;
  /** The object that the source says it came from. */
  oid?: string;
  /** Any of these is right too: a device has several interfaces. */
  others?: string[];
  /** Which supply is meant, where the source names no object. */
  supply?: SupplyWords;
  /** The value is pages that remain, not percent. */
  pages?: boolean;
}

/** Kinds of which it is one, colorant where the source says one, and how the description starts where no kind fits. */
export interface SupplyWords {
  kinds: string[];
  colorant?: string;
  description?: string;
}

export interface Stated {
  facts: Fact[];
  /** Names of what is stated and has no field in a reading, such as counts since power-on. */
  outside: string[];
  /** Whether a peer's conversions of level codes are in the numbers. */
  convention: boolean;
}

interface Counter {
  description: string;
  value: number;
  oid?: string;
}

interface StatedLevel {
  description: string;
  index?: number;
  level_percent?: number;
  value?: number;
  max?: number;
  remaining?: number;
  remaining_pages?: number;
  level_oid?: string;
  /** Percent in steps of ten. */
  steps?: boolean;
}

/** A file of expected/, as far as it is used. */
export interface Statement {
  model?: string | null;
  serial?: string | null;
  firmware?: string | null;
  mac?: string;
  interfaces?: { mac?: string }[];
  /** A text of the panel, or rows of codes. */
  status?: string | unknown[];
  page_counters?: Counter[] | Record<string, number>;
  page_counters_annotated?: Counter[];
  page_counters_web?: Counter[];
  supplies?: StatedLevel[];
  supplies_annotated?: StatedLevel[];
  supplies_web?: StatedLevel[];
  supplies_and_life?: Record<string, number>;
  input_trays?: StatedLevel[];
  replace_counts?: Record<string, number>;
  jam_total?: number;
  average_coverage_percent?: number;
  peer_conventions?: string;
}

/** Texts that sources put where they removed something. */
const placeholders = new Set(["serial_number", "<private>"]);

/** The facts of one statement; maker and model come from the manifest. */
export function statedFacts(statement: Statement): Stated {
  const facts: Fact[] = [];
  const outside: string[] = [];
  const { serial, firmware, status } = statement;
  if (serial && !placeholders.has(serial)) facts.push({ kind: "serial", field: "serial", value: serial });
  if (firmware) facts.push({ kind: "firmware", field: "firmware", value: firmware });
  const macs = [statement.mac, ...(statement.interfaces ?? []).map(({ mac }) => mac)].filter((mac) =>
    mac !== undefined
  );
  if (macs.length > 0) facts.push({ kind: "mac", field: "mac", value: macs[0]!, others: macs });
  if (typeof status === "string") facts.push({ kind: "panel", field: "panel", value: status });
  for (const counter of countersOf(statement)) {
    const name = meterName(counter.description);
    if (name === undefined) outside.push(`counter ${counter.description}`);
    else facts.push({ ...counter, kind: "meter", field: `meter ${name}` });
  }
  const levels = [...statement.supplies ?? [], ...statement.supplies_annotated ?? [], ...statement.supplies_web ?? []];
  for (const level of [...levels, ...lifeOf(statement.supplies_and_life ?? {}, outside)]) {
    const fact = levelFact(level);
    if (fact === undefined) outside.push(`status of ${level.description}`);
    else facts.push(fact);
    if (level.remaining_pages !== undefined && !fact?.pages) outside.push(`pages of ${level.description}`);
  }
  for (const { index, level_percent, level_oid } of statement.input_trays ?? []) {
    facts.push({ kind: "tray", field: `tray ${index}`, value: level_percent!, oid: level_oid! });
  }
  for (const name of Object.keys(statement.replace_counts ?? {})) outside.push(`replaced ${name}`);
  if (statement.jam_total !== undefined) outside.push("jams");
  if (statement.average_coverage_percent !== undefined) outside.push("coverage");
  return { facts, outside, convention: statement.peer_conventions !== undefined };
}

function countersOf(statement: Statement): Counter[] {
  const { page_counters: counters = [], page_counters_annotated = [], page_counters_web = [] } = statement;
  const listed = Array.isArray(counters)
    ? counters
    : Object.entries(counters).map(([description, value]) => ({ description, value }));
  return [...listed, ...page_counters_annotated, ...page_counters_web];
}

/** Meter by the source's words; undefined: a reading has no such meter. */
function meterName(description: string): string | undefined {
  const found = meterNames.find(([words]) => words.test(description));
  if (found === undefined) throw new Error(`Cannot name the counter "${description}": add it to stated.ts`);
  return found[1] ?? undefined;
}

const meterNames: [words: RegExp, meter: string | null][] = [
  [/^(?:life time .*|total(?:Pages| impressions| pages printed)?|page[ _]counter)$/i, "total"],
  [/^(?:mono(?: impressions)?|bw_counter|Black & White Total Count)$/, "mono"],
  [/^(?:colour(?: impressions)?|color_counter|Full Color Total Count)$/, "color"],
  [/^mono (?:large \(A3\) impressions|A3)$/, "large.mono"],
  [/^colour (?:large \(A3\) impressions|A3)$/, "large.color"],
  [/^(?:duplex unit pages|Total print duplex|Duplex)$/, "duplex"],
  [/^(?:Total copy black|Black & White Copy Count)$/, "copy.mono"],
  [/^(?:Total copy color|Full Color Copy Count)$/, "copy.color"],
  [/^Copies$/, "copy.total"],
  [/^(?:Total print black|Black & White Print Count)$/, "print.mono"],
  [/^(?:Total print color|Full Color Print Count)$/, "print.color"],
  [/^Prints$/, "print.total"],
  [/^(?:Total scans|Scan to E-mail\/FTP)$/, "scan.total"],
  [/^Black & White Scanner Count$/, "scan.mono"],
  [/^Full Color Scanner Count$/, "scan.color"],
  // Turns of drums, images of one colour, one paper size, shares by coverage, counts since power-on or of one accessory
  [/^(?:(?:\w+_)?drum_counter|(?:image|black|cyan|magenta|yellow)_counter|image count total)$/, null],
  [/^(?:cyan|magenta|yellow|black|mono A4|colour A4)$/, null],
  [/^colour (?:tier \d.*|pages (?:low|medium|high) toner)$/, null],
  [/since powered on$/, null],
  [
    /^(?:Black & White|Full Color|Single Color|Two Color) (?:Other|Document Filing.*|Scan to HDD|Copy|Total) Count$/,
    null,
  ],
  [/^(?:Single|Two) Color Document Filing.* Count$/, null],
  [/^(?:Document Feeder|Prints \(Document Filing\)|Scan to HDD)$/, null],
];

/** Brother's values by key: percent (`remaining`, `remaining_life`), pages, percent in steps of ten, status codes. */
function lifeOf(values: Record<string, number>, outside: string[]): StatedLevel[] {
  const levels = new Map<string, StatedLevel[]>();
  for (const [key, value] of Object.entries(values)) {
    const [, stem, what] = /^(.*?)_?(remaining(?:_life)?|remaining_pages|status)?$/.exec(key)!;
    const description = stem!.replaceAll("_", " ");
    if (what === "status") {
      outside.push(`status of ${description}`);
      continue;
    }
    const same = levels.get(description) ?? [];
    levels.set(description, same);
    if (what === undefined) same.push({ description, level_percent: value, steps: true });
    else if (what !== "remaining_pages") same.unshift({ description, level_percent: value });
    else if (same[0] === undefined) same.push({ description, remaining_pages: value });
    else same[0].remaining_pages = value;
  }
  return [...levels.values()].flat();
}

function levelFact(level: StatedLevel): Fact | undefined {
  const percent = level.level_percent ?? level.value ?? (level.max ? level.remaining! / level.max * 100 : undefined);
  const value = percent ?? level.remaining_pages;
  if (value === undefined) return undefined;
  const pages = percent === undefined ? { pages: true } : {};
  if (level.level_oid !== undefined) {
    const index = level.level_oid.split(".").slice(-2).join(".");
    return { kind: "supply", field: `supply ${index}`, value, oid: level.level_oid, ...pages };
  }
  const supply = supplyWords(level.description);
  const { kinds: [kind], colorant, description } = supply;
  return {
    kind: "supply",
    field: `supply ${description ?? `${kind}${colorant === undefined ? "" : ` ${colorant}`}`}${
      level.steps ? " in tens" : ""
    }`,
    value,
    supply,
    ...pages,
  };
}

const supplyKinds: [words: RegExp, kinds: string[]][] = [
  [/\bink\b/, ["ink", "inkCartridge"]],
  [/drum|photoconductor|imaging/, ["drum"]],
  [/developer/, ["developer"]],
  [/belt/, ["transferUnit"]],
  [/fuser/, ["fuser"]],
  [/toner|cartridge/, ["toner", "tonerCartridge"]],
];

function supplyWords(description: string): SupplyWords {
  const words = description.toLowerCase().replace("pf kit", "paper feeding kit");
  const colours = ["black", "cyan", "magenta", "yellow"].filter((colour) => words.includes(colour));
  const colorant = /\b(?:tri-)?colour\b/.test(words) ? "color" : colours[0];
  const kinds = supplyKinds.find(([pattern]) => pattern.test(words))?.[1];
  if (kinds === undefined) return { kinds: ["other"], description: words.replace(/ unit$/, "") };
  return { kinds, ...colorant === undefined ? {} : { colorant } };
}
