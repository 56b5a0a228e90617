/** `--version` at once: without the parser and all that the commands need, which take several times as long to load. */
import { versionJson, versionText } from "../cli/build_facts.ts";
import { version } from "../cli/version.ts";
import { standardOutput } from "../../common/host/terminal.ts";
import { denoBuildFacts } from "./build_facts.ts";

/** Whether it was asked for and written. If the write fails, the command line tries again, and says why. */
export async function quickVersion(args: readonly string[]): Promise<boolean> {
  const rest = args.filter((arg) => arg !== "--json");
  if (rest.length !== 1 || !/^(-V|--version)$/.test(rest[0]!) || args.length > 2) return false;
  const program = { program: "opendca", version };
  const text = args.length === 2 ? versionJson(program, denoBuildFacts()) : versionText(program, denoBuildFacts());
  return await standardOutput().write(`${text}\n`).then(() => true, () => false);
}
