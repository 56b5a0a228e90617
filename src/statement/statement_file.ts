/** A statement as the platform exports it (docs/billing.md). Its fields are checked where they are used. */
import { UsageError } from "../../common/core/errors.ts";

export interface StepMark {
  kind: string;
  beforeAt?: number;
  at?: number;
  before?: number | string;
  after?: number | string;
  counted?: number;
  modulus?: number;
  peak?: number;
  base?: number;
  /** Of a merged device: the parts that the two readings are of. */
  beforePart?: string;
  part?: string;
}

export interface Reading {
  at: string;
  value: number;
  device: string;
  minutesAfterBegin?: number;
  minutesBeforeEnd?: number;
}

export interface Row {
  row: number;
  device: { id: string; serial: string | null };
  meter: string;
  unit: string;
  first: Reading | null;
  last: Reading | null;
  counted: number;
  estimated: number;
  corrected: number;
  adjusted: number;
  billed: number;
  marks: StepMark[];
}

export interface ProvedReading {
  reading: number;
  device: string;
  at: string;
  /** Why it has no proof; the rest is there if it has one. */
  missing?: string;
  agent?: string;
  batch?: number;
  index?: number;
  path?: string;
  record?: string;
}

export interface BatchLine {
  batch: number;
  agent: string;
  epoch: string;
  sequence: number;
  batchId: string;
  records: number;
  root: string;
  previous: string;
  fault: string;
  certificate: string;
  signature: string;
}

/** Batches that stand between: see common/protocol/batch_links.ts. */
export interface LinksLine {
  /** Number of the first of them. */
  batch: number;
  agent: string;
  epoch: string;
  sequence: number;
  links: string;
}

export interface StatementFile {
  statement: {
    number: number;
    period: { fromDay: string; toDay: string; zone: string; from: string; until: string };
    rows: number;
  };
  hash: string;
  signature: { keyId: string; publicKey: string; value: string };
  rows: Row[];
  readings: ProvedReading[];
  batches: (BatchLine | LinksLine)[];
  certificates: { certificate: string; der: string }[];
}

type Shape = "string" | "number" | "boolean" | "any" | "string or null" | readonly [Shape] | { [name: string]: Shape };

const reading = { at: "string", value: "number", device: "string" } as const;
const readingOrNull = (more: { [name: string]: Shape }) => ({ "or null": "any" as const, ...reading, ...more });

/* `name?`: may be missing. */
const shape: Shape = {
  statement: {
    form: "number",
    number: "number",
    customer: { id: "string", name: "string" },
    "site?": { id: "string", name: "string" },
    "device?": "string",
    period: { fromDay: "string", toDay: "string", zone: "string", from: "string", until: "string" },
    "meters?": ["string"],
    estimate: "boolean",
    madeAt: "string",
    madeBy: "string",
    "supersedes?": "number",
    rows: "number",
  },
  hash: "string",
  signature: { keyId: "string", publicKey: "string", value: "string" },
  rows: [{
    row: "number",
    device: {
      id: "string",
      serial: "string or null",
      manufacturer: "string or null",
      model: "string or null",
      siteId: "string",
      site: "string",
      network: "string",
      address: "string",
    },
    meter: "string",
    unit: "string",
    first: readingOrNull({ minutesAfterBegin: "number" }),
    last: readingOrNull({ minutesBeforeEnd: "number" }),
    counted: "number",
    estimated: "number",
    corrected: "number",
    adjusted: "number",
    billed: "number",
    // Each kind has others.
    marks: [{ "any other": "any", kind: "string" }],
    notes: ["string"],
  }],
  readings: [{
    reading: "number",
    device: "string",
    at: "string",
    "missing?": "string",
    "agent?": "string",
    "batch?": "number",
    "index?": "number",
    "path?": "string",
    "record?": "string",
  }],
  batches: [{
    "or": { batch: "number", agent: "string", epoch: "string", sequence: "number", links: "string" },
    batch: "number",
    agent: "string",
    epoch: "string",
    sequence: "number",
    batchId: "string",
    records: "number",
    root: "string",
    previous: "string",
    fault: "string",
    certificate: "string",
    signature: "string",
  }],
  certificates: [{ certificate: "string", der: "string" }],
};

/** Throws UsageError for what is no statement. */
export function parseStatement(text: string): StatementFile {
  const file = parsedJson(text);
  const wrong = misfit(file, shape, "the file");
  if (wrong !== undefined) throw notOne(`${wrong} is not as a statement has it`);
  return file as StatementFile;
}

/* Of a statement; `canonicalJson` calls itself as deep as the text goes. */
const mostDepth = 20;

/** What reads the same to everybody: each key once in its object, and numbers as JSON writes them. Throws UsageError. */
function parsedJson(text: string): unknown {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (cause) {
    throw notOne("it is no JSON in UTF-8", cause);
  }
  let depth = 0, keys = 0;
  for (const [token, colon] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[[\]{}]|-?\d[\d.eE+-]*/g)) {
    if (token[0] === '"') keys += colon === undefined ? 0 : 1;
    else if (/^[[{]/.test(token) && ++depth > mostDepth) throw notOne(`it is nested in more than ${mostDepth} levels`);
    else if (/^[\]}]/.test(token)) depth--;
    else if (/\d/.test(token) && JSON.stringify(Number(token)) !== token) {
      throw notOne(`the number ${token.slice(0, 40)} is not written as JSON.stringify() does`);
    }
  }
  if (keys !== countKeys(file)) throw notOne("an object has a key twice");
  return file;
}

function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce((sum: number, each) => sum + countKeys(each), own);
}

/** What does not have the shape; undefined if all does. */
function misfit(value: unknown, wanted: Shape, name: string): string | undefined {
  if (wanted === "any") return undefined;
  if (wanted === "string or null") return value === null || typeof value === "string" ? undefined : name;
  if (typeof wanted === "string") {
    const kind: string = typeof value;
    return kind === wanted ? undefined : name;
  }
  if (isList(wanted)) {
    if (!Array.isArray(value)) return name;
    for (const [i, each] of value.entries()) {
      const wrong = misfit(each, wanted[0], `${name}, ${i + 1},`);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }
  if (value === null && "or null" in wanted) return undefined;
  if (wanted.or !== undefined && misfit(value, wanted.or, name) === undefined) return undefined;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return name;
  const { "or null": _, or: __, "any other": other, ...fields } = wanted;
  for (const [field, inner] of Object.entries(fields)) {
    const own = field.replace(/\?$/, "");
    if (!Object.hasOwn(value, own)) {
      if (own === field) return `"${own}" of ${name}`;
      continue;
    }
    const wrong = misfit((value as Record<string, unknown>)[own], inner, `"${own}" of ${name}`);
    if (wrong !== undefined) return wrong;
  }
  const unknown = Object.keys(value).find((key) => !Object.hasOwn(fields, key) && !Object.hasOwn(fields, `${key}?`));
  return unknown === undefined || other !== undefined ? undefined : `"${unknown}" of ${name}`;
}

function isList(wanted: Shape): wanted is readonly [Shape] {
  return Array.isArray(wanted);
}

function notOne(why: string, cause?: unknown): UsageError {
  return new UsageError(
    `Cannot read the file as a statement: ${why}`,
    "opendca-platform billing export NUMBER --as json makes one",
    { cause },
  );
}
