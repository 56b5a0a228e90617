import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { carrySession } from "./carry_session.ts";

const limits = { idleMs: 60_000, maxBytes: 1_000_000, lastsMs: 600_000, lastsBecause: "its time was over" };

function quiet(): Duplex {
  return new Duplex({ read() {}, write: (_, __, done) => done() });
}

Deno.test("carrySession() ends the connection to a device whose channel was closed before it came about", async () => {
  const device = quiet(), channel = quiet();
  const connected = Promise.withResolvers<Socket>();
  const place = { address: "10.1.0.7", port: 80 };
  const carrier = carrySession(place, { limits, clock: new FakeClock(), connect: () => connected.promise });
  carrier.take({ accept: () => channel, reject: () => assert.fail("it was rejected") });
  channel.destroy();
  await once(channel, "close");
  connected.resolve(device as Socket);
  await once(device, "close");
  carrier.end("done");
  assert.equal(await carrier.ended, "done");
});
