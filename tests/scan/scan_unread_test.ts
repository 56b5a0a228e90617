/** A scan that was not whole says which devices it found and did not read, in each format and by its exit code. */
import assert from "node:assert/strict";
import { type Simulator, startSimulator } from "../../simulator/simulator.ts";
import { renderCsv } from "../../common/report/csv.ts";
import { renderHtml } from "../../common/report/html.ts";
import { renderTable } from "../../common/report/table.ts";
import { port, scan, standardPrinter } from "../fixtures/scan_fixture.ts";
import { startProgram } from "../fixtures/start_program.ts";
import { until } from "../fixtures/until.ts";

const whole = "127.150.0.200";
/** They answer the search and then nothing; some are being read when the scan is stopped, the others wait for it. */
const stuck = [2, 9, 10, 11, 100, 3, 20, 21, 22, 23, 24, 25].map((last) => `127.150.0.${last}`);
const inOrder = [2, 3, 9, 10, 11, 20, 21, 22, 23, 24, 25, 100].map((last) => `127.150.0.${last}`);
const devices = [
  standardPrinter(whole),
  ...stuck.map((address) => standardPrinter(address, { faults: [{ kind: "silence", after: 1 }] })),
];
const slowly = ["--timeout", "5000", "--workers", "1"];

const allFound = (simulator: Simulator) =>
  until("every device was found, and some are being read", () => {
    const requests = stuck.map((address) => simulator.requests(address));
    return requests.every((count) => count > 0) && requests.filter((count) => count > 1).length > 3;
  }, 60_000);

Deno.test("scan lists what was found but not read when it is interrupted while it reads", async () => {
  const { exitCode, document, host } = await scan(devices, [...stuck, ...slowly], {
    during: async (simulator, host) => {
      await allFound(simulator);
      host.interrupt();
    },
  });
  assert.equal(exitCode, 130);
  assert.deepEqual(document.unread.map(({ address }) => address), inOrder);
  assert.deepEqual(document.unread[0], {
    address: "127.150.0.2",
    port,
    hostname: null,
    description: "Example Laser 9000",
    objectId: document.unread[0]!.objectId,
    reason: "stopped",
  });
  assert.match(
    document.problems.map(({ message }) => message).join("\n"),
    /12 devices were found but not read, as the scan was stopped/,
  );
  assert.match(
    host.err,
    /^interrupted: 12 of 12 addresses asked, 0 printers read and kept, 12 devices found but not read\n$/,
  );

  const table = renderTable(document, { columns: 100, color: false, unicode: true });
  assert.match(table, /Found but not read: 12 devices\n {2}127\.150\.0\.2 {2}Example Laser 9000\n {2}127\.150\.0\.3 /);
  assert.match(table, /, 12 not read, /);
  const rows = renderCsv(document).split("\r\n");
  assert.equal(rows.filter((row) => /^127\.150\.0\.\d+,.*found but not read \(\d+ of 12\)/.test(row)).length, 12);
  const html = renderHtml(document);
  assert.match(html, /<h2>Found but not read: 12 devices<\/h2>/);
  for (const address of stuck) assert(html.includes(`<th scope="row">${address}</th>`), address);
});

Deno.test("scan that is ended by SIGTERM while it reads writes what it has and what it has not", async () => {
  await using simulator = await startSimulator({ devices, log: true });
  await using program = startProgram("main.ts", [
    ...["scan", ...stuck, ...slowly],
    ...["--port", String(port), "--rate", "0", "--format", "csv"],
  ]);
  await allFound(simulator);
  // What a worker has found is told within a quarter of a second.
  const { code } = await program.kill("SIGTERM");
  assert.equal(code, 130);
  assert.equal(program.lines.filter((line) => line.includes("found but not read")).length, 12);
  assert.match(program.err(), /12 devices found but not read/);
});

Deno.test("scan says of a device whose time was over before anything was known that it was not read", async () => {
  const { exitCode, document, host } = await scan(devices.slice(0, 3), [
    ...[whole, ...stuck.slice(0, 2), "--deadline", "1"],
    ...slowly,
  ]);
  assert.equal(exitCode, 75);
  assert.deepEqual(document.unread.map(({ address, reason }) => [address, reason]), [
    ["127.150.0.2", "deadline"],
    ["127.150.0.9", "deadline"],
  ]);
  assert.deepEqual(document.printers.map(({ address }) => address), [whole]);
  assert.equal(host.err, "incomplete: 2 devices found but not read\n");
});

Deno.test("scan that was whole has nothing unread", async () => {
  const { exitCode, document } = await scan([devices[0]!], [whole]);
  assert.deepEqual([exitCode, document.unread], [0, []]);
});
