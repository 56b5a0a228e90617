/** The options of every command, before or after its name. */
import { type Command, Option } from "commander";
import { type ColorChoice, colorChoices, hasColor } from "../../common/core/color.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { formatTextLine } from "../log/format_line.ts";
import type { EventName, LogFields } from "../log/log_record.ts";
import type { Access } from "../scan/access.ts";
import type { Host } from "./host.ts";

export interface GlobalOptions {
  color: ColorChoice;
  verbose: boolean;
}

export function addGlobalOptions(program: Command): void {
  program
    .option("-v, --verbose", "log each step to standard error; with run, log at level debug")
    .addOption(
      new Option(
        "--color <when>",
        "when to use colours; auto: on a terminal, unless NO_COLOR or CLICOLOR_FORCE say otherwise",
      )
        .choices(colorChoices).default("auto"),
    );
}

/** The arguments starting with the command's name. */
export function fromCommand(args: readonly string[]): readonly string[] {
  let at = 0;
  while (at < args.length && /^(-v+|--verbose|--color(=.*)?)$/s.test(args[at]!)) at += args[at] === "--color" ? 2 : 1;
  return args.slice(at);
}

/** A line of `--verbose` in the form of the agent's log; empty without the option. */
export function verboseLine(host: Host, event: EventName, fields: LogFields): string {
  if (host.options?.verbose !== true) return "";
  const color = hasColor({ choice: host.options.color, isTerminal: host.stderr.isTerminal, env: host.env });
  return formatTextLine({ time: host.clock.now(), level: "debug", event, fields }, { color });
}

/** The log event for the access to a device; `key` is "address port". */
export function accessEvent(key: string, { credential, seen }: Access): [EventName, LogFields] {
  const [address = "", port = ""] = key.split(" ");
  const device = formatEndpoint(address, Number(port));
  const tried = seen.map(({ name, version, saw }) => `${name} (v${version}): ${saw}`);
  return credential === null
    ? ["credentialsRefused", { device, tried }]
    : ["deviceOpened", { device, credential, tried }];
}
