import assert from "node:assert/strict";
import fc from "fast-check";
import { systemClock } from "../../common/core/clock.ts";
import { UnavailableError, UsageError } from "../../common/core/errors.ts";
import { type AddressSpace, netPermissions, targetAt } from "./address_space.ts";
import { createHostNames, NameLookupError } from "./host_names.ts";
import { parseTargets, type TargetOptions } from "./parse_targets.ts";

const names: Record<string, string[]> = {
  both: ["10.0.0.7", "fd00::7"],
  twin: ["10.0.0.7"],
  many: ["10.0.0.9", "10.0.0.8"],
  six: ["fd00::6"],
  blocked: ["0.0.0.0", "fe80::1", "224.0.0.1"],
  empty: [],
};

function options(given: Partial<TargetOptions> & { files?: Record<string, string> } = {}): TargetOptions {
  return {
    exclude: [],
    port: 161,
    maxAddresses: 1_048_576,
    resolve: createHostNames({
      lookUp: (host) => {
        const addresses = names[host];
        if (addresses !== undefined) return Promise.resolve({ addresses, ttlSeconds: null });
        return Promise.reject(new NameLookupError("unknown", "no name server knows it"));
      },
      clock: systemClock,
    }).resolve,
    readTextFile: (path) => {
      const text = given.files?.[path];
      return text === undefined ? Promise.reject(new Deno.errors.NotFound(path)) : Promise.resolve(text);
    },
    ...given,
  };
}

function list(space: AddressSpace): string[] {
  return Array.from({ length: space.size }, (_, index) => {
    const { address, port, hostname } = targetAt(space, index);
    return `${address} ${port}${hostname === null ? "" : ` ${hostname}`}`;
  });
}

const scans: { name: string; specs: string[]; given?: Parameters<typeof options>[0]; want: string[] }[] = [
  { name: "a /30 without network and broadcast", specs: ["10.0.0.0/30"], want: ["10.0.0.1 161", "10.0.0.2 161"] },
  { name: "a /31 whole", specs: ["10.0.0.0/31"], want: ["10.0.0.0 161", "10.0.0.1 161"] },
  { name: "a /32", specs: ["10.0.0.0/32"], want: ["10.0.0.0 161"] },
  { name: "a range whole", specs: ["10.0.0.0-2"], want: ["10.0.0.0 161", "10.0.0.1 161", "10.0.0.2 161"] },
  {
    name: "a broadcast address that is named",
    specs: ["10.0.0.0/30", "10.0.0.3"],
    want: ["10.0.0.1 161", "10.0.0.2 161", "10.0.0.3 161"],
  },
  { name: "overlaps once", specs: ["10.0.0.1-2", "10.0.0.2", "10.0.0.0/30"], want: ["10.0.0.1 161", "10.0.0.2 161"] },
  { name: "ports apart", specs: ["10.0.0.1", "10.0.0.1:1161"], want: ["10.0.0.1 161", "10.0.0.1 1161"] },
  { name: "the default port once", specs: ["10.0.0.1", "10.0.0.1:161"], want: ["10.0.0.1 161"] },
  { name: "an IPv6 block whole", specs: ["fd00::/127"], want: ["fd00:: 161", "fd00::1 161"] },
  { name: "the IPv4 address of a name that has both", specs: ["both"], want: ["10.0.0.7 161 both"] },
  { name: "all IPv4 addresses of a name", specs: ["many"], want: ["10.0.0.8 161 many", "10.0.0.9 161 many"] },
  { name: "the IPv6 address of a name that has no other", specs: ["six"], want: ["fd00::6 161 six"] },
  {
    name: "a link-local address on each of two interfaces, each once",
    specs: ["fe80::1%eth0", "[fe80::1%eth1]:1161", "fe80::1%eth0", "fe80::1%eth1"],
    want: ["fe80::1%eth0 161", "fe80::1%eth1 161", "fe80::1%eth1 1161"],
  },
  {
    name: "no link-local address that is excluded",
    specs: ["fe80::1%eth0", "fd00::1"],
    given: { exclude: ["fe80::1%eth0"] },
    want: ["fd00::1 161"],
  },
  {
    name: "a name within a range once",
    specs: ["10.0.0.6-8", "twin"],
    want: ["10.0.0.6 161", "10.0.0.7 161 twin", "10.0.0.8 161"],
  },
  {
    name: "two names of one address once",
    specs: ["twin", "both:161"],
    want: ["10.0.0.7 161 twin"],
  },
  {
    name: "around an exclusion",
    specs: ["10.0.0.1-4"],
    given: { exclude: ["10.0.0.2-3"] },
    want: ["10.0.0.1 161", "10.0.0.4 161"],
  },
  {
    name: "without an excluded name, on every port",
    specs: ["10.0.0.6-7", "twin:1161"],
    given: { exclude: ["twin"] },
    want: ["10.0.0.6 161"],
  },
  {
    name: "an exclusion with a port on that port only",
    specs: ["10.0.0.7", "10.0.0.7:1161"],
    given: { exclude: ["10.0.0.7:1161"] },
    want: ["10.0.0.7 161"],
  },
];
for (const { name, specs, given, want } of scans) {
  Deno.test(`parseTargets() scans ${name}`, async () => {
    assert.deepEqual(list(await parseTargets(specs, options(given))), want);
  });
}

