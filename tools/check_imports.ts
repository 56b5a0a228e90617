/**
 * Import directions: which folder may know which. A folder that is not named here is a mistake as well.
 * Run by `deno task imports`; prints each import that points the wrong way and fails.
 */

const pure = ["common/reading", "core", "snmp", "targets", "credentials", "printers"];
/** What the agent as a service is made of. */
const service = [
  "activation",
  "config",
  "inventory",
  "ledger",
  "log",
  "poll",
  "proto",
  "schedule",
  "spool",
  "tasks",
  "transport",
  "uplink",
];
const allowed: Record<string, string[]> = {
  "common/reading": [],
  "src/core": [],
  "src/snmp": ["core", "credentials"],
  "src/targets": ["core"],
  "src/credentials": ["core", "targets", "snmp"],
  "src/log": ["core"],
  "src/config": ["core", "credentials", "log", "targets"],
  "src/printers": ["core", "snmp", "common/reading"],
  "src/report": ["core", "printers", "common/reading"],
  "src/recording": ["core", "snmp", "printers"],
  "src/scanner": pure,
  "src/supervisor": [...pure, "scanner"],
  "src/spool": ["core"],
  "src/ledger": ["core"],
  "src/inventory": ["core", "printers", "common/reading"],
  "src/schedule": ["core", "config", "printers", "inventory"],
  "src/transport": ["core", "proto"],
  "src/uplink": ["core", "config", "printers", "spool", "transport", "proto"],
  "src/activation": ["core", "transport", "uplink", "proto"],
  "src/poll": ["core", "transport", "uplink", "proto"],
  "src/tasks": ["core", "config", "proto"],
  "src/doctor": [...pure, "scanner", "config", "activation", "transport", "spool", "proto", "host", "agent"],
  "src/agent": [...pure, ...service, "scanner", "supervisor"],
  "src/cli": [...pure, ...service, "scanner", "supervisor", "report", "recording", "doctor", "agent"],
  "src/host": [...pure, ...service, "scanner", "supervisor", "agent", "cli"],
  "src": ["cli", "host", "core"],
  ".": ["cli", "."],
  "workers": ["core", "host", "scanner", "snmp"],
  // The demo tells the whole story, and so knows whom it is about.
  "simulator": ["core", "snmp", "recording", "cli", "host", ".", "printers", "report", "uplink", "proto", "platform"],
  "platform": ["common/reading", "core", "proto"],
  "proto": [],
};

const root = new URL("../", import.meta.url);
/** Also of a module that is loaded when it is needed. */
const importPattern = /(?:^\s*(?:import|export)\b[^;]*?from\s+|\bimport\()"(\.[^"]+\.ts)"/gm;

function folderOf(path: string): string {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : ".";
  if (/^(?:src|common)\//.test(folder)) return folder.split("/").slice(0, 2).join("/");
  return folder.split("/")[0]!;
}

/** Wrong imports of one file, as sentences. */
function wrongImports(path: string, text: string): string[] {
  const from = folderOf(path);
  const may = allowed[from];
  if (may === undefined) return [`${path}: the folder ${from} is not known to tools/check_imports.ts`];
  const wrong: string[] = [];
  for (const [, target] of text.matchAll(importPattern)) {
    const to = folderOf(new URL(target!, new URL(path, "file:///")).pathname.slice(1));
    const name = to.replace(/^src\//, "").replace(/^src$/, ".");
    if (to !== from && !may.includes(name)) wrong.push(`${path} imports ${target}: ${from} may not know ${to}`);
  }
  return wrong;
}

function* sourceFiles(folder: URL, prefix: string): Iterable<string> {
  for (const entry of Deno.readDirSync(folder)) {
    if (entry.isDirectory) {
      if (!/^(\.|node_modules$|dist$|tests$|bench$|docs$|tools$)/.test(entry.name)) {
        yield* sourceFiles(new URL(`${entry.name}/`, folder), `${prefix}${entry.name}/`);
      }
    } else if (/\.ts$/.test(entry.name) && !/_test\.ts$/.test(entry.name)) yield `${prefix}${entry.name}`;
  }
}

if (import.meta.main) {
  const wrong = [...sourceFiles(root, "")].flatMap((path) =>
    wrongImports(path, Deno.readTextFileSync(new URL(path, root)))
  );
  for (const line of wrong) console.error(line);
  if (wrong.length > 0) throw new Error(`${wrong.length} files or imports are where they may not be`);
}
