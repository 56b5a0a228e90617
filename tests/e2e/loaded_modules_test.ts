/** What `opendca run` holds in memory for years, and `opendca scan` waits for: the modules that they load without being asked for something special. */
import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url);

interface GraphModule {
  specifier: string;
  dependencies?: { specifier: string; isDynamic?: boolean; code?: { specifier?: string }; npmPackage?: string }[];
}

/** Everything that these modules load at once, packages by the name that the import gives them. */
async function loadedBy(...entries: string[]): Promise<Set<string>> {
  const loaded = new Set<string>();
  for (const entry of entries) {
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", entry],
      cwd: root,
      env: { NO_COLOR: "1" },
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    const { modules, roots }: { modules: GraphModule[]; roots: string[] } = JSON.parse(
      new TextDecoder().decode(stdout),
    );
    const byName = new Map(modules.map((each) => [each.specifier, each]));
    const waiting = [...roots];
    for (let name; (name = waiting.pop()) !== undefined;) {
      if (loaded.has(name)) continue;
      loaded.add(name);
      for (const { specifier, isDynamic, code } of byName.get(name)?.dependencies ?? []) {
        // Without `code` an import is of types alone.
        if (isDynamic || code === undefined) continue;
        if (/^[@a-z]/.test(specifier) && !specifier.includes(":")) loaded.add(specifier);
        if (code.specifier !== undefined) waiting.push(code.specifier);
      }
    }
  }
  return loaded;
}

/** What main.ts loads for every command. */
const always = ["main.ts", "src/cli/run_cli.ts", "src/host/deno_host.ts"];

Deno.test("--version of agent and platform loads no package and no command", async () => {
  for (const entry of ["main.ts", "platform/main.ts"]) {
    const loaded = [...await loadedBy(entry)];
    assert(loaded.some((name) => name.endsWith("/common/host/terminal.ts")), "nothing was seen");
    assert.deepEqual(
      loaded.filter((name) => name.startsWith("npm:") || /_command\.ts|run_\w+\.ts|sqlite/.test(name)),
      [],
    );
    assert(loaded.length < 15, loaded.join("\n"));
  }
});

Deno.test("opendca run loads no library and no command that it does not need at the start", async () => {
  const loaded = await loadedBy(...always, "src/cli/run_command.ts", "src/compose.ts");
  for (const needed of ["commander", "@grpc/grpc-js", "yaml"]) assert(loaded.has(needed), `${needed} is not loaded`);
  for (const special of ["@peculiar/x509", "reflect-metadata", "csv-stringify/sync", "string-width", "net-snmp"]) {
    assert(!loaded.has(special), `${special} is loaded at the start`);
  }
  const commands = [...loaded].filter((name) => /\/src\/cli\/.*_command\.ts$/.test(name));
  assert.deepEqual(commands.map((name) => name.slice(name.lastIndexOf("/") + 1)), ["run_command.ts"]);
});

Deno.test("opendca scan loads no parser of YAML, no report but its own and no SNMPv3 at the start", async () => {
  const loaded = await loadedBy(...always, "src/cli/scan_command.ts");
  assert(loaded.has("commander"));
  for (const special of ["yaml", "csv-stringify/sync", "string-width", "net-snmp", "iconv-lite", "@grpc/grpc-js"]) {
    assert(!loaded.has(special), `${special} is loaded at the start`);
  }
});

Deno.test("opendca-platform serve with a portal loads no library of single sign-on before somebody signs in by it", async () => {
  const loaded = await loadedBy("platform/main.ts", "platform/portal/start_portal.ts", "platform/sso/recheck.ts");
  assert(loaded.has("hono"), "hono is not loaded");
  assert((await loadedBy("platform/sso/oidc.ts")).has("openid-client"), "nothing was seen");
  for (const library of ["openid-client", "@node-saml/node-saml", "ldapts"]) {
    assert(!loaded.has(library), `${library} is loaded at the start`);
  }
});
