/** The completions of `opendca-platform completions`, as the real shells take them. */
import { denoMachine } from "../../platform/edge/cli/deno_host.ts";
import { allCommands } from "../../platform/edge/cli/run_platform.ts";
import { completions } from "../../common/cli/completions.ts";
import { testCompletions, type TypedLine } from "../fixtures/completing_shells.ts";

const lines: TypedLine[] = [
  ["opendca-platform sup", ["supply"]],
  ["opendca-platform device m", ["merge"]],
  ["opendca-platform --wide device split 10.1.0.7 --ser", ["--serial"]],
  ["opendca-platform meter export --fr", ["--from"]],
  ["opendca-platform completions ", ["bash", "fish", "zsh"]],
  ["opendca-platform nonsense --cred", []],
];
const program = allCommands(denoMachine());

testCompletions({
  name: "opendca-platform",
  completions: (shell) => Promise.resolve(completions[shell](program)),
  lines,
});
