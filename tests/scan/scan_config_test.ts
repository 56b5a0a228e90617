/** `opendca scan --config FILE`: credentials, settings, targets and excludes of a configuration. */
import assert from "node:assert/strict";
import type { DeviceOptions } from "../../simulator/device.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { UnavailableError } from "../../common/core/errors.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import type { ScanDocument } from "../../common/reading/reading.ts";
import { inTurns } from "../fixtures/office_fixture.ts";
import { type TestHost, testHost } from "../fixtures/test_host.ts";
import { port, standardPrinter } from "../fixtures/scan_fixture.ts";

const net = "127.148.0";
const branchPort = port + 1;
const withCommunity = (address: string, community: string, changes: Partial<DeviceOptions> = {}) =>
  standardPrinter(address, { communities: [community], ...changes });
const devices = [
  withCommunity(`${net}.1`, "head"),
  withCommunity(`${net}.2`, "head"),
  withCommunity(`${net}.9`, "head"),
  withCommunity(`${net}.17`, "branch", { port: branchPort }),
  withCommunity(`${net}.18`, "typed", { port: branchPort }),
  withCommunity(`${net}.33`, "other"),
  withCommunity(`${net}.65`, "other"),
];

const file = (folder: string) =>
  `platform: { rootDomain: localhost, endpoints: [localhost:1] }
stateDirectory: ${folder}/state
limits: { timeout: 300ms, rate: 0, retries: 0 }
sites:
  - { name: head, ranges: ["${net}.0/28"], exclude: ["${net}.9"], port: ${port}, credentials: [{ community: head }] }
  - { name: branch, ranges: ["${net}.16/28"], port: ${branchPort}, credentials: [{ community: branch }] }
credentials: [{ community: other }]
policy:
  ranges: ["${net}.0/26"]
  exclude: ["${net}.2"]
  ports: { snmp: [${port}, ${branchPort}] }
`;

const names = {
  "head.test": [`${net}.1`],
  "excluded.test": [`${net}.9`],
  "outside.test": [`${net}.65`],
  "listed.test": [`${net}.65`],
};

interface Run {
  code: number;
  host: TestHost;
  found: string[];
  document: ScanDocument | undefined;
  /** That arrived at one of the devices. */
  requests(address: string): number;
}

let nets = 0;

/**
 * Scans with the configuration, changed by `change`. Each scan has a network of its own, so that several can run at a
 * time; what is returned has the addresses of the first one.
 */
