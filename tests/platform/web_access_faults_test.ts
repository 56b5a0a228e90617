/** Printers that are as slow as can be, and names that lead to the gateway by somebody else's doing. */
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import { soon, until } from "../fixtures/until.ts";
import { domain, startWebAccessFixture } from "./web_access_fixture.ts";

/** Sends `text` one octet at a time, again and again if it is `endless`. */
async function startDribbler(text: string, { everyMs, endless = false }: { everyMs: number; endless?: boolean }) {
  let at = 0;
  const server = net.createServer((socket) => {
    at = 0;
    const timer = setInterval(() => {
      if (at < text.length) socket.write(text[at++]!);
      else if (endless) socket.write("x"), at++;
      else socket.end();
    }, everyMs);
    socket.on("error", () => {}).on("data", () => {}).on("close", () => clearInterval(timer));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as net.AddressInfo).port,
    sent: () => at,
    async [Symbol.asyncDispose]() {
      server.close();
      await soon("the printer's connections are closed", once(server, "close"), 60_000);
    },
  };
}

Deno.test("a printer that sends an octet at a time is shown, as long as something comes", async () => {
  const limits = { stallMs: 10_000, answerMs: 60_000 };
  await using web = await startWebAccessFixture({ limits });
  await using printer = await startDribbler("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nslow but whole", {
    everyMs: 5,
  });
  const answer = await web.get(web.add({ address: "127.0.0.1", port: printer.port }), "/");
  assert.deepEqual([answer.status, answer.body, answer.isWhole], [200, "slow but whole", true]);
});

Deno.test("a printer that sends an octet at a time for ever ends with the session, and one with such headers before", async () => {
  await using web = await startWebAccessFixture({ limits: { answerMs: 500 } });
  await using headers = await startDribbler("HTTP/1.1 200 OK\r\nX-Long: ", { everyMs: 20, endless: true });
  const slow = await web.get(web.add({ address: "127.0.0.1", port: headers.port }), "/");
  assert.equal(slow.status, 504);
  await using body = await startDribbler("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n", {
    everyMs: 2,
    endless: true,
  });
  const session = web.add({ address: "127.0.0.1", port: body.port });
  const pending = web.get(session, "/");
  await until("it is in the middle of its body", () => body.sent() > 60);
  session.tunnel!.close("its time was over");
  const cut = await pending;
  // Without an end, or without a beginning where nothing of it was passed on yet.
  assert.ok(!cut.isWhole || cut.status === 0, JSON.stringify(cut));
  await until("no connection is left", () => session.tunnel!.channels.size === 0);
});

Deno.test("a name that was made to lead to the gateway reaches no session, not even with its cookie", async () => {
  await using web = await startWebAccessFixture();
  const session = web.add(web.printer);
  const own = web.host(session).split(":")[0]!;
  const ask = (servername: string, host: string) => {
    const answer = new Promise<string>((resolve, reject) => {
      let text = "";
      const socket = tls.connect({
        port: web.port,
        host: "127.0.0.1",
        servername,
        ca: web.ca,
        checkServerIdentity: () => undefined,
      });
      socket.setEncoding("latin1").on("data", (part: string) => text += part).on("close", () => resolve(text)).on(
        "error",
        reject,
      );
      socket.write(
        `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n` +
          `Cookie: __Host-opendca=${session.secret}\r\n\r\n`,
      );
    });
    return soon("the answer", answer, 60_000);
  };
  assert.match(await ask(own, `${own}:${web.port}`), /^HTTP\/1\.1 200 /);
  const rebound = [
    ["evil.example", "evil.example"],
    ["evil.example", own],
    [own, "evil.example"],
    [own, `${own}.evil.example`],
    [own, domain],
    [own, "127.0.0.1"],
    [own, `x.${own}`],
    [own, `${own}.`],
  ] as const;
  const before = web.simulator.webRequests("printer").length;
  for (const [name, host] of rebound) assert.match(await ask(name, host), /^HTTP\/1\.1 421 /, `${name} ${host}`);
  assert.equal(web.simulator.webRequests("printer").length, before);
});

Deno.test("a connection of forward is refused to a page, also to one of the session's own origin", async () => {
  await using web = await startWebAccessFixture();
  const session = web.add({ ...web.printer, scheme: "raw" });
  const ask = (more: string) =>
    web.raw(
      session,
      `GET /.opendca/raw HTTP/1.1\r\nHost: ${web.host(session)}\r\nCookie: __Host-opendca=${session.secret}\r\n` +
        `Connection: Upgrade\r\nUpgrade: opendca-raw\r\n${more}\r\n`,
      /\r\n\r\n/,
    );
  assert.match(await ask(""), /^HTTP\/1\.1 101 /);
  assert.match(
    await ask(`Origin: https://${web.host(session)}\r\nSec-Fetch-Site: same-origin\r\n`),
    /^HTTP\/1\.1 403 /,
  );
});
