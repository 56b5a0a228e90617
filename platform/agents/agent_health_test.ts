import assert from "node:assert/strict";
import { agentCounts, maybeAgentNote, maybePollNote } from "./agent_health.ts";

const minute = 60_000, now = Date.parse("2026-03-02T08:00:00Z");
const row = (more: Partial<Parameters<typeof maybeAgentNote>[0]> = {}) => ({
  state: "active" as const,
  created_at: now - 600 * minute,
  last_seen_at: now,
  poll_seconds: 0,
  effective_config: null,
  ...more,
});
const ago = (minutes: number) => ({ last_seen_at: now - minutes * minute });

const cases: [name: string, row: ReturnType<typeof row>, want: RegExp | null][] = [
  ["polled now", row(), null],
  ["missed two polls", row(ago(15)), null],
  ["missed three", row(ago(17)), /^did not report for 17 minutes, 3 polls: opendca status on its machine$/],
  ["polls each hour, as it was told", row({ ...ago(170), poll_seconds: 3600 }), null],
  ["polls each hour, as its file says", row({ ...ago(170), effective_config: "poll:\n  interval: 1h\nlog:" }), null],
  ["polls each minute", row({ ...ago(6), poll_seconds: 60 }), /^did not report for 6 minutes, 6 polls/],
  ["says nonsense of its file", row({ ...ago(17), effective_config: "poll:\n  interval: 1ms\n" }), /3 polls/],
  ["was activated just now", row({ last_seen_at: null, created_at: now - minute }), /^not reported yet$/],
  ["never reported", row({ last_seen_at: null }), /^never reported since its activation 10 hours ago: opendca status/],
  ["is revoked", row({ ...ago(600), state: "revoked" as const } as never), null],
];
for (const [name, agent, want] of cases) {
  Deno.test(`maybeAgentNote() of an agent that ${name}: ${want}`, () => {
    const note = maybeAgentNote(agent, now);
    if (want === null) assert.equal(note, null);
    else assert.match(note ?? "", want);
  });
}

Deno.test("agentCounts() counts silent and revoked agents", () => {
  const rows = cases.map(([, agent]) => agent);
  assert.equal(agentCounts(rows, now), "10 agents: 4 silent, 1 revoked");
  assert.equal(agentCounts([row()], now), "1 agent");
});

const polls: [name: string, agent: object, want: RegExp | undefined][] = [
  ["connected by MQTT", { mqtt_online_at: now - minute, mqtt_alive_at: now - 1000 }, undefined],
  ["whose broker is gone", { mqtt_online_at: now - minute, mqtt_alive_at: now - 2 * minute }, /in about 5 minutes$/],
  ["that has left its broker", { mqtt_online_at: now - 9, mqtt_offline_at: now - 8, mqtt_alive_at: now }, /5 minutes$/],
  [
    "that polled a minute ago",
    ago(1),
    /^the agent is not connected by MQTT and gets .* next poll, in about 4 minutes$/,
  ],
  ["that polls each hour", { ...ago(10), poll_seconds: 3600 }, /, in about 50 minutes$/],
  ["that is a little late", ago(6), /, which is due$/],
  ["that is silent", ago(17), /, whose time is not known: it last did 17 minutes ago$/],
  ["that never reported", { last_seen_at: null }, /, whose time is not known: it never reported$/],
];
for (const [name, agent, want] of polls) {
  Deno.test(`maybePollNote() of an agent ${name}: ${want}`, () => {
    const all = { mqtt_online_at: null, mqtt_offline_at: null, mqtt_alive_at: null, ...row(), ...agent };
    const note = maybePollNote(all as Parameters<typeof maybePollNote>[0], now);
    if (want === undefined) assert.equal(note, undefined);
    else assert.match(note ?? "", want);
  });
}
