import { fakeNames } from "../../tests/fixtures/fake_names.ts";
import assert from "node:assert/strict";
import { type AddressSpace, netPermissions, targetAt } from "./address_space.ts";
import { parseTargets } from "./parse_targets.ts";

function parse(specs: string[], exclude: string[] = []): Promise<AddressSpace> {
  return parseTargets(specs, {
    exclude,
    port: 16161,
    maxAddresses: 1_048_576,
    resolve: fakeNames({}),
    readTextFile: () => Promise.resolve(""),
  });
}

const permissions: { specs: string[]; exclude?: string[]; want: string[] }[] = [
  { specs: ["10.1.0.0/16"], want: ["10.1.0.0/16:16161", "0.0.0.0:0"] },
  { specs: ["10.1.0.0/16:161"], want: ["10.1.0.0/16:161", "0.0.0.0:0"] },
  { specs: ["10.0.0.0/24", "10.0.1.0/24"], want: ["10.0.0.0/23:16161", "0.0.0.0:0"] },
  { specs: ["10.0.0.1-4"], want: ["10.0.0.1:16161", "10.0.0.2/31:16161", "10.0.0.4:16161", "0.0.0.0:0"] },
  {
    specs: ["10.0.0.0/29"],
    exclude: ["10.0.0.5"],
    want: ["10.0.0.0/30:16161", "10.0.0.4:16161", "10.0.0.6/31:16161", "0.0.0.0:0"],
  },
  {
    specs: ["10.0.0.0/29"],
    exclude: ["10.0.0.0", "10.0.0.4/30"],
    want: ["10.0.0.1:16161", "10.0.0.2/31:16161", "0.0.0.0:0"],
  },
  { specs: ["fd00::5"], want: ["[fd00::5]:16161", "[::]:0"] },
  { specs: ["[fd00::/127]:161"], want: ["[fd00::]:161", "[fd00::1]:161", "[::]:0"] },
  { specs: ["10.0.0.1", "fd00::5"], want: ["10.0.0.1:16161", "[fd00::5]:16161", "0.0.0.0:0", "[::]:0"] },
];
for (const { specs, exclude, want } of permissions) {
  Deno.test(`netPermissions() of ${specs.join(" ")} without ${exclude?.join(" ") ?? "nothing"}`, async () => {
    assert.deepEqual(netPermissions(await parse(specs, exclude)), want);
  });
}

Deno.test("targetAt() finds the ends of each segment", async () => {
  const space = await parse(["10.0.0.1-3", "10.0.0.9:161", "fd00::1-fd00::2"]);
  const all = Array.from({ length: space.size }, (_, index) => targetAt(space, index).address);
  assert.deepEqual(all, ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.9", "fd00::1", "fd00::2"]);
  assert.deepEqual(targetAt(space, 3), { family: 4, address: "10.0.0.9", port: 161, hostname: null });
  for (const index of [-1, 6, NaN]) assert.throws(() => targetAt(space, index), RangeError);
});

Deno.test("targetAt() works on a space that went through a structured clone", async () => {
  const space = await parse(["10.0.0.1-3", "fd00::1"]);
  const copy = structuredClone(space);
  assert.deepEqual(copy, space);
  assert.equal(targetAt(copy, 3).address, "fd00::1");
});

const sender = `self.onmessage = async ({ data: { bind, to } }) => {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: bind, port: 0 });
  const said = [];
  for (const { hostname, port } of to) {
    try {
      await socket.send(new Uint8Array(1), { transport: "udp", hostname, port });
      said.push("sent");
    } catch (error) {
      said.push(error.name);
    }
  }
  socket.close();
  self.postMessage(said);
};`;

/** What a worker that holds exactly these permissions can send to. */
async function trySends(
  net: string[],
  options: { bind: string; to: { hostname: string; port: number }[] },
): Promise<string[]> {
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(sender)}`, {
    type: "module",
    deno: { permissions: { net } },
  });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage(options);
    });
  } finally {
    worker.terminate();
  }
}

const sandboxes: {
  name: string;
  specs: string[];
  exclude?: string[];
  bind?: string;
  inside: string[];
  outside: string[];
}[] = [
  {
    name: "a CIDR block",
    specs: ["127.1.0.0/16"],
    inside: ["127.1.0.1", "127.1.255.254"],
    outside: ["127.0.255.255", "127.2.0.0", "127.0.0.1"],
  },
  {
    name: "a range",
    specs: ["127.0.0.5-9"],
    inside: ["127.0.0.5", "127.0.0.7", "127.0.0.9"],
    outside: ["127.0.0.4", "127.0.0.10"],
  },
  {
    name: "a block with a hole",
    specs: ["127.1.0.0/24"],
    exclude: ["127.1.0.7", "127.1.0.16/29"],
    inside: ["127.1.0.6", "127.1.0.8", "127.1.0.15", "127.1.0.24"],
    outside: ["127.1.0.7", "127.1.0.16", "127.1.0.23"],
  },
  { name: "an IPv6 address", specs: ["::1"], bind: "::", inside: ["::1"], outside: ["::2", "127.0.0.1"] },
];
for (const { name, specs, exclude, bind = "0.0.0.0", inside, outside } of sandboxes) {
  Deno.test(`netPermissions() hold a worker inside ${name} and on its port`, async () => {
    const net = netPermissions(await parse(specs, exclude));
    const to = (port: number) => (hostname: string) => ({ hostname, port });
    const said = await trySends(net, {
      bind,
      to: [
        ...inside.map(to(16161)),
        ...outside.map(to(16161)),
        // Port 9100 makes printers print; the wildcard address reaches the machine itself.
        ...inside.map(to(9100)),
        ...["0.0.0.0", "::"].map(to(16161)),
      ],
    });
    const refusals = outside.length + inside.length + 2;
    assert.deepEqual(said, [...inside.map(() => "sent"), ...Array.from({ length: refusals }, () => "NotCapable")]);
  });
}
