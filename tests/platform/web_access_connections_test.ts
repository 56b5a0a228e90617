/** Connections of browsers: strangers do not keep out those who have a session. */
import assert from "node:assert/strict";
import net from "node:net";
import tls from "node:tls";
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