Deno.test("parseTargets() reads files with comments, blank lines, CRLF and a byte order mark", async () => {
  const files = {
    sites: "\ufeff10.0.0.1 # hall\r\n\r\n# floor 2\r\n  10.0.0.2:1161\t#x\r\n10.0.0.3",
    not: "10.0.0.3\n",
  };
  const space = await parseTargets(["@sites"], options({ files, exclude: ["@not"] }));
  assert.deepEqual(list(space), ["10.0.0.1 161", "10.0.0.2 1161"]);
});

const refused: { specs: string[]; given?: Parameters<typeof options>[0]; message: string; hint?: RegExp }[] = [
  { specs: [], message: "Cannot scan as no target is given" },
  {
    specs: ["10.0.0.0/8"],
    message: 'Cannot scan 16777214 addresses as the limit is 1048576: current value is "10.0.0.0/8"',
    hint: /--max-addresses 16777214/,
  },
  {
    specs: ["10.0.0.1-3", "10.0.0.5"],
    given: { maxAddresses: 3 },
    message: 'Cannot scan 4 addresses as the limit is 3: current value is "10.0.0.1-3" and 1 more',
  },
  {
    specs: ["10.0.0.1", "fd00::/64"],
    message: 'Cannot scan 18446744073709551616 IPv6 addresses as the limit is 4096: current value is "fd00::/64"',
  },
  {
    specs: ["224.0.0.251"],
    message: 'Cannot use a target as 224.0.0.0/4 holds multicast addresses: current value is "224.0.0.251"',
  },
  {
    specs: ["255.255.255.255"],
    message:
      'Cannot use a target as 240.0.0.0/4 holds reserved and broadcast addresses: current value is "255.255.255.255"',
  },
  {
    specs: ["0.0.0.0/0"],
    message: 'Cannot use a target as 0.0.0.0/8 holds unspecified addresses: current value is "0.0.0.0/0"',
  },
  { specs: ["::"], message: 'Cannot use a target as ::/128 holds the unspecified address: current value is "::"' },
  {
    specs: ["ff02::1"],
    message: 'Cannot use a target as ff00::/8 holds multicast addresses: current value is "ff02::1"',
  },
  {
    specs: ["fe80::1"],
    message:
      'Cannot use a target as fe80::/10 holds link-local addresses, which need an interface, as in fe80::1%eth0: current value is "fe80::1"',
  },
  {
    specs: ["10.0.0.1-2"],
    given: { exclude: ["10.0.0.0/24"] },
    message: "Cannot scan as every target is excluded",
  },
  {
    specs: ["10.0.0.1"],
    given: { exclude: ["10.0.0.999"] },
    message: 'Cannot use an exclusion as octet 999 is above 255: current value is "10.0.0.999"',
  },
  {
    specs: ["@sites"],
    given: { files: { sites: "10.0.0.1\n\n10.0.0.256 # hall\n" } },
    message: 'Cannot use line 3 of "sites" as octet 256 is above 255: current value is "10.0.0.256"',
  },
  {
    specs: ["@sites"],
    given: { files: { sites: "224.0.0.1" } },
    message: 'Cannot use line 1 of "sites" as 224.0.0.0/4 holds multicast addresses: current value is "224.0.0.1"',
  },
  {
    specs: ["@sites"],
    given: { files: { sites: "@more\n" } },
    message: 'Cannot use line 1 of "sites" as a file of targets cannot name another file: current value is "@more"',
  },
  {
    specs: ["@sites"],
    given: { files: { sites: "# nothing yet\n" } },
    message: 'Cannot read targets from a file as it names none: current value is "@sites"',
  },
  {
    specs: ["@gone"],
    message: 'Cannot read targets from a file as it does not exist: current value is "@gone"',
  },
];
for (const { specs, given, message, hint } of refused) {
  Deno.test(`parseTargets() says "${message}"`, async () => {
    await assert.rejects(parseTargets(specs, options(given)), (error) => {
      assert.ok(error instanceof UsageError);
      assert.equal(error.message, message);
      if (hint) assert.match(error.hint ?? "", hint);
      return true;
    });
  });
}

for (const name of ["unknown", "empty", "blocked"]) {
  for (const given of [{ specs: [name] }, { specs: ["10.0.0.1"], exclude: [name] }]) {
    Deno.test(`parseTargets() cannot resolve "${name}" in ${JSON.stringify(given)}`, async () => {
      await assert.rejects(parseTargets(given.specs, options(given)), (error) => {
        assert.ok(error instanceof UnavailableError);
        assert.match(error.message, new RegExp(`current value is "${name}"`));
        return true;
      });
    });
  }
}

