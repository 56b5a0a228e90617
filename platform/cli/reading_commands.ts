import type { Command } from "commander";
import { Record as RecordMessage } from "../../proto/gen/opendca/v1/batch.ts";
import { type Level, LevelKind, PrinterState, type Reading, type Supply } from "../../proto/gen/opendca/v1/reading.ts";
import { latestReadings } from "../store/readings.ts";
import { type CommandContext, customerOption } from "./command_context.ts";
import { renderRows, timeText } from "./table.ts";

/** `reading list`: what was received, as it was received. */
export function addReadingCommands(program: Command, context: CommandContext): void {
  const reading = program.command("reading").description("what agents read");
  reading.command("list").description("the latest full reading of each device; --json prints all of it")
    .option(...customerOption)
    .action((_, command: Command) =>
      context.runForCustomer(command, (_, tenant) => {
        const records = latestReadings(tenant).map(({ record, ...row }) => ({
          ...row,
          record: RecordMessage.decode(record),
        }));
        const headings = ["ADDRESS", "MAKER", "MODEL", "STATE", "TOTAL", "READ", "SUPPLIES"];
        return {
          json: records.map(({ record, observed_at, ...row }) => ({
            ...row,
            observed_at: new Date(observed_at).toISOString(),
            record: RecordMessage.toJSON(record),
          })),
          text: renderRows(
            headings,
            records.flatMap(({ record: { content }, observed_at }) =>
              content?.$case === "reading" ? [cellsOf(content.value, observed_at)] : []
            ),
          ),
        };
      })
    );
}

function cellsOf(reading: Reading, observedAt: number) {
  const { address, manufacturer = null, model = null, status, meters, supplies } = reading;
  const state = PrinterState[status?.state ?? PrinterState.UNSPECIFIED].toLowerCase();
  const total = meters.find(({ name }) => name === "total")?.value ?? null;
  // The lowest first, as a long cell is cut.
  const lowest = [...supplies].sort((a, b) => rankOf(a.level) - rankOf(b.level)).map(supplyText).join(", ");
  return [address, manufacturer, model, state, total, timeText(observedAt), lowest];
}

/** "black toner 44%"; a supply of a kind that says nothing is called as the device calls it. */
export function supplyText({ kind, colorant, description, level }: Supply): string {
  const isNamed = (kind === "other" || kind === "unknown" || kind === "") && description !== "";
  const name = isNamed ? description : colorant === "none" || colorant === "" ? kind : `${colorant} ${kind}`;
  return `${name} ${levelText(level)}`;
}

function levelText(level: Level | undefined): string {
  switch (level?.kind) {
    case LevelKind.EXACT:
      return `${Math.round(level.percent ?? 0)}%`;
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

function rankOf(level: Level | undefined): number {
  return level?.kind === LevelKind.EMPTY ? 0 : level?.kind === LevelKind.EXACT ? level.percent ?? 0 : 101;
}
