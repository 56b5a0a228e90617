/** `opendca doctor` at a printer whose access rules hide what is needed: Net-SNMP's agent with views. */
import assert from "node:assert/strict";
import { runCli } from "../../src/cli/run_cli.ts";
import { testHost } from "../fixtures/test_host.ts";
import { peerTest } from "../fixtures/peers.ts";
import { startSnmpdPrinter, viewLines, viewUsers } from "../fixtures/snmpd_printer.ts";

const community = (name: string, more = "") => `{ name: ${name}, community: ${name}${more} }`;
const { sealed, signed, modest } = viewUsers;

const lines = viewLines("limited", "general", "nothing");

const cases: { name: string; credentials: string[]; faults: string[]; code: number; detail: RegExp; says?: RegExp }[] =
  [
    {
      name: "a community that shows the system group alone",
      credentials: [community("limited")],
      faults: ["failed limited-view"],
      code: 77,
      detail: /^answers by SNMPv2c with "limited", which shows the system group alone$/,
      says: /^Cannot read all of 127.0.0.1:\d+ with "limited": it shows the system group alone$/,
    },
    {
      name: "a community that shows nothing",
      credentials: [community("nothing")],
      faults: ["failed empty-view"],
      code: 77,
      detail: /^answers, but no credential works$/,
      says: /with "nothing": it is valid, but the device shows it nothing$/,
    },
    {
      name: "a limited one before one that shows all",
      credentials: [community("limited"), community("full")],
      faults: ["warning limited-view"],
      code: 0,
      detail: /^answers by SNMPv2c with "full"$/,
      says: /with "limited": it shows the system group alone; "full" shows more and is used$/,
    },
    {
      name: "an empty and a limited user before one that shows all",
      credentials: [community("nothing"), modest, sealed],
      faults: ["warning empty-view", "warning limited-view"],
      code: 0,
      detail: /^answers by SNMPv3 as "sealed" with sha256 and aes128$/,
    },
    {
      name: "one user at two levels",
      credentials: [signed, sealed],
      faults: ["warning level-too-low"],
      code: 0,
      detail: /^answers by SNMPv3 as "sealed" with sha256 and aes128$/,
    },
    {
      name: "limited ones alone",
      credentials: [community("limited"), modest, community("wrong")],
      faults: ["failed community-silent", "failed limited-view", "failed limited-view"],
      code: 77,
      detail: /with "limited", which shows the system group alone$/,
    },
    {
      name: "the Printer MIB without markers",
      credentials: [community("limited"), community("general")],
      faults: ["warning limited-view", "warning limited-view"],
      code: 0,
      detail: /^answers by SNMPv2c with "general"$/,
    },
    {
      name: "a community that shows all by version 1 alone",
      credentials: [community("mixed")],
      faults: [],
      code: 0,
      detail: /^answers by SNMPv1 with "mixed"$/,
    },
    { name: "nothing wrong", credentials: [community("full")], faults: [], code: 0, detail: /SNMPv2c with "full"$/ },
  ];

peerTest("opendca doctor says what each credential shows of a printer", ["snmpd", "snmpget"], async (t) => {
  await using agent = await startSnmpdPrinter(lines);
  for (const { name, credentials, faults, code, detail, says } of cases) {
    await t.step(name, async () => {
      const file = await Deno.makeTempFile({ suffix: ".yaml" });
      try {
        await Deno.writeTextFile(file, `default: [${credentials.join(", ")}]\n`);
        const host = testHost();
        const read = host.readTextFile;
        host.readTextFile = (path) => path === "/etc/opendca/agent.yaml" ? read(`${file}.none`) : read(path);
        const args = ["doctor", "--printer", agent.target, "--timeout", "200", "--json", "--credentials", file];
        const exitCode = await runCli(args, host);
        const found = JSON.parse(host.out);
        const names = found.faults.map((fault: Record<string, string>) => `${fault.severity} ${fault.name}`);
        assert.deepEqual([names, exitCode], [faults, code], host.out);
        assert.match(found.steps.at(-1).detail, detail);
        if (says !== undefined) assert.match(found.faults[0].message, says);
      } finally {
        await Deno.remove(file);
      }
    });
  }
});
