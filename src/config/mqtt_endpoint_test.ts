import assert from "node:assert/strict";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";
import { formatMqttEndpoint, parseMqttEndpoint } from "./mqtt_endpoint.ts";

for (
  const [text, shown] of [
    ["dca.example.com", "wss://dca.example.com:443/mqtt"],
    ["DCA.example.com:8443", "wss://dca.example.com:8443/mqtt"],
    ["wss://dca.example.com", "wss://dca.example.com:443/mqtt"],
    ["wss://dca.example.com/", "wss://dca.example.com:443/mqtt"],
    ["WSS://dca.example.com:444/broker/1", "wss://dca.example.com:444/broker/1"],
    ["mqtts://dca.example.com", "mqtts://dca.example.com:8883"],
    ["mqtts://dca.example.com:443/", "mqtts://dca.example.com:443"],
  ] as const
) {
  Deno.test(`parseMqttEndpoint() reads "${text}"`, () => {
    assert.equal(formatMqttEndpoint(parseMqttEndpoint(text)), shown);
    assert.deepEqual(parseMqttEndpoint(shown), parseMqttEndpoint(text));
  });
}

for (
  const text of [
    "",
    "ws://dca.example.com",
    "mqtt://dca.example.com",
    "tcp://dca.example.com",
    "https://dca.example.com",
    "wss://10.1.0.7",
    "wss://[::1]:443",
    "wss://user:secret@dca.example.com",
    "wss://dca.example.com:0",
    "wss://dca.example.com:65536",
    "wss://dca.example.com/a b",
    "wss://dca.example.com/mqtt?x=1",
    "mqtts://dca.example.com/mqtt",
    "mqtts://",
  ]
) {
  Deno.test(`parseMqttEndpoint() refuses "${text}"`, () => {
    assert.throws(() => parseMqttEndpoint(text), ValueSyntaxError);
  });
}
