/**
 * Import directions: which folder may know which (see CONTRIBUTING.md). Run by `deno task imports`. It prints and fails on
 * each import along an arrow that is not listed, each folder that is not listed, each listed arrow that no import uses,
 * and each circle of folders.
 */

const shared = ["common/core", "common/reading"];

/** From the bottom up: what a folder may know stands before it. The picture in CONTRIBUTING.md has it from the top down. */
export const allowed: Record<string, string[]> = {
  "proto": [],
  "common/core": [],
  "common/cli": [],
  "common/reading": ["common/core", "proto"],
  "common/report": shared,
  "common/protocol": ["common/core", "proto"],
  "common/host": ["common/core"],
  "common/release": ["common/core", "common/protocol", "common/host"],

  "src/log": ["common/core"],
  "src/snmp": ["common/core"],
  "src/targets": ["common/core"],
  "src/config": [...shared, "common/protocol", "src/log", "src/snmp", "src/targets"],
  "src/printers": ["common/reading", "src/snmp"],
  "src/recording": ["common/core", "src/snmp", "src/printers"],
  "src/scan": [...shared, "src/snmp", "src/targets", "src/printers"],
  "src/schedule": ["common/core", "src/config"],
  "src/store": [...shared, "common/host", "proto"],
  "src/link": [...shared, "common/protocol", "common/host", "proto", "src/store"],
  "src/activation": ["common/core", "common/protocol", "common/host", "proto", "src/link"],
  "src/statement": ["common/core", "common/protocol", "common/reading", "proto"],
  "src/tasks": [
    "common/core",
    "common/protocol",
    "common/host",
    "proto",
    "src/targets",
    "src/config",
    "src/schedule",
    "src/store",
  ],
  "src/access": [
    "common/core",
    "common/reading",
    "common/protocol",
    "common/host",
    "proto",
    "src/config",
    "src/store",
    "src/tasks",
  ],
  "src/update": [
    "common/core",
    "common/host",
    "common/release",
    "proto",
    "src/log",
    "src/config",
    "src/link",
  ],
  "src/service": [
    ...shared,
    "common/protocol",
    "common/host",
    "proto",
    "src/log",
    "src/snmp",
    "src/targets",
    "src/config",
    "src/printers",
    "src/scan",
    "src/schedule",
    "src/store",
    "src/link",
    "src/activation",
    "src/tasks",
    "src/update",
  ],
  "src": [
    "common/core",
    "common/host",
    "common/reading",
    "src/log",
    "src/targets",
    "src/config",
    "src/store",
    "src/link",
    "src/activation",
    "src/tasks",
    "src/access",
    "src/update",
    "src/service",
  ],
  "src/doctor": [
    "common/core",
    "common/host",
    "src/snmp",
    "src/targets",
    "src/config",
    "src/printers",
    "src/scan",
    "src/store",
    "src/link",
    "src/activation",
    "src/service",
  ],
  "src/cli": [
    ...shared,
    "common/cli",
    "common/host",
    "common/release",
    "common/report",
    "src/log",
    "src/snmp",
    "src/targets",
    "src/config",
    "src/printers",
    "src/recording",
    "src/scan",
    "src/schedule",
    "src/store",
    "src/link",
    "src/activation",
    "src/statement",
    "src/tasks",
    "src/access",
    "src/update",
    "src/service",
    "src",
    "src/doctor",
  ],
  "src/host": [
    "common/core",
    "common/host",
    "src/log",
    "src/snmp",
    "src/targets",
    "src/scan",
    "src/store",
    "src/update",
    "src/service",
    "src/doctor",
    "src/cli",
  ],
  ".": ["src/cli", "src/host"],

  "platform/store": ["common/core", "common/reading", "proto"],
  "platform/audit": ["platform/store"],
  "platform/events": ["platform/store"],
  "platform/keys": ["common/core", "common/protocol", "common/host"],
  "platform/customers": ["common/core", "platform/store", "platform/audit"],
  "platform/agents": [
    "common/core",
    "common/protocol",
    "proto",
    "platform/store",
    "platform/audit",
    "platform/events",
    "platform/keys",
    "platform/customers",
  ],
  "platform/releases": [
    "common/core",
    "common/host",
    "common/release",
    "proto",
    "platform/store",
    "platform/audit",
    "platform/customers",
    "platform/agents",
  ],
  "platform/tasks": [
    "common/core",
    "common/protocol",
    "proto",
    "platform/store",
    "platform/audit",
    "platform/events",
    "platform/agents",
    "platform/releases",
  ],
  "platform/devices": [
    ...shared,
    "common/protocol",
    "proto",
    "platform/store",
    "platform/audit",
    "platform/events",
    "platform/customers",
    "platform/agents",
    "platform/releases",
    "platform/tasks",
  ],
  "platform/alerts": [
    "common/core",
    "common/reading",
    "proto",
    "platform/store",
    "platform/audit",
    "platform/customers",
    "platform/agents",
    "platform/devices",
  ],
  "platform/access": [
    "common/core",
    "common/protocol",
    "common/host",
    "proto",
    "platform/store",
    "platform/audit",
    "platform/agents",
    "platform/tasks",
    "platform/devices",
  ],
  "platform/mail": ["common/core", "common/host", "platform/store", "platform/keys"],
  "platform/users": [
    "common/core",
    "platform/store",
    "platform/audit",
    "platform/keys",
    "platform/mail",
    "platform/customers",
    "platform/agents",
  ],
  "platform/sso": [
    "common/core",
    "common/host",
    "platform/store",
    "platform/audit",
    "platform/keys",
    "platform/customers",
    "platform/users",
  ],
  "platform/billing": [
    "common/core",
    "common/protocol",
    "common/reading",
    "platform/store",
    "platform/audit",
    "platform/mail",
    "platform/customers",
    "platform/users",
    "platform/devices",
  ],
  "platform/interfaces": [
    "common/core",
    "common/host",
    "platform/store",
    "platform/audit",
    "platform/events",
    "platform/keys",
    "platform/customers",
    "platform/agents",
    "platform/tasks",
    "platform/devices",
    "platform/access",
  ],
  "platform/trust": [
    "common/core",
    "proto",
    "platform/store",
    "platform/audit",
    "platform/customers",
    "platform/users",
  ],
  "platform/edge/connections": ["common/core"],
  "platform/edge/grpc": [
    "common/core",
    "common/protocol",
    "proto",
    "platform/keys",
    "platform/agents",
    "platform/releases",
    "platform/tasks",
    "platform/devices",
    "platform/edge/connections",
  ],
  "platform/edge/mqtt": [
    "common/core",
    "common/host",
    "common/protocol",
    "proto",
    "platform/store",
    "platform/audit",
    "platform/keys",
    "platform/agents",
    "platform/tasks",
    "platform/devices",
    "platform/edge/connections",
  ],
  "platform/edge/ssh": [
    "common/core",
    "common/host",
    "common/protocol",
    "platform/keys",
    "platform/agents",
    "platform/access",
    "platform/edge/connections",
  ],
  "platform/edge/http": [
    "common/core",
    "common/host",
    "common/report",
    "platform/keys",
    "platform/access",
    "platform/edge/connections",
  ],
  "platform/portal/words": ["platform/users"],
  "platform/portal/page": [
    "platform/store",
    "platform/audit",
    "platform/customers",
    "platform/agents",
    "platform/users",
    "platform/portal/words",
  ],
  "platform/portal/sign_in": ["common/core", "platform/sso", "platform/users", "platform/portal/page"],
  "platform/portal/fleet": [
    "common/core",
    "common/reading",
    "common/report",
    "proto",
    "platform/agents",
    "platform/devices",
    "platform/alerts",
    "platform/portal/words",
    "platform/portal/page",
    "platform/users",
  ],
  "platform/portal/work": [
    "common/core",
    "common/reading",
    "proto",
    "platform/agents",
    "platform/releases",
    "platform/tasks",
    "platform/access",
    "platform/users",
    "platform/portal/words",
    "platform/portal/page",
    "platform/portal/fleet",
    "platform/audit",
  ],
  "platform/portal/billing": [
    "common/core",
    "platform/audit",
    "platform/billing",
    "platform/users",
    "platform/portal/page",
  ],
  "platform/portal/people": [
    "common/core",
    "common/report",
    "platform/store",
    "platform/audit",
    "platform/sso",
    "platform/customers",
    "platform/users",
    "platform/portal/words",
    "platform/portal/page",
    "platform/portal/sign_in",
  ],
  "platform/edge/rest": [
    "common/core",
    "platform/audit",
    "platform/customers",
    "platform/agents",
    "platform/tasks",
    "platform/access",
    "platform/users",
    "platform/interfaces",
    "platform/edge/connections",
  ],
  "platform/edge/metrics": ["common/core", "platform/agents", "platform/interfaces"],
  "platform/portal/trust": [
    "common/core",
    "platform/trust",
    "platform/users",
    "platform/portal/words",
    "platform/portal/page",
  ],
  "platform/portal": [
    "common/core",
    "platform/keys",
    "platform/customers",
    "platform/mail",
    "platform/users",
    "platform/sso",
    "platform/edge/connections",
    "platform/portal/words",
    "platform/portal/page",
    "platform/portal/sign_in",
    "platform/portal/fleet",
    "platform/portal/work",
    "platform/portal/people",
    "platform/portal/billing",
    "platform/portal/trust",
  ],
  "platform/edge/cli": [
    "common/core",
    "common/cli",
    "common/report",
    "common/host",
    "common/release",
    "proto",
    "platform/store",
    "platform/audit",
    "platform/events",
    "platform/keys",
    "platform/customers",
    "platform/agents",
    "platform/releases",
    "platform/tasks",
    "platform/devices",
    "platform/alerts",
    "platform/access",
    "platform/interfaces",
    "platform/edge/grpc",
    "platform/edge/mqtt",
    "platform/edge/ssh",
    "platform/edge/http",
    "platform/mail",
    "platform/sso",
    "platform/users",
    "platform/billing",
    "platform/trust",
    "platform/portal",
  ],
  "platform": [
    "common/core",
    "common/host",
    "platform/store",
    "platform/keys",
    "platform/agents",
    "platform/devices",
    "platform/alerts",
    "platform/access",
    "platform/edge/grpc",
    "platform/edge/mqtt",
    "platform/edge/ssh",
    "platform/edge/http",
    "platform/mail",
    "platform/sso",
    "platform/users",
    "platform/billing",
    "platform/edge/rest",
    "platform/interfaces",
    "platform/edge/metrics",
    "platform/portal",
    "platform/edge/cli",
  ],

  // Entries of threads, of the agent and of the platform.
  "workers": ["common/core", "src/scan", "src/host", "platform/users"],

  "simulator": ["common/core", "common/report", "src/snmp", "src/recording"],
  // It tells the whole story, and so knows whom it is about.
  "demo": [
    ...shared,
    "common/report",
    "proto",
    "src/cli",
    "src/host",
    "simulator",
    "platform/customers",
    "platform/agents",
    "platform/devices",
    "platform/alerts",
    "platform",
    "platform/edge/cli",
  ],
};

