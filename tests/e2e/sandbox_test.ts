/**
 * What a package that turned bad could do in the threads of a compiled file: the real scanner and resolver, each with a
 * stand-in among its modules that tries to get out. docs/permissions.md says the same in words.
 */
import assert from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };
import { compiledTest } from "./compiled_file.ts";

const included = ["scanner", "resolver", "open"].flatMap((
  thread,
) => ["--include", `tests/e2e/sandbox/${thread}_entry.ts`]);
const target = "127.151.0.1";
/** With the permissions of a scanner alone. What an upgrade of the runtime changes here belongs in docs/permissions.md. */
const leftOpen = [
  ...["import a file's code", "import a file as text", "import data:", "import blob:", "import node:net"],
  ...["import node:worker_threads", "import by eval", "import by eval with another name"],
  ...["import by a compiled module", "require node:module", "require node:worker_threads", "require node:vm"],
  ...["require node:child_process", "load by Module._load", "hook the loader", "process.getBuiltinModule"],
  ...["start a thread of data:", "start a thread of blob:", "start a thread of a file", "listen on TCP"],
  ...["listen by node:net", "serve HTTP", "listen on QUIC", "listen on UDP", "listen by node:dgram"],
  ...["connect to a target by TCP", "connect to a target by node:net", "connect by TLS", "fetch a target"],
  ...["open a WebSocket", "open a database", "stop the process", "stop the process by process"],
  ...["reach Deno.internal", "keep something in caches"],
];
type Results = Record<string, string>;
type Probed = Record<"scanner" | "resolver" | "unsealed", { whileLoading: Results; atWork: Results }>;

compiledTest("a bad package in a thread of a compiled file gets at nothing", async (compile) => {
  const folder = await Deno.makeTempDir();
  try {
    const imports = {
      ...project.imports,
      "net-snmp": new URL("sandbox/stand_in_for_net_snmp.ts", import.meta.url).href,
    };
    await Deno.writeTextFile(`${folder}/import_map.json`, JSON.stringify({ imports }));
    for (const file of ["evil.mjs", "thread.mjs", "evil.cjs"]) {
      await Deno.writeTextFile(`${folder}/${file}`, "postMessage(1)");
    }
    const program = await compile("tests/e2e/sandbox/probe.ts", [
      `--import-map=${folder}/import_map.json`,
      ...included,
      "--allow-all",
    ]);
    const { success, stdout, stderr } = await new Deno.Command(program, { args: [folder, target] }).output();
    assert(success, new TextDecoder().decode(stderr));
    const probed: Probed = JSON.parse(new TextDecoder().decode(stdout));
    assert(Object.keys(probed.scanner.atWork).length > 60);
    // It may bind sockets until its own are open, which is as soon as it is loaded.
    const binds = ["listen on UDP", "listen by node:dgram"];
    assert.deepEqual(allowed(probed.scanner.whileLoading).filter((name) => !binds.includes(name)), []);
    assert.deepEqual(allowed(probed.scanner.atWork), []);
    assert.deepEqual(allowed(probed.resolver.atWork), []);
    // The attempts would succeed where nothing but permissions is in their way.
    assert.deepEqual(allowed(probed.unsealed.atWork), leftOpen);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function allowed(results: Results): string[] {
  return Object.keys(results).filter((name) => results[name] === "allowed");
}
