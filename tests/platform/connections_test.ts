/** Strangers who hold connections; hundreds of them are in tests/faults. PostgreSQL is only asked who an agent is. */
import { Buffer } from "node:buffer";
import tls from "node:tls";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { activatedAgent, startTestPlatform, type TestAgent } from "../fixtures/platform_fixture.ts";
import {
  checkHeld,
  dial,
  type Held,
  held,
  limits,
  outside,
  preface,
  settings,
  untilPolled,
} from "../fixtures/strangers.ts";
import { until } from "../fixtures/until.ts";

for (const name of ["TCP without a byte", "a preface, and settings again and again"]) {
  Deno.test(`${name}: a few are ended, and agents get through meanwhile`, () =>
    checkHeld(outside[name]!, { each: 10, anonymousOfSource: 6, withoutCallMs: 1500 }));
}

Deno.test("an agent gets through beside a stranger of the same address who never stops dialing", async () => {
  await using platform = await startTestPlatform({ connections: limits });
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  const open = new Set<Held>();
  const dialing = setInterval(() => {
    for (let i = 0; i < 4; i++) {
      const one = dial(platform, "127.0.0.1");
      open.add(one);
      void one.closed.then(() => open.delete(one));
    }
  }, 20);
  await until("the source is full", () => open.size >= limits.anonymousOfSource / 2);
  for (let i = 0; i < 3; i++) await untilPolled(platform, agent);
  clearInterval(dialing);
  for (const each of open) each[Symbol.dispose]();
});

slowInPostgres("a certificate that is not known reserves no room", async () => {
  await using platform = await startTestPlatform({ connections: { ...limits, withoutCallMs: 1000 } });
  const customer = await platform.customer("Acme");
  let agent: TestAgent | undefined;
  // On a busy machine, its connection may not be in time either.
  await until("the agent is activated", async () => {
    agent = await activatedAgent(platform, customer).catch(() => undefined);
    return agent !== undefined;
  });
  await customer.tenant.run("UPDATE agents SET state = 'revoked' WHERE customer_id = :customer");
  const { privateKeyPem: key, chain: cert } = agent!.identity;
  const socket = tls.connect({
    host: "127.0.0.1",
    port: Number(platform.target.split(":")[1]),
    servername: "localhost",
    ca: platform.serverAuthority,
    ALPNProtocols: ["h2"],
    key,
    cert,
  });
  using connection = held(socket);
  socket.write(Buffer.concat([preface, settings]));
  await connection.closed;
});
