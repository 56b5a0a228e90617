import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { colorPrinter, hostileDevice } from "../../tests/fixtures/fed_devices.ts";
import { glpiSchema } from "../../tests/fixtures/glpi_schema.ts";
import { glpiInventory } from "./glpi_inventory.ts";

const validate = new Ajv2020({ strict: false }).compile(glpiSchema);

Deno.test("a printer is as GLPI takes it, with counters of pages and levels that are known", () => {
  const { content, ...head } = glpiInventory(colorPrinter, "1.0");
  assert.deepEqual(head, { action: "netinventory", deviceid: "opendca-dev-1", itemtype: "Printer" });
  assert.deepEqual(content, {
    versionclient: "OpenDCA_v1.0",
    network_device: {
      type: "Printer",
      name: "printer-7",
      manufacturer: "Example",
      model: "LX-100",
      serial: "ABC12345",
      firmware: "1.2",
      mac: "00:11:22:33:44:55",
      ips: ["10.1.0.7"],
    },
    pagecounters: { total: 1000, printcolor: 500 },
    cartridges: [{ tonerblack: "62", tonercyan: "OK", wastetoner: "0" }],
    firmwares: [{ name: "LX-100", type: "device", version: "1.2", manufacturer: "Example" }],
    network_ports: [{ ifnumber: 1, iftype: 6, mac: "00:11:22:33:44:55", ips: ["10.1.0.7"] }],
  });
});

Deno.test("what is not known is left out, and is no 0", () => {
  const { content } = glpiInventory({
    customerId: "cus-1",
    customer: "Acme",
    deviceId: "dev-2",
    site: "",
    isOnline: false,
    meters: [{ name: "total", value: 3.5, unit: "meters" }],
    supplies: [],
  }, "1.0");
  assert.deepEqual(content, { versionclient: "OpenDCA_v1.0", network_device: { type: "Printer", name: "dev-2" } });
});

Deno.test("of several supplies that GLPI cannot tell apart, the lowest is told", () => {
  const [toner] = colorPrinter.supplies;
  const of = (...levels: ("some" | number)[]) =>
    glpiInventory({
      ...colorPrinter,
      supplies: levels.map((level) => ({ ...toner!, level: level === "some" ? level : { percent: level } })),
    }, "1.0").content.cartridges?.[0];
  assert.deepEqual(of("some", 80, 3), { tonerblack: "3" });
  assert.deepEqual(of(3, "some"), { tonerblack: "3" });
});

Deno.test("whatever texts a device has, GLPI's format takes it", () => {
  fc.assert(
    fc.property(hostileDevice, (device) => {
      const text = JSON.stringify(glpiInventory(device, "1.0"));
      assert(validate(JSON.parse(text)), `${JSON.stringify(validate.errors)} in ${text}`);
    }),
    { numRuns: 300 },
  );
});
