/** Connections of browsers: strangers do not keep out those who have a session, and accepting goes on. */
import assert from "node:assert/strict";
import net from "node:net";
import tls from "node:tls";
import { fileURLToPath } from "node:url";
import { maybeProgram } from "../fixtures/peers.ts";
import { until } from "../fixtures/until.ts";
import { domain, startWebAccessFixture } from "./web_access_fixture.ts";

const connections = { mostConnections: 12, mostAnonymous: 6, anonymousOfSource: 6, sureMs: 0 };

Deno.test("strangers replace each other, and not the connection of a browser with a session", async () => {
  await using web = await startWebAccessFixture({ connections });
  const session = web.add(web.printer);
  const socket = tls.connect({
    port: web.port,
    host: "127.0.0.1",
    servername: `${session.label}.${domain}`,
    ca: web.ca,
  });
  let isClosed = false, answers = "";
  socket.on("error", () => {}).on("close", () => isClosed = true).on("data", (part) => answers += part);
  const get = () =>
    socket.write(`GET / HTTP/1.1\r\nHost: ${web.host(session)}\r\nCookie: __Host-opendca=${session.secret}\r\n\r\n`);
  const answered = (count: number) => answers.split("HTTP/1.1 200").length > count;
  get();
  await until("the browser is answered", () => answered(1));
  const strangers: net.Socket[] = [];
  let closed = 0;
  for (let i = 0; i < 30; i++) {
    const stranger = net.connect(web.port, "127.0.0.1");
    stranger.on("error", () => {}).on("close", () => closed++);
    await new Promise((resolve) => stranger.once("connect", resolve));
    strangers.push(stranger);
  }
  await until("strangers were replaced", () => closed >= 24);
  assert.equal(isClosed, false, "the browser keeps its connection");
  get();
  await until("the browser is answered again", () => answered(2));
  assert.equal((await web.get(session, "/")).status, 200, "and another one gets in");
  for (const stranger of strangers) stranger.destroy();
  socket.destroy();
});

Deno.test("a browser that shows no session has its time, whatever it asks for", async () => {
  await using web = await startWebAccessFixture({ connections: { withoutCallMs: 60_000, anonymousMs: 300 } });
  const session = web.add(web.printer);
  const socket = tls.connect({
    port: web.port,
    host: "127.0.0.1",
    servername: `${session.label}.${domain}`,
    ca: web.ca,
  });
  let isClosed = false;
  socket.on("error", () => {}).on("close", () => isClosed = true);
  const asking = setInterval(() => socket.write(`GET / HTTP/1.1\r\nHost: ${web.host(session)}\r\n\r\n`), 50);
  try {
    await until("it is let go", () => isClosed);
  } finally {
    clearInterval(asking);
    socket.destroy();
  }
});

Deno.test({
  name: "pages are served again after the process had no descriptor left",
  ignore: Deno.build.os !== "linux" || maybeProgram("prlimit") === undefined,
  async fn() {
    const script = fileURLToPath(new URL("web_access_child.ts", import.meta.url));
    const child = new Deno.Command(maybeProgram("prlimit")!, {
      args: ["--nofile=400:400", Deno.execPath(), "run", "--no-prompt", "--allow-all", script],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const stderr = new Response(child.stderr).text();
    const lines = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    const line = async () => (await lines.next()).value as string;
    const writer = child.stdin.getWriter();
    const say = async (word: string) => {
      await writer.write(new TextEncoder().encode(`${word}\n`));
      assert.equal(await line(), `${word === "hold" ? "held" : "released"}\n`);
    };
    try {
      const { port, ca } = JSON.parse(await line());
      const handshake = () =>
        new Promise<boolean>((resolve) => {
          const socket = tls.connect({ port, host: "127.0.0.1", servername: `any.${domain}`, ca });
          const timer = setTimeout(() => socket.destroy(), 1000);
          socket.on("secureConnect", () => resolve(true)).on("error", () => {}).on("close", () => resolve(false));
          socket.once("secureConnect", () => socket.destroy()).once("close", () => clearTimeout(timer));
        });
      // So that it does not test the listener just now: the runtime ends if it cannot make a socket.
      await until("a handshake is answered", handshake);
      await say("hold");
      const waiting = Array.from({ length: 5 }, () => net.connect({ host: "127.0.0.1", port }).on("error", () => {}));
      // One of them is tried to be accepted now, which fails.
      await new Promise((resolve) => setTimeout(resolve, 2000));
      for (const socket of waiting) socket.destroy();
      await say("release");
      await until("a handshake is answered again", handshake, 30_000);
      await writer.close();
      await child.status;
      assert.match(await stderr, /listeningAnew/, "not by luck: the listener had ended");
    } finally {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await child.status;
    }
  },
});
