/** `opendca-platform forward`: a raw TCP printer, through agent, gateway and the technician's own port. */
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { closeSession } from "../../platform/access/manage_sessions.ts";
import { createLink, createWebSessions, listRequests } from "../../platform/access/web_sessions.ts";
import { type ForwardOptions, forwardSession } from "../../platform/edge/http/forward_session.ts";
import { startWebAccess } from "../../platform/edge/http/start_web_access.ts";
import { createServerCertificate } from "../../platform/keys/server_certificate.ts";
import { freePort } from "../fixtures/free_port.ts";
import { peerTest } from "../fixtures/peers.ts";
import { endedHere } from "../fixtures/platform_here.ts";
import { startProgram } from "../fixtures/start_program.ts";
import { until } from "../fixtures/until.ts";
import { sshdPrograms, startSshdScene } from "../fixtures/sshd_scene.ts";
import { isOpen, type Scene, type SceneOptions, startScene } from "../fixtures/web_access_scene.ts";

const domain = "access.test.localhost";

/** A printer that says how much it was given when it was given all, and a raw session to it that waits for approval. */
async function startRaw(startAt: (options: RawScene) => Promise<Scene> = startScene) {
  await using built = new AsyncDisposableStack();
  const port = freePort();
  const jobs: number[] = [];
  const scene = built.use(
    await startAt({
      gateway: { web: `${domain}:${port}` },
      onConnection(socket) {
        socket.allowHalfOpen = true;
        let bytes = 0;
        socket.write("@PJL READY\r\n");
        socket.on("data", (part) => bytes += part.length);
        socket.on("end", () => {
          jobs.push(bytes);
          socket.end(`@PJL ${bytes} BYTES\r\n`);
        });
      },
    }),
  );
  const { platform } = scene.bench.bench.platform;
  const sessions = built.use(createWebSessions(platform));
  const names = [`*.${domain}`];
  built.use(
    await startWebAccess({
      host: "127.0.0.1",
      port,
      domain,
      certificate: await createServerCertificate(platform.serverAuthority, { names, now: new Date() }),
      sessions,
      tunnels: scene.bench.gateway.tunnels,
      now: () => platform.clock.now(),
      log: platform.log,
    }),
  );
  const order = await scene.order({}, { scheme: "raw" });
  const { sessionId } = order;
  const run = scene.run(order);
  const link = async () => (await createLink(platform, scene.bench.by, { sessionId })).link;
  const stop = new AbortController(), said: string[] = [];
  const ca = platform.serverAuthority.certificate.toString("pem");
  const forward = (more: Partial<ForwardOptions> & { link: string }) => {
    const listening = Promise.withResolvers<number>();
    const ended = forwardSession({
      ca,
      connect: { host: "127.0.0.1", port },
      listen: { host: "127.0.0.1", port: 0 },
      onListening: listening.resolve,
      say: (text) => void said.push(text),
      signal: stop.signal,
      lookMs: 50,
      ...more,
    });
    ended.catch(listening.reject);
    listening.promise.catch(() => {});
    return { ended, listening: listening.promise };
  };
  const all = built.move();
  return {
    scene,
    platform,
    sessionId,
    run,
    link,
    forward,
    said,
    jobs,
    ca,
    port,
    stop,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

type RawScene = SceneOptions & { gateway: { web: string } };

/** With OpenSSH's sshd between them. */
async function startRawAtSshd({ gateway: { web }, ...options }: RawScene): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  const { scene } = stack.use(await startSshdScene({ ...options, gatewayOptions: { web } }));
  const moved = stack.move();
  return { ...scene, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

/** Sends a job and its end, as `nc -N` does, and gives what came back. */
async function print(port: number, job: Uint8Array): Promise<string> {
  const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  let answer = "";
  socket.on("data", (part) => answer += part);
  await once(socket, "connect");
  socket.end(job);
  await once(socket, "close");
  return answer;
}

Deno.test("a job goes to a raw printer through forward, whole, once the session was approved, until it ends", async () => {
  await using at = await startRaw();
  const { scene, platform, sessionId } = at;
  await until("it waits", () => scene.access.sessions()[0]?.step === "waiting");
  const { ended, listening } = at.forward({ link: await at.link() });
  await until("it says so", () => at.said.some((text) => text === "Waiting for the agent"));
  assert.ok(scene.access.approve(sessionId, "eva"));
  await isOpen(scene, sessionId);
  const port = await listening;
  const large = 3_000_000;
  assert.equal(await print(port, new Uint8Array(large)), `@PJL READY\r\n@PJL ${large} BYTES\r\n`);
  const answers = await Promise.all([1, 20, 300].map((size) => print(port, new Uint8Array(size))));
  assert.deepEqual(answers.map((text) => text.split("\r\n")[1]), ["@PJL 1 BYTES", "@PJL 20 BYTES", "@PJL 300 BYTES"]);
  assert.deepEqual(at.jobs.toSorted((a, b) => a - b), [1, 20, 300, large]);
  const back = "@PJL READY\r\n@PJL 3000000 BYTES\r\n".length;
  await until(
    "it says what went",
    () => at.said.some((text) => text.endsWith(`${large} bytes to the device, ${back} from it`)),
  );
  await until(
    "each is noted",
    async () =>
      (await listRequests(platform, scene.bench.by, { sessionId })).filter(({ path }) => path === "/.opendca/raw")
        .length === 4,
  );
  const notes = await listRequests(platform, scene.bench.by, { sessionId });
  const { status, bytesIn, bytesOut } = notes.find((note) => note.bytesIn === large)!;
  assert.deepEqual([status, bytesIn, bytesOut], [101, large, back]);
  // One that is open when the session ends is cut off.
  const open = net.connect(port, "127.0.0.1");
  await once(open, "data");
  await closeSession(platform, scene.bench.by, { sessionId, reason: "printed" });
  await once(open, "close");
  assert.equal(await ended, "printed");
  await assert.rejects(once(net.connect(port, "127.0.0.1"), "connect"), /ECONNREFUSED/);
});

Deno.test("forward is for the user of the session: a used link, another user's, and a page without the cookie get nothing", async () => {
  await using at = await startRaw();
  const { scene, platform, sessionId } = at;
  const link = await at.link();
  const by = { ...scene.bench.by, actor: { kind: "operator" as const, name: "otto" } };
  await assert.rejects(createLink(platform, by, { sessionId }), /belongs to operator:eva/);
  const { ended, listening } = at.forward({ link });
  await until("it waits", () => at.said.length > 0);
  await assert.rejects(at.forward({ link }).ended, /the gateway refuses it \(403\): it works once/);
  await assert.rejects(at.forward({ link: "https://example.com/" }).ended, /as a link to a session/);
  await assert.rejects(at.forward({ link: await at.link(), ca: undefined }).ended, /Cannot connect to the gateway at /);
  await assert.rejects(
    at.forward({ link: await at.link(), connect: { host: "127.0.0.1", port: 1 } }).ended,
    /Cannot connect to the gateway at .*\.access\.test\.localhost:/,
  );
  // The administrator says no.
  await until("it waits", () => scene.access.sessions()[0]?.step === "waiting");
  assert.equal(scene.access.kill(sessionId), 1);
  await assert.rejects(at.run, /the administrator ended it/);
  await closeSession(platform, scene.bench.by, { sessionId, reason: "not wanted" });
  await assert.rejects(ended, /Cannot forward the session as it is closed: not wanted/);
  await assert.rejects(listening);
  assert.equal(scene.connections(), 0);
});

Deno.test("forward refuses to listen at what is no HOST:PORT", async () => {
  const refused = await endedHere(["forward", "ses-000000000000", "--listen", "9100"], {});
  assert.deepEqual([refused.code, refused.err.split("\n")[0]], [
    64,
    'error: Cannot use --listen as HOST:PORT: current value is "9100"',
  ]);
});

Deno.test("the program forwards by a link alone, without a data directory, and says what it does (slow)", async () => {
  await using at = await startRaw();
  const { scene, sessionId } = at;
  await until("it waits", () => scene.access.sessions()[0]?.step === "waiting");
  scene.access.approve(sessionId, "eva");
  await isOpen(scene, sessionId);
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/ca.pem`, at.ca);
    const options = ["--ca", `${folder}/ca.pem`, "--connect", `127.0.0.1:${at.port}`];
    await using program = startProgram("platform/main.ts", ["forward", await at.link(), ...options]);
    const [, port] = /^listening on 127\.0\.0\.1:(\d+)$/.exec(
      await program.line((text) => text.startsWith("listening")),
    )!;
    assert.match(await print(Number(port), new Uint8Array(5000)), /5000 BYTES/);
    await until("it is said", () => /5000 bytes to the device/.test(program.err()));
    scene.access.kill(sessionId);
    await until("it has ended", () => /the session has ended: /.test(program.err()));
    assert.equal((await program.status).code, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

peerTest(
  "a job goes to a raw printer through forward and OpenSSH's sshd, until the session is closed",
  sshdPrograms,
  async () => {
    await using at = await startRaw(startRawAtSshd);
    const { scene, platform, sessionId } = at;
    await until("it waits", () => scene.access.sessions()[0]?.step === "waiting");
    const { ended, listening } = at.forward({ link: await at.link() });
    assert.ok(scene.access.approve(sessionId, "eva"));
    await isOpen(scene, sessionId);
    const port = await listening, large = 3_000_000;
    const answers = await Promise.all([1, large].map((size) => print(port, new Uint8Array(size))));
    assert.deepEqual(answers.map((text) => text.split("\r\n")[1]), ["@PJL 1 BYTES", `@PJL ${large} BYTES`]);
    await closeSession(platform, scene.bench.by, { sessionId, reason: "enough" });
    assert.match(String(await ended), /enough/);
  },
);
