/** The options of `opendca scan`, checked before any packet is sent. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../../common/core/duration.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";
import { UsageError } from "../../common/core/errors.ts";
import { type CsvRows, csvRows } from "../../common/report/csv_rows.ts";

const scanFormats = ["table", "json", "jsonl", "csv", "html"] as const;
export type ScanFormat = (typeof scanFormats)[number];

export interface ScanOptions {
  community?: string[];
  credentials?: string;
  exclude?: string[];
  port: number;
  rate: number;
  /** Milliseconds. */
  timeout: number;
  retries: number;
  workers?: number;
  /** Milliseconds. */
  deadline: number;
  maxAddresses: number;
  format?: ScanFormat;
  output?: string;
  rows?: CsvRows;
  excel?: boolean;
  all?: boolean;
  quiet?: boolean;
  previewUpload?: boolean;
  config?: string;
}

/** Options of every command that reads devices; created for each command. */
export const readOptions = {
  community: () =>
    new Option("-c, --community <name>", "SNMP community, repeatable (default: public)").argParser(collect),
  credentials: () => new Option("--credentials <file>", "YAML file with communities and SNMPv3 users per range"),
  port: () => new Option("-p, --port <number>", "UDP port of the devices").argParser(integer(1, 65535)).default(161),
  timeout: () =>
    new Option(
      "--timeout <time>",
      "timeout of one request, such as 500ms or 2s; a bare number is ms",
    )
      .argParser(duration({ min: "50ms", max: "60s", bareUnit: "ms" })).default(1000, "1s"),
  retries: () => new Option("--retries <count>", "retries for a silent address").argParser(integer(0, 10)).default(1),
};

/** Declares the options with their defaults and ranges. */
export function addScanOptions(command: Command): Command {
  return command
    .addOption(readOptions.community())
    .addOption(readOptions.credentials())
    .option("--exclude <target>", "never contact these addresses; repeatable", collect)
    .addOption(readOptions.port())
    .option("--rate <packets>", "packets per second of the whole scan, 0 for no limit", integer(0, 10_000_000), 2000)
    .addOption(readOptions.timeout())
    .addOption(readOptions.retries())
    .option("--workers <count>", "scanner threads (default: by size and rate of the scan)", integer(1, 64))
    .addOption(
      new Option("--deadline <time>", "longest time for one device, such as 90s or 5m; a bare number is seconds")
        .argParser(duration({ min: "1s", max: "1h", bareUnit: "s" })).default(60_000, "60s"),
    )
    .option("--max-addresses <count>", "refuse to scan more addresses than this", integer(1, 16_777_216), 1_048_576)
    .addOption(
      new Option(
        "-f, --format <format>",
        "output format (default: by the suffix of --output, else table)",
      )
        .choices(scanFormats),
    )
    .option("-o, --output <file>", "write to this file instead of the screen; - is standard output")
    .addOption(new Option("--rows <what>", "rows of the CSV (default: printers)").choices(csvRows))
    .option("--excel", "CSV with the byte order mark that Excel needs")
    .option("-a, --all", "also list devices that are not printers")
    .option("-q, --quiet", "no progress on standard error")
    .option("--preview-upload", "print what the agent would send to the platform, and send nothing")
    .option(
      "--config <file>",
      "take credentials, settings and targets from this configuration (default, of --preview-upload alone: $OPENDCA_CONFIG, /etc/opendca/agent.yaml)",
    );
}

/** The requested format, by name or by the file's extension. Throws `UsageError` for an unknown extension. */
export function formatOf(options: Pick<ScanOptions, "format" | "output">): ScanFormat {
  if (options.format !== undefined) return options.format;
  const ending = options.output?.match(/\.([a-z]+)$/i)?.[1]?.toLowerCase();
  if (ending === undefined || ending === "txt") return "table";
  const format = ending === "ndjson" ? "jsonl" : ending === "htm" ? "html" : ending;
  const known = scanFormats.find((name) => name === format);
  if (known !== undefined) return known;
  throw new UsageError(
    `Cannot tell the format from the file name: current value is "${options.output}"`,
    `add --format ${scanFormats.join("|")}`,
  );
}

/** Parses an option that may be given several times. */
export function collect(value: string, before: string[] | undefined): string[] {
  return [...before ?? [], value];
}

/** Parses a duration to milliseconds; a number without a unit has `bareUnit`. */
export function duration(
  { min, max, bareUnit }: { min: string; max: string; bareUnit: "ms" | "s" },
): (text: string) => number {
  return (text) => {
    try {
      return parseDuration(text, { min, max, bareUnit });
    } catch (error) {
      if (!(error instanceof ValueSyntaxError)) throw error;
      throw new InvalidArgumentError(`It must be a time from ${min} to ${max}, such as ${min} or 30s.`);
    }
  };
}

/** Parses an option that is a whole number. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}
