/**
 * The small inputs of ../shared/cases: what public reports and mutations of them say of one device each, read as the agent
 * would read the device. A case states few facts, and all of them have to be right.
 */
import { interpretReadings } from "../../../src/printers/interpret_reading.ts";
import type { Level, Reading, Supply } from "../../../common/reading/reading.ts";
import { simulateRead } from "../../../src/recording/replay.ts";
import { parseSnmprec } from "../../../src/recording/snmprec.ts";
import { simulatedContext } from "./survey.ts";

/** What a case states; `expected/NAME.json` has a word for each. */
export interface Expectation {
  meters?: Record<string, number>;
  manufacturer?: string;
  model?: string;
  serial?: string;
  firmware?: string;
  mac?: string;
  panel?: string;
  state?: string;
  printer?: boolean;
  errors?: string[];
  noErrors?: string[];
  notModel?: string;
  notSerial?: string;
  severalPrinters?: boolean;
  /** Each a row of its own. */
  supplies?: ExpectedSupply[];
}

export interface ExpectedSupply {
  kind: string;
  /** Null for any. */
  colorant: string | null;
  level: number | "some" | "empty";
}

export interface Case {
  name: string;
  what: string;
  stated: number;
  wrong: string[];
}

/** What was read at one address. */
export interface CaseReadings {
  printer: boolean;
  readings: readonly [Reading, ...Reading[]];
}

/** Reads every case below `root`, the folder of cases; throws when there are suspiciously few, or a word is not known. */
export function surveyCases(root: string): Case[] {
  const names = [...Deno.readDirSync(`${root}recordings`)].map(({ name }) => name.replace(/\.snmprec$/, "")).sort();
  if (names.length < 60) throw new Error(`Cannot survey ${root} as it holds only ${names.length} cases`);
  return names.map((name): Case => {
    const { what, expected } = JSON.parse(Deno.readTextFileSync(`${root}expected/${name}.json`));
    const { objects } = parseSnmprec(Deno.readTextFileSync(`${root}recordings/${name}.snmprec`));
    const { store, profile, recognised } = simulateRead(objects);
    const [first, ...others] = interpretReadings(store, { ...simulatedContext, profile }).map(({ reading }) => reading);
    return { name, what, ...judgeCase({ printer: recognised.printer, readings: [first!, ...others] }, expected) };
  });
}

/** Holds what was read at one address against what the case states. */
export function judgeCase(
  { printer, readings }: CaseReadings,
  expected: Expectation,
): Pick<Case, "stated" | "wrong"> {
  const [first] = readings;
  const facts: [text: string, right: boolean][] = [];
  const equal = (field: string, stated: unknown, read: unknown) =>
    facts.push([`${field}: ${stated}, read ${read ?? "nothing"}`, stated === read]);
  const words: { [word in keyof Required<Expectation>]: (stated: Required<Expectation>[word]) => void } = {
    meters(meters) {
      for (const [name, value] of Object.entries(meters)) {
        equal(`meter ${name}`, value, first.meters.find((meter) => meter.name === name)?.value);
      }
    },
    manufacturer: (stated) => equal("manufacturer", stated, first.manufacturer),
    model: (stated) => equal("model", stated, first.model),
    serial: (stated) => equal("serial", stated, first.serial),
    firmware: (stated) => equal("firmware", stated, first.firmware),
    mac: (stated) => equal("mac", stated, first.mac),
    panel: (stated) => equal("panel", stated, first.status.panel),
    state: (stated) => equal("state", stated, first.status.state),
    printer: (stated) => equal("printer", stated, printer),
    errors: (stated) => stated.forEach((error) => facts.push([`no ${error}`, first.status.errors.includes(error)])),
    noErrors: (stated) => stated.forEach((error) => facts.push([error, !first.status.errors.includes(error)])),
    notModel: (stated) => facts.push([`model is ${first.model}`, !(first.model ?? "").includes(stated)]),
    notSerial: (stated) => facts.push([`serial is ${first.serial}`, first.serial !== stated]),
    severalPrinters(stated) {
      const isSaid = first.problems.some(({ code, message }) => code === "several-printers" && /\d/.test(message));
      facts.push(["several printers are not told apart", (readings.length > 1 || isSaid) === stated]);
    },
    supplies(rows) {
      const missing = missingSupplies(rows, first.supplies);
      rows.forEach((row) => facts.push([`supply ${JSON.stringify(row)}`, !missing.includes(row)]));
    },
  };
  for (const [word, stated] of Object.entries(expected)) {
    if (!(word in words)) throw new Error(`Cannot judge a case as the word "${word}" is not known`);
    (words as Record<string, (stated: unknown) => void>)[word]!(stated);
  }
  return { stated: facts.length, wrong: facts.filter(([, right]) => !right).map(([text]) => text) };
}

/** Expected rows without a row of their own among the supplies; those that state a colorant choose first. */
function missingSupplies(rows: readonly ExpectedSupply[], supplies: readonly Supply[]): ExpectedSupply[] {
  const free = new Set(supplies);
  const choosy = [...rows].sort((a, b) => Number(a.colorant === null) - Number(b.colorant === null));
  return choosy.filter((row) => {
    const found = [...free].find(({ kind, colorant, level }) =>
      kind === row.kind && (row.colorant === null || colorant === row.colorant) && isLevel(level, row.level)
    );
    if (found !== undefined) free.delete(found);
    return found === undefined;
  });
}

function isLevel(level: Level, stated: ExpectedSupply["level"]): boolean {
  return typeof stated === "number" ? level.percent === stated : level.kind === stated;
}
