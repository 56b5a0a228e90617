import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { interpretedReading } from "../../tests/fixtures/sample_reading.ts";
import { recordOfReading } from "../link/spool_reading.ts";
import { openSpool } from "./spool.ts";
import { denoSpoolFiles } from "./spool_files.ts";
import { openDatabases } from "./open_databases.ts";

interface Found {
  records: number;
  devices: number;
  faults: string[];
}

/** Opens the stores for a customer, looks at them, and keeps one reading more in them when told to. */
function visit(
  stateDirectory: string,
  customer: string,
  options: { keep: boolean; agentId?: string } = { keep: false },
): Found {
  const faults: string[] = [];
  using stores = openDatabases({
    stateDirectory,
    customer,
    agentId: options.agentId ?? "agt-1",
    clock: new FakeClock(),
    files: denoSpoolFiles,
    spoolLimits: {},
    report: (event) => event.event === "agentChanged" || faults.push(JSON.stringify(event)),
  });
  const { inventory, spool } = stores;
  const found = { records: spool.stats().depth, devices: inventory.devices().length, faults };
  if (!options.keep) return found;
  const reading = interpretedReading();
  const { deviceId } = inventory.observe({ reading, site: "office" }, new Date(reading.observedAt))[0]!;
  spool.append([recordOfReading(reading, { site: "office", deviceKey: deviceId, scope: "full", mask: [] })]);
  return found;
}

function withFolder(name: string, body: (folder: string) => void): void {
  Deno.test(name, () => {
    const folder = Deno.makeTempDirSync();
    try {
      body(folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

withFolder(
  "openDatabases() keeps what was read for the same customer, and puts aside what was read for another",
  (folder) => {
    visit(folder, "Acme", { keep: true });
    assert.deepEqual(visit(folder, "Acme"), { records: 1, devices: 1, faults: [] });
    const { records, devices, faults: [fault = ""] } = visit(folder, "Blue", { keep: true });
    assert.deepEqual([records, devices], [0, 0]);
    const { event, former, customer, kept: [kept] } = JSON.parse(fault);
    assert.deepEqual([event, former, customer], ["customerChanged", "Acme", "Blue"]);
    assert.match(kept, /spool\.db\.former-customer-/);
    using spool = openSpool(kept, { clock: new FakeClock(), files: denoSpoolFiles, onSalvage: () => assert.fail() });
    assert.equal(spool.stats().depth, 1, "nothing is lost of it");
    assert.deepEqual(visit(folder, "Blue"), { records: 1, devices: 1, faults: [] });
  },
);

withFolder("openDatabases() takes the customer of a state directory that names none for its own", (folder) => {
  visit(folder, "Acme", { keep: true });
  const db = denoSpoolFiles.openDatabase(`${folder}/inventory.db`);
  db.run("DELETE FROM mark WHERE name = 'customer'");
  db.close();
  assert.deepEqual(visit(folder, "Blue"), { records: 1, devices: 1, faults: [] });
});

withFolder("openDatabases() puts aside at the next start what a crash on the way has left", (folder) => {
  visit(folder, "Acme", { keep: true });
  // As after the spool was renamed and before the inventory was.
  Deno.renameSync(`${folder}/spool.db`, `${folder}/spool.db.former-customer-1`);
  assert.deepEqual(visit(folder, "Blue").devices, 0);
});

withFolder(
  "openDatabases() begins a new epoch for a new agent of the same customer, once, and without a fault",
  (folder) => {
    const epochOf = () => {
      using spool = openSpool(`${folder}/spool.db`, {
        clock: new FakeClock(),
        files: denoSpoolFiles,
        onSalvage: () => assert.fail(),
      });
      return spool.stats().epoch;
    };
    visit(folder, "Acme", { keep: true, agentId: "agt-1" });
    const first = epochOf();
    visit(folder, "Acme", { keep: false, agentId: "agt-1" });
    assert.equal(epochOf(), first);
    // After a revocation and a new activation.
    assert.deepEqual(visit(folder, "Acme", { keep: false, agentId: "agt-2" }), { records: 1, devices: 1, faults: [] });
    const second = epochOf();
    assert.notEqual(second, first);
    visit(folder, "Acme", { keep: false, agentId: "agt-2" });
    assert.equal(epochOf(), second);
  },
);
