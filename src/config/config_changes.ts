import { Secret } from "../../common/core/secret.ts";
import type { AgentConfig } from "./agent_config.ts";

/**
 * The differences between two configurations, such as `limits.timeoutMs`, `proxy.password` or `sites.berlin.ranges`
 * (names of the fields of `AgentConfig`, sites by name). The place of a value in its file does not matter.
 */
export function configChanges(before: AgentConfig, after: AgentConfig): string[] {
  const [old, now] = [leavesOf(before), leavesOf(after)];
  const paths = new Set([...old.keys(), ...now.keys()]);
  return [...paths].filter((path) => old.get(path) !== now.get(path)).sort();
}

function leavesOf({ settings: _, file: __, sites, ...sections }: AgentConfig): Map<string, string> {
  const leaves = new Map<string, string>();
  const entries: [path: string, section: object | string | null][] = [
    ...Object.entries(sections),
    ...sites.map((site): [string, object] => [`sites.${site.name}`, site]),
  ];
  for (const [path, section] of entries) {
    if (typeof section !== "object" || section === null) leaves.set(path, textOf(section));
    else for (const [key, value] of Object.entries(section)) leaves.set(`${path}.${key}`, textOf(value));
  }
  return leaves;
}

/** For comparisons only: contains secrets, as a new password is a change. */
function textOf(value: unknown): string {
  return JSON.stringify(opened(value));
}

function opened(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal();
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return value.map(opened);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      // A credential without a name is named after its line, which may change.
      key === "name" && typeof item === "string" ? item.replace(/:\d+(?= with |$)/, "") : opened(item),
    ]),
  );
}
