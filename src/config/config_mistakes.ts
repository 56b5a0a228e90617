import { ConfigError } from "../../common/core/errors.ts";
import type { YamlMistake } from "./yaml_reader.ts";

/** All mistakes of one file, in the order of its lines; the message alone shows the first. */
export class ConfigMistakesError extends ConfigError {
  constructor(readonly mistakes: readonly ConfigError[]) {
    const [first] = mistakes;
    const more = mistakes.length > 1 ? ` (and ${mistakes.length - 1} more: opendca config check lists them)` : "";
    super(`${first?.message}${more}`, first?.hint);
  }
}

/** Throws `ConfigMistakesError` if there are any. */
export function throwMistakes(mistakes: readonly YamlMistake[]): void {
  if (mistakes.length > 0) throw new ConfigMistakesError(mistakes.toSorted((a, b) => a.offset - b.offset));
}
