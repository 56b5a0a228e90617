import type { Level, Reading } from "../../../common/reading/reading.ts";
import type { Varbind } from "../../../src/snmp/value.ts";
import { explanations } from "./explanations.ts";
import type { Fact } from "./stated.ts";

/**
 * `right`: the reading says the same. `convention`: the source's own conversion, not copied. `notRecorded`: the recording
 * does not hold the value, so that nothing could read it. `wrong`: everything else, a missing value above all.
 */
export type Verdict = "right" | "convention" | "notRecorded" | "wrong";

export interface Judgement {
  device: string;
  fact: Fact;
  /** What the document may show of either side: numbers and models, of other texts only whether they are equal. */
  stated: string;
  read: string;
  verdict: Verdict;
  reason: string;
}

/** One recorded printer as it was read. */
export interface Seen {
  name: string;
  reading: Reading;
  objects: readonly Varbind[];
  /** Model by the manifest. */
  model: string;
  /** Whether a peer's conversions of level codes are in the numbers. */
  convention: boolean;
}

/** Holds one reading against one fact. */
export function judge(seen: Seen, fact: Fact): Judgement {
  const plain = compare(seen, fact);
  const judgement = { device: seen.name, fact, reason: "", ...plain };
  const explanation = explanations.get(`${seen.name}: ${fact.field}`);
  if (judgement.verdict !== "wrong" || explanation === undefined) return judgement;
  const { verdict, reason } = explanation;
  const proven = verdict === "convention" ? isCoarser(seen, fact) : !isRecorded(seen, String(fact.value));
  return proven ? { ...judgement, verdict, reason } : { ...judgement, reason: `not explained by: ${reason}` };
}

type Compared = Pick<Judgement, "stated" | "read" | "verdict"> & { reason?: string };

function compare(seen: Seen, fact: Fact): Compared {
  const { reading } = seen;
  const value = String(fact.value);
  switch (fact.kind) {
    case "maker":
      return named(value, reading.manufacturer, value === reading.manufacturer);
    case "model":
      return named(value, reading.model, sameModel(value, reading.model));
    case "serial":
      return hidden(reading.serial, reading.serial === value);
    case "firmware":
      return hidden(reading.firmware, reading.firmware === value);
    case "mac":
      return hidden(reading.mac, fact.others!.includes(reading.mac ?? ""));
    case "panel":
      // The source lower-cases it.
      return hidden(reading.status.panel, reading.status.panel?.toLowerCase() === value);
    case "meter":
      return compareMeter(seen, fact);
    case "supply":
      return compareLevel(supplyOf(seen, fact), { seen, fact });
    case "tray": {
      const index = fact.oid!.split(".").slice(-2).join(".");
      return compareLevel(reading.trays.find((tray) => tray.index === index)?.level, { seen, fact });
    }
  }
}

function named(stated: string, read: string | null, right: boolean): Compared {
  return { stated, read: read ?? "nothing", verdict: right ? "right" : "wrong" };
}

function hidden(read: string | null, right: boolean): Compared {
  return {
    stated: "stated",
    read: right ? "equal" : read === null ? "nothing" : "different",
    verdict: verdictOf(right),
  };
}

function verdictOf(right: boolean): Verdict {
  return right ? "right" : "wrong";
}

/** Models are the same when they are but for case, punctuation, the maker and words such as "series". */
export function sameModel(stated: string, read: string | null): boolean {
  return read !== null && bareModel(stated) !== "" && bareModel(stated) === bareModel(read);
}

function bareModel(text: string): string {
  return text.toLowerCase().replace(/^(?:dell|hp|samsung|xerox)\b/, "")
    .replace(/\b(?:series|family|printer|all-in-one)\b|[^a-z0-9]/g, "");
}

function compareMeter({ reading }: Seen, fact: Fact): Compared {
  const name = fact.field.replace("meter ", "");
  const meter = reading.meters.find((meter) => meter.name === name);
  return {
    stated: String(fact.value),
    read: meter === undefined ? "nothing" : String(meter.value),
    verdict: verdictOf(meter?.value === fact.value),
  };
}