Deno.test("parseTargets() keeps the IPv6 addresses of a name that has both apart, and none of them twice", async () => {
  const { alternatives } = await parseTargets(["both", "both:1161", "six"], options());
  assert.deepEqual(list(alternatives!), ["fd00::7 161 both", "fd00::7 1161 both"]);
  assert.deepEqual(alternatives!.allowed.map(({ port }) => port), [161, 1161]);
  assert.equal((await parseTargets(["both", "fd00::7"], options())).alternatives, undefined);
  assert.equal((await parseTargets(["both"], options({ exclude: ["fd00::/64"] }))).alternatives, undefined);
});

Deno.test("parseTargets() leaves out the names that have no address, and says why", async () => {
  const faults: string[] = [];
  const onNameFault = (name: string, reason: string) => void faults.push(`${name}: ${reason}`);
  const space = await parseTargets(["unknown", "both", "blocked", "empty"], options({ onNameFault }));
  assert.deepEqual(list(space), ["10.0.0.7 161 both"]);
  assert.deepEqual(faults, [
    "unknown: no name server knows it",
    "blocked: its address is 0.0.0.0, and 0.0.0.0/8 holds unspecified addresses",
    "empty: it has no address",
  ]);
  await assert.rejects(parseTargets(["unknown", "blocked"], options({ onNameFault })), UnavailableError);
});

Deno.test("parseTargets() asks for each name once", async () => {
  const asked: string[] = [];
  const resolve = (host: string) => {
    asked.push(host);
    return Promise.resolve({ addresses: ["10.0.0.7"], fault: null });
  };
  await parseTargets(["a", "a:1161", "10.0.0.1"], options({ resolve, exclude: ["b"] })).catch(() => {});
  assert.deepEqual(asked, ["a", "b"]);
});

Deno.test("parseTargets() accepts exactly as many addresses as the limit", async () => {
  assert.equal((await parseTargets(["10.0.0.0/24"], options({ maxAddresses: 254 }))).size, 254);
  await assert.rejects(parseTargets(["10.0.0.0/24"], options({ maxAddresses: 253 })), UsageError);
});

/** Targets within 10.0.0.0/26, so that they meet often. */
const octet = fc.integer({ min: 0, max: 63 });
const spec = fc.oneof(
  octet.map((last) => `10.0.0.${last}`),
  fc.tuple(octet, octet).map(([a, b]) => `10.0.0.${Math.min(a, b)}-${Math.max(a, b)}`),
  fc.tuple(octet, fc.integer({ min: 27, max: 32 })).map(([last, prefix]) => `10.0.0.${last}/${prefix}`),
);
const port = fc.constantFrom("", ":161", ":1161");
const specs = fc.array(fc.tuple(spec, port).map((parts) => parts.join("")), { minLength: 1, maxLength: 6 });

async function addressesOf(words: string[]): Promise<Set<string>> {
  const all = new Set<string>();
  for (const word of words) for (const target of list(await parseTargets([word], options()))) all.add(target);
  return all;
}

Deno.test("parseTargets() scans the union of its targets without the exclusions, nothing twice", async () => {
  await fc.assert(fc.asyncProperty(specs, fc.array(spec, { maxLength: 3 }), async (words, exclude) => {
    const excluded = new Set<string>();
    for (const word of exclude) {
      // As ranges, since an exclusion takes a block with its network and broadcast address.
      const { allowed } = await parseTargets([word], options());
      for (const { first, last } of allowed) {
        for (let value = first; value <= last; value++) excluded.add(`10.0.0.${value & 63n}`);
      }
    }
    const want = [...await addressesOf(words)].filter((target) => !excluded.has(target.split(" ")[0]!)).sort();
    const space = await parseTargets(words, options({ exclude })).catch((error) => {
      assert.ok(error instanceof UsageError);
      return { size: 0, segments: [], allowed: [] };
    });
    assert.deepEqual(list(space).sort(), want);
  }));
});

Deno.test("netPermissions() covers every target and no excluded address", async () => {
  await fc.assert(fc.asyncProperty(specs, octet, async (words, hole) => {
    const space = await parseTargets([...words, "10.0.9.9"], options({ exclude: [`10.0.0.${hole}`] }));
    const blocks = netPermissions(space);
    const covered = new Set<string>();
    for (const block of blocks.filter((text) => text !== "0.0.0.0:0")) {
      const [cidr, blockPort] = block.split(":");
      const { allowed } = await parseTargets([cidr!], options());
      for (const { first, last } of allowed) {
        for (let value = first; value <= last; value++) {
          const key = `${value} ${blockPort}`;
          assert.ok(!covered.has(key), `${key} twice in ${blocks}`);
          covered.add(key);
          assert.notEqual(value, 0x0a000000n + BigInt(hole));
        }
      }
    }
    for (let index = 0; index < space.size; index++) {
      const target = targetAt(space, index);
      const value = target.address.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n);
      assert.ok(covered.has(`${value} ${target.port}`));
    }
  }));
});
