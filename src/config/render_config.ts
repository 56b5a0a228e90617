/** Shows the effective configuration to people and programs; the settings contain no secrets. */
import { createHash } from "node:crypto";
import { stringify } from "yaml";
import { visibleJson } from "../../common/core/visible_json.ts";
import type { AgentConfig, Setting, SettingSource } from "./agent_config.ts";

/** Three columns: key, value, source. A list has one line for each item. */
export function renderConfigText(config: AgentConfig): string {
  const rows = config.settings.flatMap(rowsOf);
  const [pathWidth, valueWidth] = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map(([path, value, source]) =>
    `${path.padEnd(pathWidth!)}  ${value.padEnd(valueWidth!)}  ${source}`.trimEnd() + "\n"
  ).join("");
}

function rowsOf({ path, value, source }: Setting): [path: string, value: string, source: string][] {
  const [first = "none", ...more] = Array.isArray(value) ? value : [value === null ? "none" : String(value)];
  return [
    [path, first, sourceText(source)],
    ...more.map((item): [string, string, string] => ["", item, ""]),
  ];
}

function sourceText(source: SettingSource): string {
  if (source.kind === "file") return source.place;
  if (source.kind === "environment") return source.variable;
  return source.kind;
}

/** `{ file, settings: [{ path, value, source }] }`. */
export function renderConfigJson(config: AgentConfig): string {
  return `${visibleJson({ file: config.file, settings: config.settings }, 2)}\n`;
}

/** Only the values, in the form of the file, as sent to the platform. */
export function effectiveConfigYaml(config: AgentConfig): string {
  const root: Record<string, unknown> = {};
  for (const { path, value } of config.settings) {
    const steps = path.split(/[.[\]]+/).filter((step) => step !== "");
    let at: Record<string, unknown> = root;
    for (const [i, step] of steps.slice(0, -1).entries()) {
      const next = at[step];
      const isTree = typeof next === "object" && next !== null;
      at = (isTree ? next : at[step] = /^\d+$/.test(steps[i + 1]!) ? [] : {}) as Record<string, unknown>;
    }
    at[steps.at(-1)!] = value;
  }
  return stringify(root);
}

/** Hexadecimal SHA-256 of `effectiveConfigYaml`. */
export function effectiveConfigHash(config: AgentConfig): string {
  return createHash("sha256").update(effectiveConfigYaml(config)).digest("hex");
}
