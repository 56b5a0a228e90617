/** The watch over node:http2: a stress in a process of its own, and what a user sees on a runtime that fails it. */
import assert from "node:assert/strict";
import { AgentStatus } from "../../proto/gen/opendca/v1/agent_service.ts";
import { minute, openOffice } from "../fixtures/office_agent.ts";

const rounds = 15;

Deno.test("node:http2 stands streams and connections that are opened and cancelled from both sides", async () => {
  const { code, signal, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--no-check",
      "-A",
      new URL("http2_stress.ts", import.meta.url).pathname,
      String(rounds),
    ],
  }).output();
  const said = new TextDecoder().decode(stderr);
  assert.deepEqual([code, signal], [0, null], `this runtime is not fit for gRPC: ${said}`);
  const { answered, cancelled } = JSON.parse(new TextDecoder().decode(stdout));
  assert(answered > 0 && cancelled > 0);
});

for (
  const { runtimeVersion, warns } of [{ runtimeVersion: "2.9.4", warns: true }, {
    runtimeVersion: "2.9.3",
    warns: false,
  }]
) {
  Deno.test({
    name: `opendca run ${
      warns ? "warns of" : "is content with"
    } Deno ${runtimeVersion} in its log, its status and to the platform`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const schedule = "{ fullSweepEvery: 24h, statusEvery: 4h, metersEvery: 12h }";
      await using office = await openOffice({ network: 246, printers: 1, schedule, runtimeVersion });
      await using _agent = await office.startAgent();
      await office.pass(6 * minute, minute);
      const warnings = office.logged("runtimeAffected");
      assert.equal(warnings.length, warns ? 1 : 0);
      if (warns) assert.match(String(warnings[0]!.message), /^Deno 2\.9\.4 corrupts memory in HTTP\/2/);
      assert.equal(/fault +.*Deno 2\.9\.4 corrupts memory/.test(await office.opendca("status")), warns);
      const { faults } = AgentStatus.decode((await office.row()).status!);
      assert.equal(faults.some(({ code }) => code === "runtime-affected"), warns);
    },
  });
}
