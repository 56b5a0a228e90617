/** Writes to TLS sockets whose TCP connection was closed a moment ago, after `openPlatform` or `startTls` (argument). */
import { once } from "node:events";
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from "node:net";
import { connect as connectTls, createSecureContext, createServer as createTlsServer } from "node:tls";
import { systemClock } from "../../common/core/clock.ts";
import { startTls } from "../../common/host/dial.ts";
import { openPlatform } from "../../platform/compose.ts";
import { createAuthority, loadAuthority, pemOf, validityFrom } from "../../platform/keys/authority.ts";
import { createServerCertificate } from "../../platform/keys/server_certificate.ts";

const now = new Date();
const authority = await loadAuthority(await createAuthority("authority", validityFrom(now, 1)));
const { certificatePem, privateKeyPem } = await createServerCertificate(authority, { names: ["localhost"], now });
const ca = pemOf(authority.certificate);
const server = createTlsServer({ cert: certificatePem, key: privateKeyPem });
const listener = createServer((socket) => void server.emit("connection", socket.on("error", () => {})));
await once(listener.listen(0, "127.0.0.1"), "listening");
const { port } = listener.address() as AddressInfo;

async function connected(): Promise<Socket> {
  const socket = connectTcp({ host: "127.0.0.1", port });
  await once(socket, "connect");
  return socket;
}

if (Deno.args[0] === "openPlatform") {
  const folder = await Deno.makeTempDir();
  const platform = await openPlatform({ dataDirectory: folder, clock: systemClock, log: () => {} });
  await platform[Symbol.asyncDispose]();
  await Deno.remove(folder, { recursive: true });
}
if (Deno.args[0] === "startTls") {
  const options = { trust: { ca: null, pins: [] }, context: createSecureContext({ ca }), protocol: null, judge() {} };
  (await startTls(await connected(), "localhost", options)).destroy();
}

const socket = await connected();
const secure = connectTls({ socket, servername: "localhost", ca });
await once(secure, "secureConnect");
const failed = once(secure, "error");
socket.destroy();
await Promise.resolve();
secure.write("x");
console.log((await failed)[0].code);
listener.close();