const root = new URL("../", import.meta.url);
/** Also of a module that is loaded when it is needed. */
const importPattern = /(?:^\s*(?:import|export)\b[^;]*?from\s+|\bimport\()"(\.[^"]+\.tsx?)"/gm;

/** The part of the house that a file belongs to. */
function folderOf(path: string): string {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : ".";
  const depth = /^platform\/(?:edge|portal)\//.test(folder) ? 3 : /^(?:src|common|platform)\//.test(folder) ? 2 : 1;
  return folder.split("/").slice(0, depth).join("/");
}

interface Arrow {
  from: string;
  to: string;
  path: string;
  target: string;
}

function arrowsOf(path: string, text: string): Arrow[] {
  const from = folderOf(path);
  return [...text.matchAll(importPattern)]
    .map(([, target]) => ({
      from,
      to: folderOf(new URL(target!, new URL(path, "file:///")).pathname.slice(1)),
      path,
      target: target!,
    }))
    .filter((arrow) => arrow.to !== from);
}

/** What is wrong with the arrows of the house, as sentences. */
export function wrongArrows(arrows: readonly Arrow[], table: Record<string, readonly string[]>): string[] {
  const wrong: string[] = [];
  const folders = Object.keys(table);
  const used = new Set<string>();
  for (const { from, to, path, target } of arrows) {
    used.add(`${from} → ${to}`);
    const may = table[from];
    if (may === undefined) wrong.push(`${path}: the folder ${from} is not known to tools/check_imports.ts`);
    else if (!may.includes(to)) wrong.push(`${path} imports ${target}: ${from} may not know ${to}`);
  }
  for (const [index, from] of folders.entries()) {
    for (const to of table[from]!) {
      if (!used.has(`${from} → ${to}`)) wrong.push(`tools/check_imports.ts: nothing in ${from} imports ${to}`);
      // What stands before cannot know what comes after, so that there is no circle.
      if (folders.indexOf(to) >= index) {
        wrong.push(`tools/check_imports.ts: ${from} stands before ${to}, which it knows`);
      }
    }
  }
  return [...new Set(wrong)];
}

function* sourceFiles(folder: URL, prefix: string): Iterable<string> {
  for (const entry of Deno.readDirSync(folder)) {
    if (entry.isDirectory) {
      // Tests, benchmarks and tools may know everything, and nothing else knows them.
      if (!/^(\.|node_modules$|dist$|tests$|bench$|docs$|tools$)/.test(entry.name)) {
        yield* sourceFiles(new URL(`${entry.name}/`, folder), `${prefix}${entry.name}/`);
      }
    } else if (/\.tsx?$/.test(entry.name) && !/_test\.tsx?$/.test(entry.name)) yield `${prefix}${entry.name}`;
  }
}

if (import.meta.main) {
  const paths = [...sourceFiles(root, "")];
  const unknown = new Set(paths.map(folderOf).filter((folder) => allowed[folder] === undefined));
  const wrong = [
    ...[...unknown].map((folder) => `tools/check_imports.ts does not know the folder ${folder}`),
    ...wrongArrows(paths.flatMap((path) => arrowsOf(path, Deno.readTextFileSync(new URL(path, root)))), allowed),
  ];
  for (const line of wrong) console.error(line);
  if (wrong.length > 0) throw new Error(`${wrong.length} folders or imports are where they may not be`);
}
