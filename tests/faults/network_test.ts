/** A network between the running agent and the real platform that cuts, loses answers, delays, repeats and reorders. */
import { DatabaseSync } from "node:sqlite";
import assert from "node:assert/strict";
import { seededRandom } from "../../simulator/random.ts";
import { passThrough } from "../fixtures/tcp_proxy.ts";
import { createFaultyNetwork, type NetworkFault, networkFaults } from "./faulty_network.ts";
import { hour, minute, openOffice } from "../fixtures/office_agent.ts";

Deno.test({
  name: "opendca run gets every reading to the platform exactly once through a network that cuts, repeats and reorders",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const schedule = "{ fullSweepEvery: 24h, statusEvery: 10m, metersEvery: 20m, jitter: 0% }";
    await using office = await openOffice({ network: 239, printers: 3, schedule });
    using database = new DatabaseSync(office.platform.platform.directory.path("platform.db"), { readOnly: true });
    const batches = () => Number(database.prepare("SELECT count(*) AS n FROM batches").get()!.n);
    const played = new Map<NetworkFault, number>(networkFaults.map((trick) => [trick, 0]));
    let committedUnanswered = 0;
    const network = createFaultyNetwork({
      random: seededRandom(7),
      target: office.proxy.target,
      onFault(trick) {
        played.set(trick, played.get(trick)! + 1);
        if (trick === "mute" && batches() > office.logged("batchSent").length) committedUnanswered++;
      },
    });
    office.proxy.handle = network.handle;
    await using _agent = await office.startAgent();
    const enough = () => committedUnanswered >= 2 && [...played.values()].every((times) => times >= 3);
    for (let hours = 0; hours < 4 || (!enough() && hours < 40); hours++) await office.pass(hour, minute);
    office.proxy.handle = passThrough;
    network.release();
    await office.pass(30 * minute, minute);
    assert(enough(), `${committedUnanswered} answers lost behind a commit; ${JSON.stringify([...played])}`);
    const stored = await office.assertAllThere();
    assert(stored >= 3 * 6 * 4, `${stored} records are too few to prove anything`);
    assert.equal((await office.row()).suspected_clone_at, null, "a repeated call was taken for a copy");
  },
});
