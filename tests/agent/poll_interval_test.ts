/** Who says how often the agent polls: its file, unless the platform was told a pace on purpose. */
import assert from "node:assert/strict";
import { PlatformConfig } from "../../proto/gen/opendca/v1/config.ts";
import { configDocument, keepAgentConfig } from "../../platform/agents/agent_configs.ts";
import { minute, type Office, openOffice } from "../fixtures/office_agent.ts";
import { until } from "../fixtures/until.ts";

const ignore = Deno.build.os !== "linux";
const schedule = "{ fullSweepEvery: 24h, statusEvery: 4h, metersEvery: 12h, jitter: 0% }";

async function pollsIn(office: Office, minutes: number, stepMs: number): Promise<number> {
  const before = office.calls.poll;
  await office.pass(minutes * minute, stepMs);
  return office.calls.poll - before;
}

Deno.test({
  name: "opendca run polls as its file says, also when that changes, until the platform is told another pace",
  ignore,
  async fn() {
    await using office = await openOffice({ network: 176, printers: 1, schedule, more: "poll: { interval: 1m }\n" });
    await using _agent = await office.startAgent();
    await office.pass(2 * minute, 20_000);
    // A minute give or take a tenth, and some seconds that pass while a busy machine is at it.
    const fast = await pollsIn(office, 10, 10_000);
    assert(fast >= 6 && fast <= 11, `${fast} polls in ten minutes at one minute`);

    const path = `${office.folder}/agent.yaml`;
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace("interval: 1m", "interval: 30m"));
    await until("the new file is in effect", async () => {
      await office.pass(1000);
      return office.logged("configApplied").length > 0;
    });
    const slow = await pollsIn(office, 60, minute);
    assert(slow >= 2 && slow <= 4, `${slow} polls in an hour at thirty minutes`);

    // Shorter again: no later than by what is now due in half an hour.
    await Deno.writeTextFile(path, text);
    await until("the new file is in effect", async () => {
      await office.pass(1000);
      return office.logged("configApplied").length > 1;
    });
    const before = office.calls.poll;
    await office.pass(3 * minute, 10_000);
    assert(office.calls.poll - before >= 2, "the shorter interval waits for the longer one to end");

    const document = configDocument(PlatformConfig.fromPartial({ pollIntervalSeconds: 600 }));
    await keepAgentConfig(office.tenant, { agentId: office.agentId, document, at: office.platformClock.now() });
    await office.pass(3 * minute, 20_000);
    const wished = await pollsIn(office, 60, minute);
    assert(wished >= 5 && wished <= 7, `${wished} polls in an hour at the platform's ten minutes`);
  },
});