function supplyOf({ reading }: Seen, fact: Fact): Level | undefined {
  if (fact.supply === undefined) {
    return reading.supplies.find(({ index }) => fact.oid!.endsWith(`.43.11.1.1.9.${index}`))?.level;
  }
  const { kinds, colorant, description } = fact.supply;
  const alike = reading.supplies.filter((supply) =>
    kinds.includes(supply.kind) &&
    (description === undefined || supply.description.toLowerCase().startsWith(description))
  );
  const coloured = alike.filter((supply) => colorant === undefined || supply.colorant === colorant);
  // A part that the source gives a colour may have none here only where there is one of it.
  return coloured.length > 0 ? coloured[0]!.level : alike.length === 1 ? alike[0]!.level : undefined;
}

function compareLevel(level: Level | undefined, { seen, fact }: { seen: Seen; fact: Fact }): Compared {
  const stated = fact.pages ? `${fact.value} pages` : `${Math.round(Number(fact.value))} %`;
  const read = level === undefined ? "nothing" : shown(level, fact.pages);
  const code = codeOf(seen, fact);
  if (level !== undefined && seen.convention && code !== undefined) {
    return { stated, read, verdict: level.kind === code.kind ? "convention" : "wrong", reason: code.reason };
  }
  if (level === undefined) return { stated, read, verdict: "wrong" };
  if (fact.pages) {
    return { stated, read, verdict: verdictOf(level.level === fact.value && level.unit === "impressions") };
  }
  return { stated, read, verdict: verdictOf(samePercent(level, Number(fact.value))) };
}

function shown(level: Level, pages?: boolean): string {
  if (pages && level.level !== null) return `${level.level} pages`;
  return level.percent === null ? level.kind : `${level.percent} %`;
}

/** Whether a share is the stated percentage, cut off or rounded either way; without a share only the same number is. */
function samePercent(level: Level, stated: number): boolean {
  if (level.percent === null) return false;
  const share = level.level !== null && level.capacity !== null ? level.level / level.capacity * 100 : level.percent;
  return Math.floor(share) <= stated && stated <= Math.ceil(share);
}

/** What a peer makes of the codes of RFC 3805, when the recorded level is one and the stated number is what it makes. */
function codeOf(seen: Seen, fact: Fact): { kind: Level["kind"]; reason: string } | undefined {
  const raw = Number(seen.objects.find(({ oid }) => oid === fact.oid)?.value);
  if (raw === -3 && fact.value === 50) return { kind: "some", reason: "-3 (some left) is 50 % there" };
  if (raw === -1 && fact.value === 0) return { kind: "unlimited", reason: "-1 (no restriction) is 0 % there" };
  return undefined;
}

/** Whether the source says the same less exactly: percent rounded up to tens, the series or one name of two for the model. */
function isCoarser(seen: Seen, fact: Fact): boolean {
  if (fact.kind === "model") {
    const read = seen.reading.model ?? "";
    return sameModel(seen.model, read) || read.split("/").some((name) => sameModel(String(fact.value), name));
  }
  const percent = supplyOf(seen, fact)?.percent ?? null;
  return percent !== null && Math.ceil(percent / 10) * 10 === fact.value;
}

/** prtMarkerSuppliesTable: a cartridge names the models that it fits, which is not the device's word on itself. */
const suppliesTable = "1.3.6.1.2.1.43.11.";

/**
 * Whether a text is anywhere among the recorded values but the supplies'. One of less than four characters is found
 * everywhere and proves nothing.
 */
function isRecorded({ objects }: Seen, text: string): boolean {
  const wanted = text.toLowerCase().replace(/ (?:series|family)$/, "");
  const decoder = new TextDecoder("latin1");
  return wanted.length >= 4 &&
    objects.some(({ oid, value }) =>
      value instanceof Uint8Array && !oid.startsWith(suppliesTable) &&
      decoder.decode(value).toLowerCase().includes(wanted)
    );
}
