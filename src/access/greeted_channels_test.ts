import assert from "node:assert/strict";
import { once } from "node:events";
import { Duplex } from "node:stream";
import { createHello, forwardKeyOf, isAnswer } from "../../common/protocol/forward_hello.ts";
import { until } from "../../tests/fixtures/until.ts";
import type { IncomingChannel } from "./gateway_connection.ts";
import { greetedChannels } from "./greeted_channels.ts";

const key = forwardKeyOf("key");

/** A channel; `written` is what the agent has sent. */
function channelOf(): { duplex: Duplex; written: Uint8Array[]; channel: IncomingChannel; rejected: () => boolean } {
  const written: Uint8Array[] = [];
  let isRejected = false;
  const duplex = new Duplex({
    read() {},
    write(chunk, _, done) {
      written.push(chunk);
      done();
    },
  });
  const channel = { accept: () => duplex, reject: () => void (isRejected = true) };
  return { duplex, written, channel, rejected: () => isRejected };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

Deno.test("greetedChannels() gives on what follows the hello, which may come in pieces, and answers with the device", async () => {
  const { duplex, written, channel } = channelOf();
  const taken = Promise.withResolvers<IncomingChannel>();
  greetedChannels({ key, take: taken.resolve, onEnd() {} })(channel);
  const hello = createHello("device", key);
  for (const octet of hello.subarray(0, -1)) duplex.push(Uint8Array.of(octet));
  await settled();
  duplex.push(new Uint8Array([hello.at(-1)!, ...new TextEncoder().encode("GET /")]));
  const { accept } = await taken.promise;
  assert.equal(written.length, 0, "nothing is answered before the device is connected");
  const accepted = accept();
  assert.ok(isAnswer(written[0]!, { hello, key }));
  const [chunk] = await once(accepted, "data");
  assert.equal(new TextDecoder().decode(chunk), "GET /");
});

Deno.test("greetedChannels() ends the session with its connection, of which there is one", async () => {
  let ends = 0;
  const take = greetedChannels({ key, take: () => assert.fail("it is not for the device"), onEnd: () => ends++ });
  const first = channelOf(), second = channelOf();
  for (const { channel, duplex } of [first, second]) {
    take(channel);
    duplex.push(createHello("session", key));
    await settled();
  }
  assert.equal(first.written.length, 1);
  assert.ok(second.duplex.destroyed && second.written.length === 0);
  assert.equal(ends, 0);
  first.duplex.push(null);
  await settled();
  assert.ok(ends > 0);
});

Deno.test("greetedChannels() destroys what sends no hello in time or another one, and takes few that are silent", async () => {
  const take = greetedChannels({ key, take: () => assert.fail("it was let in"), onEnd() {}, helloMs: 50 });
  const other = channelOf();
  take(other.channel);
  other.duplex.push(createHello("device", forwardKeyOf("other")));
  const short = channelOf();
  take(short.channel);
  short.duplex.push(new Uint8Array(48));
  short.duplex.push(null);
  await until("both are destroyed", () => other.duplex.destroyed && short.duplex.destroyed);
  const silent = Array.from({ length: 20 }, channelOf);
  for (const { channel } of silent) take(channel);
  assert.equal(silent.filter(({ rejected }) => rejected()).length, 4);
  await until("the silent ones are closed", () => silent.slice(0, 16).every(({ duplex }) => duplex.closed));
  const late = channelOf();
  take(late.channel);
  assert.equal(late.rejected(), false);
  late.duplex.destroy();
  await settled();
});
