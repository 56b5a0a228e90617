/** The portal while its database is away, its clients are slow, and strangers open connections and guess. */
import assert from "node:assert/strict";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { once } from "node:events";
import { peerTest, postgresServer } from "../fixtures/peers.ts";
import { startPostgres } from "../fixtures/postgres_server.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { until } from "../fixtures/until.ts";
import { portalScene } from "../platform/portal_scene.ts";
import { password } from "../platform/users_fixture.ts";

const eva = "eva@partner.example";

peerTest("a database that stops in the middle: pages say so, nothing is half done, and then all goes on", [
  postgresServer,
], async () => {
  await using server = await startPostgres({ isDurable: true });
  await using database = await server.database("own");
  await using scene = await portalScene({ database });
  const user = await scene.signedIn(eva);
  const invitation = { email: "max@partner.example", name: "Max", role: "viewer", customer: "" };
  assert.equal((await user.get("/")).status, 200);
  await server.stop("immediate");
  for (const path of ["/", "/users", "/account"]) {
    const { status, body, headers } = await user.get(path);
    assert.equal(status, 503, path);
    assert.match(body, /The database cannot be reached at this moment\. Nothing was changed\./);
    assert.equal(headers["retry-after"], "10");
    assert.doesNotMatch(body, /postgres|ECONN|at async/i);
  }
  assert.equal((await user.post("/users", invitation)).status, 503);
  const away = await scene.visitor().post("/sign-in", { email: eva, password });
  assert.equal(away.status, 503);
  await server.start();
  await until("pages are back", async () => (await user.get("/")).status === 200);
  // The session outlived it, and nobody was invited.
  assert.doesNotMatch((await user.get("/users")).body, /max@partner/);
  assert.match((await user.post("/users", invitation)).body, /\/link\//);
});

async function connection(port: number): Promise<TLSSocket> {
  const socket = connectTls({ host: "127.0.0.1", port, servername: "localhost", rejectUnauthorized: false });
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  return socket;
}

Deno.test("requests that never end, bodies without an end and answers that nobody reads hold up nobody", async () => {
  await using scene = await portalScene();
  const { port } = scene.platform.portal!;
  await scene.devices(scene.acme, scene.berlin, [readingOf()]);
  const user = await scene.signedIn(eva);
  const slow: TLSSocket[] = [];
  for (let i = 0; i < 100; i++) slow.push(await connection(port));
  slow.forEach((socket, i) => {
    if (i % 3 === 0) socket.write("GET / HTTP/1.1\r\nHost: localhost\r\nX-");
    else if (i % 3 === 1) {
      socket.write(
        `POST /sign-in HTTP/1.1\r\nHost: localhost\r\nOrigin: ${scene.origin}\r\nContent-Length: 60000\r\n` +
          "Content-Type: application/x-www-form-urlencoded\r\n\r\nemail=",
      );
    } else {
      socket.pause();
      socket.write("GET /portal.css HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(200));
    }
  });
  for (let i = 0; i < 5; i++) assert.equal((await user.get("/")).status, 200);
  for (const socket of slow) socket.destroy();
  assert.equal((await user.get("/")).status, 200);
});

Deno.test("a chunked form, two lengths, an unknown method and a broken head are refused, and the next request is answered", async () => {
  await using scene = await portalScene();
  const { port } = scene.platform.portal!;
  const heads = [
    `POST /sign-in HTTP/1.1\r\nHost: localhost\r\nOrigin: ${scene.origin}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nemail\r\n0\r\n\r\n`,
    `POST /sign-in HTTP/1.1\r\nHost: localhost\r\nOrigin: ${scene.origin}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
    "TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + "x".repeat(40_000) + "\r\n\r\n",
    "CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  ];
  for (const head of heads) {
    const socket = await connection(port);
    let text = "";
    socket.on("data", (part) => text += part);
    socket.write(head);
    const closed = once(socket, "close");
    await Promise.race([closed, until("an answer", () => /^HTTP\/1\.1 [45]\d\d /.test(text))]);
    assert.doesNotMatch(text, /^HTTP\/1\.1 (2|3)/, head.slice(0, 60));
    socket.destroy();
    assert.equal((await scene.visitor().get("/sign-in")).status, 200);
  }
});

Deno.test("whoever guesses with many addresses waits, and the others sign in meanwhile", async () => {
  await using scene = await portalScene();
  await scene.signedIn(eva);
  const stranger = scene.visitor();
  let last = 0;
  for (let i = 0; i < 31; i++) {
    const answered = await stranger.post("/sign-in", { email: `user-${i}@partner.example`, password });
    last = answered.status;
    if (last === 429) break;
    assert.equal(last, 401);
  }
  assert.equal(last, 429);
});
