/** The SSH gateway and the pages of printers behind a balancer that sends PROXY headers. */
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import { tryParseCidr } from "../../common/core/ip_range.ts";
import { hostKeyPair, signIn, startSessionBench } from "../fixtures/ssh_sessions.ts";
import { until } from "../fixtures/until.ts";
import { startWebAccessFixture } from "./web_access_fixture.ts";

const balancer = "127.0.0.50", proxies = [tryParseCidr(balancer)!];
const header = "PROXY TCP4 192.0.2.7 192.0.2.1 40000 443\r\n";

async function connected(port: number, { from = balancer, begin = header } = {}): Promise<net.Socket> {
  const socket = net.connect({ port, host: "127.0.0.1", localAddress: from });
  socket.on("error", () => {});
  await once(socket, "connect");
  if (begin !== "") socket.write(begin);
  return socket;
}

/* Whether the peer closed it without a word. */
async function isTurnedAway(socket: net.Socket, text: string): Promise<boolean> {
  let answer = "";
  socket.on("data", (part) => answer += part);
  socket.write(text);
  if (!socket.destroyed) await once(socket, "close");
  return answer === "";
}

Deno.test("agents reach the SSH gateway through a balancer that names them, and are logged by their own addresses", async () => {
  await using scene = await startSessionBench({ proxies });
  const { events } = scene.bench.platform;
  const session = await scene.open();
  const through = { dial: () => connected(scene.gateway.port) };
  await assert.rejects(signIn(through, { ...session, privateKey: hostKeyPair().privateKey }));
  await until("it is logged", () => events.some(({ event }) => event === "accessRefused"));
  assert.equal(events.find(({ event }) => event === "accessRefused")!.fields.source, "192.0.2.7");
  const client = await signIn(through, session);
  client.end();
  const direct = await scene.open();
  // Agents beside the balancer send none.
  const straight = await signIn(
    { dial: () => connected(scene.gateway.port, { from: "127.0.0.9", begin: "" }) },
    direct,
  );
  straight.end();
  const { port } = scene.gateway;
  assert.ok(await isTurnedAway(await connected(port, { from: "127.0.0.9" }), "SSH-2.0-x\r\n"));
  assert.ok(await isTurnedAway(await connected(port, { begin: "" }), "SSH-2.0-x\r\n"));
  await until("it is logged", () => events.some(({ event }) => event === "proxyHeaderRefused"));
});

Deno.test("browsers see pages through a balancer that names them", async () => {
  await using web = await startWebAccessFixture({ proxies });
  const session = web.add(web.printer);
  const [servername] = web.host(session).split(":");
  const get = async (socket: net.Socket) => {
    const secure = tls.connect({ socket, servername: servername!, ca: web.ca });
    secure.on("error", () => {});
    let text = "";
    secure.setEncoding("latin1").on("data", (part: string) => text += part);
    secure.write(
      `GET / HTTP/1.1\r\nHost: ${web.host(session)}\r\nSec-Fetch-Site: none\r\nConnection: close\r\n` +
        `Cookie: __Host-opendca=${session.secret}\r\n\r\n`,
    );
    await new Promise((resolve) => secure.once("close", resolve));
    return text;
  };
  assert.match(await get(await connected(web.port)), /^HTTP\/1\.1 200 [\s\S]*SERIAL7/);
  assert.match(await get(await connected(web.port, { from: "127.0.0.9", begin: "" })), /^HTTP\/1\.1 200 /);
  assert.equal(await get(await connected(web.port, { from: "127.0.0.9" })), "");
  assert.equal(await get(await connected(web.port, { begin: "" })), "");
  assert.match(web.log.join(), /proxyHeaderRefused/);
});
