/** Requests that no program of good will sends: each is told what is wrong with it, and none is a mistake of the server. */
import assert from "node:assert/strict";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { odataFleet } from "./odata_fleet.ts";
import { programsScene } from "./programs_scene.ts";

const rest = "/api/v1", odata = "/odata/v1", text = encodeURIComponent;
const filter = (condition: string) => `${odata}/Devices?$filter=${text(condition)}`;

slowInPostgres("whatever a request asks for, the server makes no mistake, and says what is wrong", async () => {
  await using scene = await programsScene();
  await odataFleet(scene);
  const program = await scene.program(), root = `${rest}/customers/${scene.acme}`;
  const deep = `${'{"a":'.repeat(6000)}1${"}".repeat(6000)}`;
  const cases: [status: number, method: string, path: string, body?: unknown, headers?: Record<string, string>][] = [
    [404, "GET", `${root}/devices/`],
    [404, "GET", `${root}//devices`],
    [404, "OPTIONS", `${root}/devices`],
    [404, "PATCH", `${root}/devices`],
    [404, "GET", `${root}/devices/%E0%A4%A`],
    [404, "GET", `${root}/devices/${text("\u{1f600}".repeat(20))}`],
    [400, "GET", `${root}/devices/${"a".repeat(101)}`],
    [404, "GET", `${root}/devices/..%2f..%2fcustomers`],
    [400, "GET", `${root}/devices?cursor=${"A".repeat(3999)}`],
    [400, "GET", `${root}/devices?cursor=`],
    [400, "GET", `${root}/devices?limit=5&limit=6`],
    [400, "GET", `${root}/devices?limit=99999999999999999999`],
    [400, "GET", `${root}/tasks?cursor=AAAA`],
    [422, "POST", `${root}/tasks`, deep],
    [422, "POST", `${root}/tasks`, `{"__proto__":{"kind":"ping"}}`],
    [400, "POST", `${root}/tasks`, "[".repeat(60_000)],
    [400, "POST", `${root}/tasks`, "\u0000"],
    [415, "POST", `${root}/tasks`, "kind=ping", { "content-type": "application/x-www-form-urlencoded" }],
    [415, "POST", `${root}/tasks`, "{}", { "content-type": "application/jsonx" }],
    [400, "POST", `${root}/tasks`, "{}", { "idempotency-key": "a".repeat(201) }],
    [404, "GET", `${odata}/devices`],
    [404, "GET", `${odata}/Devices/`],
    [404, "GET", `${odata}/Devices/Serial`],
    [404, "GET", `${odata}/$batch`],
    [405, "DELETE", `${odata}/Devices`],
    [405, "OPTIONS", `${odata}/Devices`],
    [400, "GET", `${odata}/Devices('x')`],
    [404, "GET", `${odata}/Devices(CustomerId='${text("o''neil\u{1f600}")}',DeviceId='x')`],
    [400, "GET", `${odata}/Devices?$top=`],
    [400, "GET", `${odata}/Devices?$skip=1000001`],
    [400, "GET", `${odata}/Devices?$select=`],
    [400, "GET", `${odata}/Devices?$select=Serial,Nonsense`],
    [400, "GET", `${odata}/Devices?$orderby=Serial,`],
    [400, "GET", `${odata}/Devices?$skiptoken=${"A".repeat(100)}`],
    [400, "GET", filter("")],
    [400, "GET", filter("Serial")],
    [400, "GET", filter("Serial eq 'open")],
    [400, "GET", filter("Serial gt null")],
    [400, "GET", filter("LastSeenAt gt 2026-13-45T99:00:00Z")],
    [400, "GET", filter("TotalPages eq 1e999")],
    [400, "GET", filter("not ".repeat(25) + "Silent")],
    [501, "GET", filter("tolower(Model) eq 'x'")],
    [501, "GET", filter("year(LastSeenAt) eq 2026")],
    [501, "GET", filter("Model eq Serial")],
    [400, "GET", filter("Model in ('a','b')")],
    [501, "GET", `${odata}/Agents?$filter=Silent`],
    [501, "GET", `${odata}/Devices?$expand=Supplies`],
    [200, "GET", filter("Serial eq null or null ne Serial")],
    [200, "GET", filter("contains(Model,'%') or contains(Model,'_') or contains(Model,'\\')")],
    [200, "GET", filter("Model eq 'o''neil \u{1f600}' or TotalPages eq 9007199254740993 or TotalPages lt -1e300")],
    [200, "GET", filter("LastSeenAt gt 0001-01-01T00:00:00Z and LastSeenAt lt 9999-12-31T23:59:59.999999999999Z")],
    [200, "GET", filter(Array.from({ length: 100 }, (_, i) => `Serial eq '${i}'`).join(" or "))],
    [200, "GET", `${odata}/Devices?$top=0&$count=true`],
    [200, "GET", `${odata}/Devices?$top=99999999999`],
    [200, "GET", `${odata}/Devices?$skip=1000000&$orderby=Serial`],
    [200, "GET", `${odata}/Supplies?$skip=1000000`],
    [200, "HEAD", `${odata}/Devices`],
    [200, "HEAD", `${root}/devices`],
  ];
  for (const [status, method, path, body, headers] of cases) {
    // A token has 20 calls a second.
    scene.platform.clock.advance(1000);
    const answer = await program.send(method, path, body, headers), what = `${method} ${path.slice(0, 200)}`;
    assert.equal(answer.status, status, `${what}: ${answer.body.slice(0, 300)}`);
    if (method === "HEAD") assert.equal(answer.body, "");
    else {assert(
        status === 200 || (answer.json.error?.message ?? answer.json.detail).length > 10,
        `${what}: ${answer.body}`,
      );}
  }
});
