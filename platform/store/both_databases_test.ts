/** What touches the store is tried on both databases. */
import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url);
const opensStore = /\b(startTestPlatform|startBench|openTestStore|withPlatform|openPlatform|openSqliteStore)\b/;
const knowsPostgres = /each_database|postgres_server/;
/* SQLite's own; help; commands of a page of docs; keys and PDFs, which are files on both; TLS itself; and what stands or stops before the store. */
const others = [
  /^platform\/store\/sqlite\//,
  /^platform\/edge\/cli\/(help|portal_options|trust_commands)_test\.ts$/,
  /^tests\/platform\/(agent_file|authority|evidence_pdf|haproxy|mqtt_mosquitto|sshd_gateway|sso_docs|tls_writes)_test\.ts$/,
];

function* testsIn(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, root))) {
    if (isDirectory) yield* testsIn(`${folder}${name}/`);
    else if (name.endsWith("_test.ts")) yield folder + name;
  }
}

Deno.test("each test file of the platform that opens a store knows both databases", () => {
  const found = ["platform/", "tests/platform/"].flatMap((folder) => [...testsIn(folder)]).filter((path) => {
    if (others.some((other) => other.test(path))) return false;
    const text = Deno.readTextFileSync(new URL(path, root));
    return opensStore.test(text) && !knowsPostgres.test(text);
  });
  assert.deepEqual(found, []);
});