async function scanned(
  args: string[],
  change: (text: string) => string = (text) => text,
  prepare: (host: TestHost) => void = () => {},
): Promise<Run> {
  const folder = await Deno.makeTempDir();
  try {
    const config = `${folder}/agent.yaml`, own = `127.148.${nets++}.`;
    const here = (text: string) => text.replaceAll(`${net}.`, own),
      back = (text: string) => text.replaceAll(own, `${net}.`);
    await Deno.writeTextFile(config, here(change(file(folder))));
    await using simulator = await startSimulator({
      devices: devices.map((device) => ({ ...device, address: here(device.address!) })),
      log: true,
    });
    const host = testHost({
      env: { OPENDCA_GUARD_DIRECTORY: `${folder}/guard` },
      names: Object.fromEntries(Object.entries(names).map(([name, addresses]) => [name, addresses.map(here)])),
    });
    prepare(host);
    const code = await runCli(
      ["scan", "--quiet", "--format", "json", "--config", config, ...args.map(here)],
      host,
    );
    host.out = back(host.out);
    host.err = back(host.err);
    const document: ScanDocument | undefined = host.out.startsWith("{") ? JSON.parse(host.out) : undefined;
    const found = document?.printers.map(({ address }) => address.slice(net.length + 1)) ?? [];
    return { code, host, found, document, requests: (address) => simulator.requests(here(address)) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const targetCases = [
  {
    name: "without one the sites are scanned, each with its own credentials and port",
    args: [],
    found: ["1", "17"],
    // .0/28 without its ends, the excluded .9 and the policy's .2, and .16/28 without its ends.
    addresses: 12 + 14,
    unasked: ["2", "9", "33", "65"],
  },
  { name: "only the target is asked, as its site is", args: [`${net}.17`], found: ["17"], addresses: 1 },
  { name: "targets of two sites", args: [`${net}.1`, `${net}.17`], found: ["1", "17"], addresses: 2 },
  {
    name: "a block is asked without what the file excludes",
    args: [`${net}.0/28`],
    found: ["1"],
    addresses: 12,
    problem: /^2 addresses of 127\.148\.0\.0\/28 were left out, as .*agent\.yaml" excludes/,
  },
  {
    name: "a target in the policy and in no site has the credentials outside sites",
    args: [`${net}.33:${port}`],
    found: ["33"],
    addresses: 1,
  },
  { name: "--port wins", args: [`${net}.17`, "--port", `${port}`], found: [], addresses: 1 },
  { name: "--community wins", args: [`${net}.18`, "--community", "typed"], found: ["18"], addresses: 1 },
  { name: "--community wins over sites", args: ["--community", "typed"], found: ["18"], addresses: 26 },
  {
    name: "--exclude excludes more",
    args: ["--exclude", `${net}.0/28`],
    found: ["17"],
    addresses: 14,
    problem: /head: /,
  },
  {
    name: "--exclude of one of the targets",
    args: [`${net}.1`, `${net}.17`, "--exclude", `${net}.17`],
    found: ["1"],
    addresses: 1,
  },
  { name: "a name whose address is in a site", args: ["head.test"], found: ["1"], addresses: 1 },
  {
    name: "a name that nobody knows is left out",
    args: ["nobody.test", `${net}.1`],
    found: ["1"],
    addresses: 1,
    problem: /^Cannot scan nobody\.test as no name server knows it; it is skipped$/,
  },
  {
    name: "targets that overlap are asked once",
    args: [`${net}.17`, `${net}.16/28`, `${net}.17:${branchPort}`],
    found: ["17"],
    addresses: 14,
  },
];
Deno.test("scan --config with targets, and without", async (t) => {
  const runs = await inTurns(targetCases, ({ args }) => scanned(args));
  for (const [i, { name, found, addresses, problem, unasked = [] }] of targetCases.entries()) {
    await t.step(name, () => {
      const run = runs[i]!;
      assert.deepEqual([run.code, run.host.err, run.found], [0, "", found]);
      assert.equal(run.document!.stats.addresses, addresses);
      const told = run.document!.problems.map(({ message }) => message);
      if (problem === undefined) assert.deepEqual(told, []);
      else assert.match(told.join("\n"), problem);
      for (const last of unasked) assert.equal(run.requests(`${net}.${last}`), 0, last);
    });
  }
});

Deno.test("scan --config: a host name of a site, and one of policy.hosts, are asked whatever their address is", async () => {
  const ofSite = (text: string) => text.replace('ranges: ["127.148.0.16/28"]', "hosts: [listed.test]");
  const withPort = (text: string) =>
    ofSite(text).replace("credentials: [{ community: branch }]", "credentials: [{ community: other }]");
  const sited = (text: string) =>
    withPort(text).replace(
      `hosts: [listed.test], port: ${branchPort}`,
      `hosts: ["listed.test:${port}"], port: ${branchPort}`,
    )
      .replace("policy:", "policy:\n  hosts: [listed.test]");
  const ofPolicy = (text: string) => text.replace("policy:", "policy:\n  hosts: [listed.test]");
  const runs = await Promise.all([
    scanned(["listed.test"], sited),
    scanned([], sited),
    scanned([`listed.test:${port}`], ofPolicy),
  ]);
  assert.deepEqual(runs.map(({ found }) => found), [["65"], ["1", "65"], ["65"]]);
});

Deno.test("scan --config takes timeout and retries of the file, and options win", async () => {
  const silent = ["--community", "nobody", `${net}.1`];
  const asked = async (args: string[], change?: (text: string) => string) => {
    const { requests, document } = await scanned([...silent, ...args], change);
    assert.deepEqual(document!.printers, []);
    return requests(`${net}.1`);
  };
  const withRetries = (text: string) => text.replace("retries: 0", "retries: 5");
  // Two versions are asked; a busy system may send each probe twice.
  const [once, optionWins, retried] = await Promise.all([
    asked([]),
    asked(["--retries", "0"], withRetries),
    asked([], withRetries),
  ]);
  assert(once <= 4 && optionWins <= 4, `${once}, ${optionWins}`);
  assert(retried >= 6, `${retried} with retries`);
});

Deno.test("scan --config that is interrupted in the first site says that the others were not asked", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/agent.yaml`, file(folder).replace("timeout: 300ms", "timeout: 30s"));
  const host = testHost({ env: { OPENDCA_GUARD_DIRECTORY: `${folder}/guard` } });
  try {
    const begun = Promise.withResolvers<void>(), { createWorker } = host;
    host.createWorker = (...args) => {
      begun.resolve();
      return createWorker(...args);
    };
    const running = runCli(["scan", "-q", "-f", "json", "--rate", "1", "--config", `${folder}/agent.yaml`], host);
    await begun.promise;
    host.interrupt();
    assert.equal(await running, 130);
    const asked = Number(host.err.match(/^interrupted: (\d+) of 26 addresses asked/)?.[1]);
    assert(asked <= 12, host.err);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const refusals = [
  {
    name: "a target that the policy excludes",
    args: [`${net}.2`],
    code: 77,
    error: /127\.148\.0\.2 as ".*" excludes it/,
  },
  {
    name: "a target that its site excludes",
    args: [`${net}.9`],
    code: 77,
    error: /127\.148\.0\.9 as ".*" excludes it/,
  },
  { name: "one of several targets", args: [`${net}.1`, `${net}.9`], code: 77, error: /0\.9 as ".*" excludes it/ },
  { name: "a target outside the policy", args: [`${net}.65`], code: 77, error: /outside policy\.ranges of/ },
  { name: "an excluded name", args: ["excluded.test"], code: 77, error: /excluded\.test as ".*" excludes it/ },
  { name: "a name outside the policy", args: ["outside.test"], code: 77, error: /outside policy\.ranges of/ },
  {
    name: "all that is left by --exclude",
    args: [`${net}.1`, "--exclude", `${net}.1`],
    code: 77,
    error: /every target is excluded/,
  },
  {
    name: "no sites and no target",
    args: [],
    code: 64,
    error: /no target was given and ".*" has no sites/,
    sites: false,
  },
  { name: "an unknown target", args: ["127.148.0.999"], code: 64, error: /127\.148\.0\.999/ },
  { name: "too many addresses", args: [`${net}.0/26`, "--max-addresses", "9"], code: 64, error: /limit is 9/ },
  { name: "an invalid file", args: [], code: 78, error: /timeout/, change: ["300ms", "fast"] },
  {
    name: "both kinds of credentials",
    args: ["-c", "x", "--credentials", "y"],
    code: 64,
    error: /--community together/,
  },
];
for (const { name, args, code, error, sites = true, change = ["", ""] } of refusals) {
  Deno.test(`scan --config refuses ${name}, and sends nothing`, async () => {
    const run = await scanned(
      args,
      (text) => (sites ? text : text.replace(/sites:\n( {2}- .*\n)+/, "")).replace(change[0]!, change[1]!),
    );
    assert.equal(run.code, code, run.host.err);
    assert.match(run.host.err, error);
    assert.equal(run.host.out, "");
    for (const { address } of devices) assert.equal(run.requests(address!), 0, address!);
  });
}

/** The loopback interface has no such address, so that the system refuses to send to it. */
const unreachable = "fe80::1%lo";
const withDepot = (text: string) =>
  text.replace(
    "  - { name: branch",
    `  - { name: depot, ranges: ["${unreachable}"], port: ${port}, credentials: [{ community: x }] }\n  - { name: branch`,
  ).replace(/^policy:\n( {2}.*\n)*/m, "");

const failures = [
  { name: "cannot be sent to", error: "Cannot send to fe80::1%lo", told: "nothing could be sent" },
  { name: "has no thread", error: "Cannot start a thread", told: "Cannot start a thread", hasNoThread: true },
];
/** Scans with a site that fails. */
function scannedWithDepot(format: string, hasNoThread: boolean): Promise<Run> {
  return scanned(["--format", format], withDepot, (host) => {
    if (!hasNoThread) return;
    const { createWorker } = host;
    host.createWorker = (net, ...rest) => {
      if (net.some((it) => it.includes("fe80"))) throw new UnavailableError("Cannot start a thread");
      return createWorker(net, ...rest);
    };
  });
}

Deno.test("scan --config keeps what the other sites gave", async (t) => {
  const runs = await Promise.all(
    failures.map(({ hasNoThread = false }) =>
      Promise.all(["json", "csv"].map((format) => scannedWithDepot(format, hasNoThread)))
    ),
  );
  for (const [i, { name, error, told }] of failures.entries()) {
    await t.step(`where one ${name}`, () => {
      for (const { code, host } of runs[i]!) {
        assert.equal(code, 75, host.err);
        assert.match(host.err, /^incomplete: cannot scan the site "depot": .*\n$/);
        assert(host.err.includes(error), host.err);
        for (const last of ["1", "17"]) assert(host.out.includes(`${net}.${last}`), host.out);
      }
      const failed = runs[i]![0]!.document!.problems.filter(({ code }) => code === "scan-failed");
      assert.deepEqual(failed.map(({ message }) => message), [`Cannot scan the site "depot": ${told}`]);
    });
  }
});

Deno.test("scan --config ends as a scan of one target does where no site can be sent to", async () => {
  const { code, host } = await scanned(
    ["--format", "json"],
    (text) => withDepot(text).replace(/^ {2}- \{ name: (head|branch).*\n/gm, ""),
  );
  assert.equal(code, 69, host.err);
  assert.match(host.err, /Cannot send to fe80::1%lo/);
});
