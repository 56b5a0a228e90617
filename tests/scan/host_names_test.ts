/** Host names in front of real name servers: one that knows some, and one that says nothing to a thousand. */
import assert from "node:assert/strict";
import type { NamesFindings } from "./names_in_namespace.ts";
import { namespaceTest, runInNamespace } from "../fixtures/name_server_namespace.ts";

const program = new URL("names_in_namespace.ts", import.meta.url).pathname;
const hosts = "127.0.0.1 localhost\n192.0.2.4 of-the-file.test\n";

namespaceTest(
  "lookUp() gives addresses of DNS with their time to live, those of the hosts file, and says what is unknown",
  [
    "ip",
    "dnsmasq",
  ],
  async () => {
    const found = await runInNamespace<NamesFindings>({
      hosts,
      nameServer: ["--local=/test/", "--host-record=both.test,192.0.2.7,fd00::7,777", "--address=/odd.test/224.0.0.1"],
      program,
      argument: [["both.test", "of-the-file.test", "nobody.test", "odd.test"], false],
    });
    assert.deepEqual(found.resolved, {
      "both.test": { addresses: ["192.0.2.7", "fd00::7"], fault: null },
      "of-the-file.test": { addresses: ["192.0.2.4"], fault: null },
      "nobody.test": { addresses: [], fault: { reason: "unknown", message: "no name server knows it" } },
      "odd.test": {
        addresses: [],
        fault: {
          reason: "unscannable",
          message: "its address is 224.0.0.1, and 224.0.0.0/4 holds multicast addresses",
        },
      },
    });
    assert.equal(found.ttl, 777);
  },
);

namespaceTest(
  "a thousand names that no name server answers hold up nothing else, and few are asked for",
  ["ip"],
  async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `printer-${i}.test`);
    const found = await runInNamespace<NamesFindings>({ hosts, program, argument: [names, true] });
    assert.ok(found.readMeanwhile, "a file was read only when names had been given up");
    assert.ok(found.questions > 0 && found.questions <= 100, `${found.questions} questions`);
    const { fault } = found.resolved["printer-999.test"]!;
    assert.deepEqual(fault, { reason: "silent", message: "the name server 127.0.0.9 does not answer" });
  },
);
