import assert from "node:assert/strict";
import plugin from "./lint_plugin.ts";

const cases = [
  { file: "src/snmp/a.ts", text: 'import { readFileSync } from "node:fs";', want: 1 },
  { file: "common/core/a.ts", text: 'import { readFile } from "node:fs/promises";', want: 1 },
  { file: "common/reading/a.ts", text: 'import { DatabaseSync } from "node:sqlite";', want: 1 },
  { file: "common/report/a.ts", text: 'const net = await import("node:net");', want: 1 },
  { file: "src/printers/a.ts", text: "Deno.readTextFileSync('a');", want: 1 },
  { file: "src/snmp/a.ts", text: 'import { createHash } from "node:crypto";', want: 0 },
  { file: "src/snmp/a_test.ts", text: 'import { readFileSync } from "node:fs";', want: 0 },
  { file: "src/service/a.ts", text: 'import * as fs from "node:fs";', want: 1 },
  { file: "src/cli/a.ts", text: "const { args } = Deno;", want: 1 },
  { file: "src/doctor/a.ts", text: "error instanceof Deno.errors.NotFound;", want: 1 },
  { file: "src/link/a.ts", text: 'import tls from "node:tls";', want: 1 },
  { file: "src/link/a.ts", text: 'export { connect } from "node:net";', want: 1 },
  { file: "src/link/a.ts", text: 'import type { Socket } from "node:net";', want: 0 },
  { file: "src/link/a.ts", text: 'import { type Socket } from "node:net";', want: 0 },
  { file: "src/link/a.ts", text: 'import { type Socket, connect } from "node:net";', want: 1 },
  { file: "src/activation/a.ts", text: 'import { userInfo } from "node:os";', want: 1 },
  { file: "src/doctor/a.ts", text: "let wanted: Deno.PermissionDescriptor[];", want: 0 },
  { file: "platform/devices/a.ts", text: "Deno.statSync('a');", want: 1 },
  { file: "platform/edge/http/a.ts", text: 'import { DatabaseSync } from "node:sqlite";', want: 1 },
  { file: "platform/edge/connections/accept_connections.ts", text: 'import { connect } from "node:net";', want: 0 },
  { file: "platform/store/sqlite/a.ts", text: 'import { DatabaseSync } from "node:sqlite";', want: 0 },
  { file: "common/host/a.ts", text: 'import { readFileSync } from "node:fs";', want: 0 },
  { file: "src/host/a.ts", text: "Deno.statSync('a');", want: 0 },
  { file: "tests/agent/a.ts", text: "Deno.statSync('a');", want: 0 },
  { file: "tests/platform/a.ts", text: "Deno.statSync('a');", want: 0 },
  { file: "src/cli/a.ts", text: "Deno.exit(1);", want: 2 },
  { file: "main.ts", text: "Deno.exit(1);", want: 0 },
  { file: "src/cli/a.ts", text: "// TODO: later", want: 1 },
  { file: "src/cli/a.ts", text: `function a() {${"\n".repeat(79)}}`, want: 0 },
  { file: "src/cli/a.ts", text: `function a() {${"\n".repeat(80)}}`, want: 1 },
  { file: "tests/agent/a_test.ts", text: `it(async () => {${"\n".repeat(80)}});`, want: 1 },
  { file: "src/cli/a.ts", text: `const a = { b() {${"\n".repeat(80)}} };`, want: 1 },
  { file: "platform/portal/page/a.tsx", text: "export async function Rows() {}", want: 1 },
  { file: "platform/portal/page/a.tsx", text: "export async function rows() {}", want: 0 },
  { file: "platform/portal/page/a.tsx", text: `function A() {${"\n".repeat(80)}}`, want: 0 },
];
for (const { file, text, want } of cases) {
  Deno.test(`the lint rules find ${want} in ${file}: ${text.replace(/\n{2,}/, "…")}`, () => {
    assert.equal(Deno.lint.runPlugin(plugin, `/house/${file}`, text).length, want);
  });
}
