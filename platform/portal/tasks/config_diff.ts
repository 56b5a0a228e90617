/** What differs between two versions of a configuration. Pure. */
import { PlatformConfig } from "../../../proto/gen/opendca/v1/config.ts";

export interface ConfigChange {
  /** Such as `schedule.sweepIntervalSeconds` or `sites "office".ranges`. */
  path: string;
  /** Undefined: it was not there. */
  before: string | undefined;
  /** Undefined: it is gone. */
  after: string | undefined;
}

export function configChanges(before: PlatformConfig, after: PlatformConfig): ConfigChange[] {
  const old = new Map(leaves(PlatformConfig.toJSON(before), "")),
    now = new Map(leaves(PlatformConfig.toJSON(after), ""));
  return [...new Set([...old.keys(), ...now.keys()])]
    .map((path) => ({ path, before: old.get(path), after: now.get(path) }))
    .filter((change) => change.before !== change.after);
}

/** Lists of values are one leaf; sites are told apart by their names, as their order means nothing. */
function* leaves(value: unknown, path: string): Iterable<[path: string, text: string]> {
  if (Array.isArray(value)) {
    const isNamed = value.length > 0 && value.every((item) => typeof item?.name === "string");
    if (!isNamed) return yield [path, value.map(textOf).join(", ")];
    for (const { name, ...rest } of value) {
      yield [`${path} ${JSON.stringify(name)}`, JSON.stringify(name)];
      yield* leaves(rest, `${path} ${JSON.stringify(name)}`);
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) yield* leaves(item, path === "" ? key : `${path}.${key}`);
  } else yield [path, textOf(value)];
}

function textOf(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
