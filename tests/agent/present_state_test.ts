/** The last line of the log about a thing is its present state: whatever fails and then works again is told at info. */
import assert from "node:assert/strict";
import { passThrough, refuseConnection } from "../fixtures/tcp_proxy.ts";
import { minute, openOffice } from "../fixtures/office_agent.ts";
import { until } from "../fixtures/until.ts";

Deno.test({
  name: "opendca run says at info that platform, uploads and configuration work again, each once",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const schedule = "{ fullSweepEvery: 24h, statusEvery: 10m, metersEvery: 12h, jitter: 0% }";
    await using office = await openOffice({ network: 177, printers: 1, schedule });
    await using _agent = await office.startAgent();
    await office.pass(2 * minute, minute);
    const infos = (event: string) => office.logged(event).filter(({ level }) => level === "info");
    assert.deepEqual([infos("platformReturned"), infos("faultEnded"), infos("configRecovered")], [[], [], []]);

    office.proxy.handle = refuseConnection;
    office.proxy.cut();
    await office.pass(20 * minute, 2 * minute);
    assert(office.logged("pollFailed").length > 0 && office.logged("uploadFailed").length > 0);
    office.proxy.handle = passThrough;
    await office.pass(15 * minute, 3 * minute);
    const [back, ...more] = infos("platformReturned");
    assert.deepEqual(more, []);
    assert.equal(back!.count, office.logged("pollFailed").length);
    assert.match(String(back!.was), /Cannot reach the platform/);
    assert.deepEqual(infos("faultEnded").map(({ code }) => code), ["upload-failed"]);

    const path = `${office.folder}/agent.yaml`;
    const text = await Deno.readTextFile(path);
    const lineComes = (event: string) =>
      until(event, async () => {
        await office.pass(1000);
        return office.logged(event).length > 0;
      });
    await Deno.writeTextFile(path, text + "nonsense: 1\n");
    await lineComes("configRefused");
    await Deno.writeTextFile(path, text);
    await lineComes("configRecovered");
    assert.equal(infos("configRecovered").length, 1);
    await office.pass(minute);
    assert.deepEqual((await office.status()).faults, []);

    // Whatever was told as a fault has a line behind it that says that it is over.
    for (const [failed, over] of [["pollFailed", "platformReturned"], ["configRefused", "configRecovered"]]) {
      const last = office.log.findLast(({ event }) => event === failed || event === over);
      assert.equal(last!.event, over);
    }
  },
});
