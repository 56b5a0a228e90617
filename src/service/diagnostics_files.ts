/** The texts of the diagnostics bundle. None of them can hold a secret: each is what the agent shows or logs anyway. */
import type { AgentConfig } from "../config/agent_config.ts";
import { renderConfigText } from "../config/render_config.ts";
import type { DiagnosticsFile } from "../tasks/pack_diagnostics.ts";

export interface DiagnosticsParts {
  config: AgentConfig;
  status: unknown;
  now: Date;
  logHours: number;
  readTextFile(path: string): Promise<string>;
}

/** The log is there when it is a file; what the system's journal holds is the system's. */
export async function diagnosticsFiles(parts: DiagnosticsParts): Promise<DiagnosticsFile[]> {
  const { config, now, logHours } = parts;
  const files = [
    { name: "status.json", text: JSON.stringify(parts.status, null, 2) + "\n" },
    { name: "config.txt", text: renderConfigText(config) },
  ];
  const { file } = config.log;
  if (file === null) {
    return [...files, { name: "log.txt", text: "The log goes to standard output, and not to a file\n" }];
  }
  const since = new Date(now.getTime() - logHours * 3_600_000).toISOString();
  const names = [...Array(file.keep).keys()].map((i) => `${file.path}.${file.keep - i}`).concat(file.path);
  const texts = await Promise.all(names.map((name) => parts.readTextFile(name).catch(() => ""))); // Not there yet.
  return [...files, { name: "agent.jsonl", text: linesSince(texts.join(""), since) }];
}

/** Lines begin with their time, so that text compares as time does. */
function linesSince(text: string, since: string): string {
  const kept = text.split("\n").filter((line) => (/"time":"([^"]+)"/.exec(line)?.[1] ?? "") >= since);
  return kept.length === 0 ? "" : kept.join("\n") + "\n";
}
