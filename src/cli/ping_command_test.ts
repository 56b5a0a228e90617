import assert from "node:assert/strict";
import { type TestHost, testHost } from "../../tests/fixtures/test_host.ts";
import { NotPermittedError } from "../../common/core/errors.ts";
import { runCli } from "./run_cli.ts";

const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const config = `${folder}/agent.yaml`;
await Deno.writeTextFile(
  config,
  `
platform: { rootDomain: example.com, endpoints: [dca.example.com] }
stateDirectory: ${folder}/state
sites: [{ name: berlin, ranges: [10.1.0.0/24], hosts: [p1.example.com, nowhere.example.com, trap.example.com] }]
policy: { exclude: [10.1.0.9, trap.example.com] }
`,
);

type Ping = (signal: AbortSignal, host: TestHost) => Promise<{ roundTripMs: number[] }>;

async function run(args: string[], ping: Ping = () => Promise.resolve({ roundTripMs: [0.5, 12.25] })) {
  const asked: [address: string, count: number][] = [];
  const host = testHost({ names: { "p1.example.com": ["10.1.0.9", "10.9.0.1"], "trap.example.com": ["10.1.0.7"] } });
  const machine = host.agentMachine();
  host.agentMachine = () => ({
    ...machine,
    ping(address, options) {
      asked.push([address, options.count]);
      return ping(options.signal, host);
    },
  });
  const code = await runCli(["ping", ...args, "--config", config], host);
  return { code, asked, host };
}

Deno.test("opendca ping says how many answered, and how quickly", async () => {
  const { code, asked, host } = await run(["10.1.0.7"]);
  assert.deepEqual([code, asked], [0, [["10.1.0.7", 4]]]);
  assert.equal(host.out, "10.1.0.7: 2 of 4 answered, 6.38 ms on average, 0.50 to 12 ms\n");
  const one = await run(["10.1.0.7", "--count", "1"], () => Promise.resolve({ roundTripMs: [3] }));
  assert.deepEqual(one.asked, [["10.1.0.7", 1]]);
  assert.equal(one.host.out, "10.1.0.7: 1 of 1 answered, 3.00 ms\n");
});

Deno.test("opendca ping --json prints the same for programs", async () => {
  const { host } = await run(["10.1.0.7", "--json", "--count", "2"]);
  assert.deepEqual(JSON.parse(host.out), {
    target: "10.1.0.7",
    address: "10.1.0.7",
    sent: 2,
    received: 2,
    roundTripMs: [0.5, 12.25],
    said: null,
  });
});

Deno.test("opendca ping ends with 69 and what to do next when nobody answers", async () => {
  const { code, host } = await run(["10.1.0.7"], () => Promise.resolve({ roundTripMs: [] }));
  assert.equal(code, 69);
  assert.match(host.out, /^10\.1\.0\.7: no answer to 4 echo requests\n.*opendca doctor --printer 10\.1\.0\.7/);
});

Deno.test("opendca ping shows what came instead of an answer", async () => {
  const unreachable = () => Promise.resolve({ roundTripMs: [], said: "From 10.1.0.2 Destination Host Unreachable" });
  const { code, host } = await run(["10.1.0.7"], unreachable);
  assert.equal(code, 69);
  assert.match(host.out, /requests\nping says: From 10\.1\.0\.2 Destination Host Unreachable\nSome printers/);
});

Deno.test("opendca ping passes an excluded address of a name by", async () => {
  const { code, asked, host } = await run(["p1.example.com"]);
  assert.deepEqual([code, asked], [0, [["10.9.0.1", 4]]]);
  assert.match(host.out, /^p1\.example\.com \(10\.9\.0\.1\): /);
});

const refused = [
  {
    target: "10.2.0.1",
    code: 77,
    says: /^error: Cannot ping 10\.2\.0\.1 as it is outside what .*agent\.yaml.*\nhint: /,
  },
  { target: "10.1.0.9", code: 77, says: /outside what/ },
  { target: "other.example.com", code: 77, says: /outside what/ },
  { target: "trap.example.com", code: 77, says: /outside what/ },
  { target: "nowhere.example.com", code: 69, says: /no permitted address/ },
  { target: "10.1.0.7;id", code: 64, says: /neither an address nor a host name.*"10\.1\.0\.7;id"/ },
];
for (const { target, code, says } of refused) {
  Deno.test(`opendca ping ${target} sends nothing and ends with ${code}`, async () => {
    const result = await run([target]);
    assert.deepEqual([result.code, result.asked], [code, []]);
    assert.match(result.host.err, says);
    assert.equal(result.host.out, "");
  });
}

Deno.test("opendca ping ends with 77 where this user may not send ICMP, and with 130 after Ctrl-C", async () => {
  const denied = await run(["10.1.0.7"], () => Promise.reject(new NotPermittedError("Cannot ping", "permit it")));
  assert.equal(denied.code, 77);
  const stopped = await run(["10.1.0.7"], (signal, host) => {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(signal.reason));
    host.interrupt();
    return promise;
  });
  assert.deepEqual([stopped.code, stopped.host.out, stopped.host.err], [130, "", ""]);
});
