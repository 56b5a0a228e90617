import assert from "node:assert/strict";
import { systemClock } from "../../common/core/clock.ts";
import { denoDisk } from "../../common/host/disk.ts";
import { type OpenWebAccess, WebAccessScheme } from "../../proto/gen/opendca/v1/task.ts";
import { startSessionFiles } from "../../src/access/session_files.ts";
import { openStandingApprovals, type StandingApprovals } from "../../src/access/standing_approvals.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import { denoAgentMachine } from "../../src/host/agent_machine.ts";
import { tunnelOf } from "../fixtures/ssh_sessions.ts";
import { testHost } from "../fixtures/test_host.ts";
import { until } from "../fixtures/until.ts";
import { get, isOpen, page, type Scene, startScene } from "../fixtures/web_access_scene.ts";

interface CommandScene extends AsyncDisposable {
  scene: Scene;
  folder: string;
  events: string[];
  /** `opendca sessions …` on the agent's machine. */
  sessions(...args: string[]): Promise<{ code: number; out: string; err: string }>;
}

/** An agent's half whose sessions need approval, with its files, and the command. */
async function startCommandScene(): Promise<CommandScene> {
  await using stack = new AsyncDisposableStack();
  const folder = Deno.makeTempDirSync();
  stack.defer(() => Deno.removeSync(folder, { recursive: true }));
  let changed = () => {};
  const scene = stack.use(
    await startScene({
      policy: "approval: true",
      parts: { approvals: { covering: (session) => approvals.covering(session) }, changed: () => changed() },
    }),
  );
  const events: string[] = [], log = (event: string) => void events.push(event);
  const approvals: StandingApprovals = openStandingApprovals({
    stateDirectory: folder,
    agentId: "agent-1",
    disk: denoDisk,
    clock: systemClock,
    devices: () => [scene.device],
    note: scene.parts.note,
    changed: () => scene.access.approvalsChanged(),
    log,
  });
  const files = stack.use(startSessionFiles({
    stateDirectory: folder,
    disk: denoDisk,
    replaceTextFile: denoAgentMachine().replaceTextFile,
    clock: systemClock,
    access: scene.access,
    approvals,
    isOn: () => true,
    log,
  }));
  changed = files.changed;
  const moved = stack.move();
  return {
    scene,
    folder,
    events,
    async sessions(...args) {
      const host = testHost({ env: { OPENDCA_STATE_DIRECTORY: folder, OPENDCA_GUARD_DIRECTORY: `${folder}/guard` } });
      const code = await runCli(["sessions", ...args], host);
      return { code, out: host.out, err: host.err };
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

const time = String.raw`\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}Z`;

Deno.test("a standing approval lets waiting and later sessions open until it is withdrawn, but no raw ones", async () => {
  await using command = await startCommandScene();
  const { scene, sessions } = command;
  const first = await scene.order(), waiting = scene.run(first);
  await until("it waits", () => scene.access.sessions()[0]?.step === "waiting");
  const given = await sessions("approve", "--for", "5m");
  assert.deepEqual([given.code, given.err], [0, ""]);
  assert.match(given.out, new RegExp(`^approved web pages of all devices until ${time}, by \\w+\n$`));
  const tunnel = await tunnelOf(scene.bench, first.sessionId);
  assert.ok((await get(await tunnel.open())).endsWith(page));
  await isOpen(scene, first.sessionId);
  const [shown] = scene.access.sessions();
  const leftMs = Date.parse(shown!.endsAt) - Date.now();
  assert.ok(leftMs <= 300_000 && leftMs > 60_000, `${leftMs}`);

  const second = await scene.order(), other = scene.run(second);
  await isOpen(scene, second.sessionId);
  assert.equal(scene.steps.filter((step) => step === "waiting").length, 1, "the second did not wait");
  const opened = scene.notes.filter((note) => note.startsWith("Opened"));
  assert.equal(opened.length, 2);
  for (const note of opened) assert.match(note, / through localhost:\d+, as \w+ approved sessions until \d{4}-/);
  assert.match(
    (await sessions()).out,
    new RegExp(`\napproved: web pages of all devices until ${time}, by \\w+\n$`),
  );

  const { sessions: listed, approvals } = JSON.parse((await sessions("--json")).out);
  assert.deepEqual(listed.map(({ step }: { step: string }) => step), ["open", "open"]);
  assert.deepEqual(approvals.map(({ raw, device }: { raw: boolean; device: unknown }) => [raw, device]), [[
    false,
    null,
  ]]);
  assert.ok(Math.abs(Date.parse(approvals[0].until) - Date.parse(shown!.endsAt)) < 2000);

  const raw = await scene.order({ scheme: WebAccessScheme.RAW }), printing = scene.run(raw);
  await until("the raw one waits", () => scene.access.sessions().some(({ step }) => step === "waiting"));
  assert.equal((await sessions("approve", "--until", new Date(Date.now() + 300_000).toISOString(), "--raw")).code, 0);
  await isOpen(scene, raw.sessionId);

  const taken = await sessions("approve", "--withdraw");
  assert.equal(taken.out.split("\n").length, 3, taken.out);
  for (const run of [waiting, other, printing]) assert.equal((await run).end, "its standing approval is over");
  // The agent writes the list a moment later.
  await until("none is shown", async () => (await sessions()).out === "there are no sessions\n");
  assert.equal((await sessions("approve", "--withdraw")).out, "there is no such approval\n");
  let third: OpenWebAccess | undefined;
  await until("the platform knows", async () => (third = await scene.order().catch(() => undefined)) !== undefined);
  const { sessionId } = third!, late = scene.run(third!);
  await until("it waits again", async () => / waiting /.test((await sessions()).out));
  assert.equal((await sessions("approve", sessionId)).out, `approved ${sessionId}\n`);
  await isOpen(scene, sessionId);
  // What was approved by itself does not depend on standing approvals.
  await sessions("approve", "--for", "1m");
  await sessions("approve", "--withdraw");
  assert.equal(scene.access.sessions()[0]!.step, "open");
  scene.access.kill();
  assert.equal((await late).end, "the administrator ended it");
});

Deno.test("the ledger names the person who approves and ends sessions by sudo", async () => {
  await using command = await startCommandScene();
  const { scene, sessions } = command, before = Deno.env.get("SUDO_USER");
  using _ = {
    [Symbol.dispose]: () => before === undefined ? Deno.env.delete("SUDO_USER") : Deno.env.set("SUDO_USER", before),
  };
  Deno.env.set("SUDO_USER", "eva.k");
  const first = await scene.order(), run = scene.run(first);
  await until("it waits", () => scene.access.sessions()[0]?.step === "waiting");
  assert.equal((await sessions("approve", first.sessionId)).out, `approved ${first.sessionId}\n`);
  await isOpen(scene, first.sessionId);
  assert.equal((await sessions("kill", "--all")).out, `ended ${first.sessionId}\n`);
  const { end, approvedBy } = await run;
  assert.deepEqual([end, approvedBy], ["the administrator eva.k ended it", "eva.k"]);
  assert.match((await sessions("approve", "--for", "5m")).out, /, by eva\.k\n$/);
  const second = await scene.order(), other = scene.run(second);
  await isOpen(scene, second.sessionId);
  assert.match(scene.notes.at(-1)!, /^Opened session .*, as eva\.k approved sessions until /);
  scene.access.kill();
  assert.equal((await other).approvedBy, "eva.k");
});

Deno.test("an approval of one device is for that one, and an unknown device is said", async () => {
  await using command = await startCommandScene();
  const { scene, sessions } = command;
  const unknown = await sessions("approve", "--for", "1h", "--device", "127.0.0.9");
  assert.equal(unknown.code, 69);
  assert.match(unknown.err, /Cannot approve sessions: no known device has the id or address "127\.0\.0\.9"/);
  const given = await sessions("approve", "--for", "1h", "--device", "127.0.0.1");
  assert.match(given.out, /^approved web pages of Example LX-100 at 127\.0\.0\.1 until/);
  const { deviceId } = scene.device;
  scene.device.deviceId = "device-2";
  const order = await scene.order(), { sessionId } = order;
  const run = scene.run({ ...order, deviceKey: "device-2" });
  await until("it waits", () => scene.access.sessions()[0]?.step === "waiting");
  scene.device.deviceId = deviceId;
  scene.access.kill(sessionId);
  await assert.rejects(run, /the administrator ended it/);
  const covered = await scene.order(), other = scene.run(covered);
  await isOpen(scene, covered.sessionId);
  assert.equal((await sessions("approve", "--withdraw", "--device", "127.0.0.2")).out, "there is no such approval\n");
  assert.match(
    (await sessions("approve", "--withdraw", "--device", "127.0.0.1")).out,
    /^withdrew web pages of Example/,
  );
  assert.equal((await other).end, "its standing approval is over");
});

const mistakes: [args: string[], message: RegExp][] = [
  [[], /Cannot tell what to approve/],
  [["ses-123456", "--for", "1h"], /Cannot do two things at once/],
  [["--for", "1h", "--until", "2099-01-01T00:00"], /at most 24 hours from now/],
  [["--for", "25h"], /from 1m to 24h/],
  [["--for", "10s"], /from 1m to 24h/],
  [["--for", "soon"], /from 1m to 24h/],
  [["--until", "2020-01-01T00:00"], /at least a minute from now/],
  [["--until", "noon"], /such as 17:00/],
  [["--until", "25:00"], /such as 17:00/],
  [["--until", "2026"], /such as 17:00/],
  [["--for", "1h", "--withdraw"], /Cannot do two things at once/],
  [["--withdraw", "--raw"], /Cannot withdraw a part/],
  [["ses-123456", "--raw"], /Cannot use --device and --raw with a session/],
  [["--device", "127.0.0.1"], /Cannot tell what to approve/],
  [["--for", "1h", "--device", ""], /Cannot use --device as the address or id/],
  [["--for", "1h", "--device", "printer's"], /Cannot use --device as the address or id/],
  [["--for", "1h", "--device", "1".repeat(300)], /Cannot use --device as the address or id/],
];
for (const [args, message] of mistakes) {
  Deno.test(`sessions approve ${args.join(" ")} is a mistake, and approves nothing`, async () => {
    const folder = Deno.makeTempDirSync();
    const host = testHost({ env: { OPENDCA_STATE_DIRECTORY: folder, OPENDCA_GUARD_DIRECTORY: `${folder}/guard` } });
    assert.equal(await runCli(["sessions", "approve", ...args], host), 64);
    assert.match(host.err, message);
    Deno.removeSync(folder, { recursive: true });
  });
}

Deno.test("without an agent that allows web access an approval is refused, and nothing is left of it", async () => {
  const folder = Deno.makeTempDirSync();
  const host = testHost({ env: { OPENDCA_STATE_DIRECTORY: folder, OPENDCA_GUARD_DIRECTORY: `${folder}/guard` } });
  assert.equal(await runCli(["sessions", "approve", "--for", "1h"], host), 69);
  assert.match(host.err, /Cannot reach an agent that allows web access: ".*session-orders" does not exist/);
  Deno.mkdirSync(`${folder}/session-orders`);
  let ms = 0;
  host.clock = { ...systemClock, monotonicMs: () => ms += 1000, sleep: () => Promise.resolve() };
  host.err = "";
  assert.equal(await runCli(["sessions", "approve", "--for", "1h"], host), 69);
  assert.match(host.err, /the agent does not react/);
  assert.deepEqual([...Deno.readDirSync(`${folder}/session-orders`)], []);
  Deno.removeSync(folder, { recursive: true });
});
