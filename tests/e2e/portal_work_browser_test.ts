/**
 * The portal's work in Chromium, by keyboard alone, with a real agent: an activation code and what is typed with it, a
 * scan that is watched, printers that appear, a configuration that the agent's policy refuses, a locked agent.
 */
import assert from "node:assert/strict";
import type { Browser, Page } from "puppeteer-core";
import { startSimulator } from "../../simulator/simulator.ts";
import { scenePrinter } from "../fixtures/agent_fixture.ts";
import { freePort } from "../fixtures/free_port.ts";
import { peerTest } from "../fixtures/peers.ts";
import { port as printerPort } from "../fixtures/scan_fixture.ts";
import { runProgram, startProgram } from "../fixtures/start_program.ts";
import { until } from "../fixtures/until.ts";
import { type PortalScene, portalScene } from "../platform/portal_scene.ts";
import { createCode } from "../../platform/agents/activation_codes.ts";
import { addSession } from "../../platform/access/sessions.ts";
import { addTask, noteTaskResult } from "../../platform/tasks/tasks.ts";
import { type SignedTask, TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import { sessionOf } from "../platform/tenant_scene.ts";
import { operator } from "../platform/users_fixture.ts";
import { check, lookAt, newPage, pressEnter, startChromium } from "./chromium.ts";

const network = 176, printers = 3;
const eva = "eva@partner.example";

interface Bench extends AsyncDisposable {
  scene: PortalScene;
  page: Page;
  folder: string;
  config: string;
  root: string;
  opendca(...args: string[]): ReturnType<typeof runProgram>;
}

async function openBench(policy = ""): Promise<Bench> {
  await using built = new AsyncDisposableStack();
  const mqtt = { tls: { host: "127.0.0.1", port: freePort() } };
  const scene = built.use(await portalScene({ mqtt }));
  const folder = await Deno.makeTempDir();
  built.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.writeTextFile(`${folder}/ca.pem`, scene.platform.serverAuthority);
  const config = `${folder}/agent.yaml`;
  const unlockKey = scene.platform.platform.signingKey.publicKey.toBase64();
  await Deno.writeTextFile(
    config,
    `platform:
  rootDomain: localhost
  endpoints: ["${scene.platform.target}"]
  mqtt: ["mqtts://localhost:${scene.platform.mqttPorts!.tls}"]
  ca: ${folder}/ca.pem
  unlockKey: ${unlockKey}
stateDirectory: ${folder}/state
sites: [{ name: office, ranges: [127.${network}.0.0/24], port: ${printerPort}, rate: 40 }]
schedule: { fullSweepEvery: 24h, statusEvery: 24h, metersEvery: 24h }
limits: { timeout: 100ms, retries: 0, workers: 1 }
poll: { interval: 30s }
log: { level: debug, format: json }
${policy}`,
  );
  const devices = [...Array(printers).keys()].flatMap((i) => scenePrinter(`127.${network}.0.${i + 1}`));
  built.use(await startSimulator({ devices }));
  const user = await scene.signedIn(eva);
  const browser: Browser = await startChromium();
  built.defer(() => browser.close());
  const page = await newPage(browser);
  await browser.setCookie(
    ...[...user.cookies].map(([name, value]) => ({ name, value, domain: "localhost", path: "/", secure: true })),
  );
  const env = { OPENDCA_GUARD_DIRECTORY: `${folder}/guard` };
  const all = built.move();
  return {
    scene,
    page,
    folder,
    config,
    root: `/customers/${scene.acme}`,
    opendca: (...args) => runProgram("main.ts", [...args, "--config", config], env),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

const textOf = (page: Page, selector = "main") => page.$eval(selector, (element) => element.textContent!);

/** Goes by the keyboard to what has this text, and presses Enter. */
async function press(page: Page, selector: string): Promise<void> {
  await page.focus(selector);
  await pressEnter(page);
}

peerTest("in Chromium: a code, an agent activated with it, a scan that is watched, and printers that appear", [
  "chromium",
], async () => {
  await using bench = await openBench();
  const { scene, page, root, opendca } = bench, at = (path: string) => `${scene.origin}${root}${path}`;
  await page.goto(at("/codes"));
  await page.select("#site", scene.berlin);
  await press(page, 'form[action$="/codes"] button');
  await lookAt(page, { name: "code-made" });
  const code = await page.$eval(".made .message code", (element) => element.textContent!);
  const typed = await textOf(page, ".made details[open] pre");
  assert(typed.includes(`printf '%s\\n' ${code} | sudo -u opendca opendca activate`), typed);
  assert.equal(await page.$$eval(".copyable button", (buttons) => buttons.length), 5);

  // The list of codes shows it by itself that the code was used.
  const activated = await opendca("activate", code);
  assert.equal(activated.code, 0, activated.err);
  await page.waitForFunction(`document.querySelector("#live").textContent.includes("used")`);

  await using agent = startProgram("main.ts", ["run", "--config", bench.config], {
    OPENDCA_GUARD_DIRECTORY: `${bench.folder}/guard`,
  });
  await agent.line((line) => line.includes('"mqttConnected"'));
  await page.goto(at("/agents"));
  await press(page, "main td a");
  await lookAt(page, { name: "agent", url: page.url() });
  await page.focus("#targets");
  await page.keyboard.type(`127.${network}.0.1-127.${network}.0.200`);
  await pressEnter(page);
  assert.match(page.url(), /\/tasks\/[\w-]+$/);
  // Nobody reloads the page: progress comes by itself, and what has the focus keeps it.
  await page.waitForFunction(`document.querySelector("progress")?.value > 0`);
  await check(page, "task-running");
  await page.focus("main button.plain");
  const first = await page.$eval("progress", (element) => element.value);
  await page.waitForFunction(`(document.querySelector("progress")?.value ?? 1000) > ${first}`);
  if (await page.$("progress") !== null) {
    assert.match(await page.evaluate("document.activeElement.id") as string, /^cancel-/);
  }
  await page.waitForFunction(`document.querySelector("#live [role=status]").textContent.includes("finished")`);
  assert.match(await textOf(page, "#live"), /Printers found3/);
  await lookAt(page, { name: "task-done", url: page.url() });

  await until("the printers are there", async () => {
    await page.goto(at("/devices"));
    return (await page.$$("main tbody tr")).length === printers;
  });
  await lookAt(page, { name: "tasks", url: at("/tasks") });

  await scene.platform.queries.run(
    `INSERT INTO releases (version, manifest, state, reason, changed_by, changed_at, added_at, counted_since)
     VALUES ('0.3.0', :manifest, 'paused', 'it failed on 3 of 9 agents that tried', 'platform', 0, 0, 0)`,
    { manifest: `${JSON.stringify({ rollout: { percent: 50 }, expiresAt: "2099-01-01T00:00:00Z" }, undefined, 2)}\n` },
  );
  await lookAt(page, { name: "updates", url: at("/updates") });
  await lookAt(page, { name: "session-waiting", url: at(`/sessions/${await waitingSession(scene)}`) });
  await page.goto(at("/agents"));
  await press(page, "main td a");
  await page.focus("#target");
  await page.keyboard.type("10.99.0.1");
  await pressEnter(page);
  await page.waitForFunction(`document.querySelector("#live").textContent.includes("does not permit this")`);
  await lookAt(page, { name: "task-refused", url: page.url() });
});

peerTest("in Chromium: a configuration of which the agent's policy refuses a part, which the page shows by itself", [
  "chromium",
], async () => {
  await using bench = await openBench("policy: { ranges: [127.176.0.0/16] }");
  const { scene, page, root } = bench;
  await using _agent = await activated(bench);
  await page.goto(`${scene.origin}${root}/agents`);
  await press(page, "main td a");
  await press(page, 'main a[href$="/configuration"]');
  await page.focus("#sweep");
  await page.keyboard.type("6h");
  await page.focus("#name-0");
  await page.keyboard.type("store");
  await page.focus("#ranges-0");
  await page.keyboard.type("10.9.0.0/16");
  await press(page, 'main form[action$="/configuration"] button[type=submit]');
  await page.waitForFunction(`document.querySelector("#live").textContent.includes("does not do some of it")`);
  assert.match(await textOf(page, "#live .message"), /Network store: .*10\.9\.0\.0/);
  await page.waitForFunction(`document.querySelector("#live pre")?.textContent.includes("fullSweepEvery: 6h")`);
  await lookAt(page, { name: "configuration", url: page.url() });
  assert.match(await textOf(page, "fieldset .bad"), /Refused: .*10\.9\.0\.0/);
});

peerTest("in Chromium: an agent that locked itself after five wrong codes is unlocked", ["chromium"], async () => {
  await using bench = await openBench();
  const { scene, page, root, opendca } = bench;
  await page.goto(`${scene.origin}${root}/codes`);
  await page.select("#site", scene.berlin);
  await press(page, 'form[action$="/codes"] button');
  const code = await page.$eval(".made .message code", (element) => element.textContent!);
  const wrong = ["0EY9-M29P-1G7W", "0EY9-M29P-1G7W", "0EY9-M29P-1G7W", "0EY9-M29P-1G7W", "0EY9-M29P-1G7W"];
  for (const text of wrong) assert.equal((await opendca("activate", text)).code, 77);
  assert.equal((await opendca("activate", code)).code, 77);
  const { installationId, lock } = await lockOf(bench);
  await press(page, 'main a[href$="/unlock"]');
  await lookAt(page, { name: "unlock", url: page.url() });
  await page.focus("#installation");
  await page.keyboard.type(installationId);
  await page.focus("#lock");
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  await page.keyboard.type(String(lock));
  await page.focus('[name="sure"]');
  await page.keyboard.press("Space");
  await press(page, 'form[action$="/unlock"] button');
  await lookAt(page, { name: "unlock-made" });
  const [, token] = /opendca unlock (\S+)/.exec(await textOf(page, "pre"))!;
  const unlocked = await opendca("unlock", token!);
  assert.equal(unlocked.code, 0, unlocked.err);
  const done = await opendca("activate", code);
  assert.equal(done.code, 0, done.err);
});

/** What `opendca status` tells of the lock. */
async function lockOf({ opendca }: Bench): Promise<{ installationId: string; lock: number }> {
  const { out } = await opendca("status");
  return {
    installationId: /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/.exec(out)![0],
    lock: Number(/, lock (\d+)/.exec(out)?.[1]),
  };
}

/** An agent of the bench, by a code of the command line, that is connected. */
async function activated({ scene, opendca, config, folder }: Bench) {
  const { platform } = scene.platform;
  const { code } = await createCode(platform, { ...operator, tenant: scene.acme }, {
    site: scene.berlin,
    validMs: 60_000,
  });
  const done = await opendca("activate", code);
  assert.equal(done.code, 0, done.err);
  const agent = startProgram("main.ts", ["run", "--config", config], { OPENDCA_GUARD_DIRECTORY: `${folder}/guard` });
  await agent.line((line) => line.includes('"mqttConnected"'));
  return agent;
}

/** A session of web access that waits for the administrator of the agent's machine, as the agent has said. */
async function waitingSession({ platform: { queries }, acme }: PortalScene): Promise<string> {
  const tenant = queries.tenant(acme), sessionId = "ses-000000000001", taskId = crypto.randomUUID();
  const [device] = await tenant.all<{ agent_id: string; device_id: string }>(
    "SELECT agent_id, device_id FROM devices WHERE customer_id = :customer",
  );
  const { agent_id: agentId, device_id } = device!, at = new Date(), expiresAt = new Date(at.getTime() + 900_000);
  const signed = { task: new Uint8Array(1), signature: new Uint8Array(64), keyId: "k" } as unknown as SignedTask;
  await addTask(tenant, { taskId, agentId, kind: "openWebAccess", signed, at, expiresAt });
  const progress = { done: 0, total: 0, step: "waiting", approvedBy: "" };
  const result = TaskResult.fromPartial({ taskId, state: TaskState.RUNNING, progress });
  await noteTaskResult(tenant, { agentId, result, at });
  const session = { ...sessionOf(sessionId), agent_id: agentId, device_id, task_id: taskId, at, endsAt: expiresAt };
  await addSession(tenant, session);
  return sessionId;
}
