/** `feed …` and `export …` as they are typed, and printers for GLPI by REST. */
import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { PlatformHost } from "../../platform/edge/cli/host.ts";
import { runPlatform } from "../../platform/edge/cli/run_platform.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { glpiSchema } from "../fixtures/glpi_schema.ts";
import { feedScene, glpiServer, readingWith } from "./feed_scene.ts";

const validate = new Ajv2020({ strict: false }).compile(glpiSchema);

function commandsOf({ platform }: Awaited<ReturnType<typeof feedScene>>, files: Record<string, string> = {}) {
  return async (...args: string[]) => {
    const ran = { code: 0, stdout: "", stderr: "" };
    const host: PlatformHost = {
      clock: platform.clock,
      env: (name) => name === "USER" ? "eva" : undefined,
      account: "uid 7",
      columns: 120,
      tableWidth: 120,
      stdout: (text) => Promise.resolve(void (ran.stdout += text)),
      stderr: (text) => Promise.resolve(void (ran.stderr += text)),
      readTextFile: (path) =>
        files[path] === undefined
          ? Promise.reject(new Deno.errors.NotFound("no such file"))
          : Promise.resolve(files[path]),
      untilStopped: () => Promise.resolve(),
      openPlatform: () => Promise.resolve({ ...platform, [Symbol.asyncDispose]: () => Promise.resolve() }),
      serve: () => Promise.reject(new Error("not in this test")),
    };
    ran.code = await runPlatform(args, host);
    return ran;
  };
}

slowInPostgres("feeds are made, shown, paused and removed by commands", async () => {
  await using glpi = await glpiServer();
  const scene = await feedScene();
  const { test, upload, settled } = scene;
  await using _ = test;
  const run = commandsOf(scene, { "password.txt": "s3cret\n" });
  assert.match((await run("feed", "list")).stdout, /^no feeds yet/);
  await upload(await test.customer("Acme"), [readingWith({ serial: "ACME01" })]);
  const since = test.clock.now().getTime();
  const settings = ["--setting", "user=dca", "password=@password.txt"];
  const made = await run("feed", "create", "glpi", glpi.url, "--customer", "Acme", ...settings, "--every", "10m");
  assert.equal(made.code, 0, made.stderr);
  const feedId = made.stdout.trim();
  await settled(feedId, since);
  assert.equal(glpi.got[0]!.headers.authorization, `Basic ${btoa("dca:s3cret")}`);
  const list = (await run("feed", "list")).stdout;
  assert.match(list, new RegExp(`^${feedId} +glpi +http.+ cus-\\w+ +active +1 `, "m"));
  assert.match(list, /1 sent/);
  for (const name of ["pause", "resume", "refresh", "remove"]) {
    const ran = await run("feed", name, feedId);
    assert.deepEqual([ran.code, ran.stderr], [0, ""], name);
  }
  const wrong = await run("feed", "create", "mqtt", "mqtts://x.example.com", "--setting", "password=@none.txt");
  assert.deepEqual([wrong.code, wrong.stdout], [78, ""]);
  assert.match(wrong.stderr, /^error: Cannot read "none.txt"/);
  assert.equal((await run("feed", "create", "glpi", glpi.url, "--every", "1s")).code, 64);
});

slowInPostgres("a customer's printers are written as files that GLPI imports", async () => {
  const scene = await feedScene();
  const { test, upload } = scene;
  await using _ = test;
  const acme = await test.customer("Acme"), other = await test.customer("Other");
  const hostile = readingWith({ serial: "ACME02", address: "10.1.0.8", model: '=HYPERLINK("x")\u202e/../..' });
  await upload(acme, [readingWith({ serial: "ACME01" }), hostile]);
  await upload(other, [readingWith({ serial: "OTHER1" })]);
  const folder = await Deno.makeTempDir();
  const run = commandsOf(scene);
  const ran = await run("export", "glpi", "--customer", "Acme", "--folder", folder);
  assert.deepEqual([ran.code, ran.stdout], [0, `2 files in ${folder}\n`]);
  const serials: string[] = [];
  for (const { name } of Deno.readDirSync(folder)) {
    assert.match(name, /^opendca-dev-\w{12}\.json$/);
    const inventory = JSON.parse(await Deno.readTextFile(`${folder}/${name}`));
    const isValid: boolean = validate(inventory);
    assert(isValid, JSON.stringify(validate.errors));
    serials.push(inventory.content.network_device.serial);
  }
  assert.deepEqual(serials.sort(), ["ACME01", "ACME02"]);
  const none = await run("export", "glpi", "--customer", "Acme", "--folder", `${folder}/none`);
  assert.equal(none.code, 64);
  assert.match(none.stderr, /^error: Cannot write ".* as its folder is not there/);
  await Deno.remove(folder, { recursive: true });
  const template = await run("export", "zabbix-template");
  const path = new URL("../../install/zabbix/opendca_printers.yaml", import.meta.url);
  assert.equal(template.stdout, await Deno.readTextFile(path));
});
