import assert from "node:assert/strict";
import { mayDo } from "./rabbitmq_access.ts";

const own = "mqtt-subscription-agt-1qos1", topic = { name: "amq.topic", resource: "topic" };
const cases: { name: string; question: string; fields: Record<string, string>; want: boolean }[] = [
  { name: "signs in", question: "user", fields: {}, want: true },
  { name: "signs in with a password", question: "user", fields: { password: "any" }, want: false },
  { name: "signs in with an empty password", question: "user", fields: { password: "" }, want: false },
  {
    name: "the platform's name with a password",
    question: "user",
    fields: { username: "opendca-platform", password: "any" },
    want: false,
  },
  { name: "no name", question: "user", fields: { username: "" }, want: false },
  { name: "a name with a wildcard", question: "user", fields: { username: "#" }, want: false },
  { name: "its client id", question: "vhost", fields: { client_id: "agt-1" }, want: true },
  { name: "another's client id", question: "vhost", fields: { client_id: "agt-2" }, want: false },
  { name: "no client id", question: "vhost", fields: {}, want: false },
  { name: "the platform's client id", question: "vhost", fields: { client_id: "opendca-platform-1" }, want: false },
  {
    name: "its queue",
    question: "resource",
    fields: { resource: "queue", name: own, permission: "configure" },
    want: true,
  },
  {
    name: "another's queue",
    question: "resource",
    fields: { resource: "queue", name: "mqtt-subscription-agt-2qos1", permission: "read" },
    want: false,
  },
  {
    name: "any queue",
    question: "resource",
    fields: { resource: "queue", name: "tasks", permission: "read" },
    want: false,
  },
  {
    name: "the exchange",
    question: "resource",
    fields: { resource: "exchange", name: "amq.topic", permission: "write" },
    want: true,
  },
  {
    name: "another exchange",
    question: "resource",
    fields: { resource: "exchange", name: "amq.fanout", permission: "write" },
    want: false,
  },
  ...(["wake", "task", "presence", "progress"] as const).flatMap((kind, index) =>
    (["read", "write"] as const).map((permission) => ({
      name: `${permission} ${kind}`,
      question: "topic",
      fields: { ...topic, permission, routing_key: `opendca.v1.a.agt-1.${kind}` },
      want: (permission === "read") === index < 2,
    }))
  ),
  ...[
    "opendca.v1.a.agt-2.task",
    "opendca.v1.a.*.task",
    "opendca.v1.a.agt-1.*",
    "#",
    "opendca.v1.a.#",
    "",
    "opendca/v1/a/agt-1/task",
  ]
    .map((routing_key) => ({
      name: `read ${routing_key}`,
      question: "topic",
      fields: { ...topic, permission: "read", routing_key },
      want: false,
    })),
  { name: "another question", question: "constructor", fields: {}, want: false },
  {
    name: "the platform: its client id",
    question: "vhost",
    fields: { username: "opendca-platform", client_id: "x" },
    want: true,
  },
  ...([
    ["read", "opendca.v1.a.*.presence", true],
    ["read", "opendca.v1.a.*.progress", true],
    ["read", "opendca.v1.a.*.task", false],
    ["read", "#", false],
    ["read", "$share.platform.opendca.v1.a.*.presence", false],
    ["write", "opendca.v1.a.agt-1.task", true],
    ["write", "opendca.v1.a.agt-1.presence", false],
  ] as const).map(([permission, routing_key, want]) => ({
    name: `the platform: ${permission} ${routing_key}`,
    question: "topic",
    fields: { ...topic, username: "opendca-platform", permission, routing_key },
    want,
  })),
];

for (const { name, question, fields, want } of cases) {
  Deno.test(`mayDo() answers ${want ? "allow" : "deny"}: ${name}`, () =>
    assert.equal(mayDo(question, new URLSearchParams({ username: "agt-1", ...fields })), want));
}
