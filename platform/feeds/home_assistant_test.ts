import assert from "node:assert/strict";
import fc from "fast-check";
import { colorPrinter, hostileDevice } from "../../tests/fixtures/fed_devices.ts";
import { homeAssistant, type HomeAssistantOptions, topicPart } from "./home_assistant.ts";

const options: HomeAssistantOptions = {
  prefix: "opendca",
  discovery: "homeassistant",
  hasLinks: false,
  expireSeconds: 7200,
};
const numRuns = 300;

Deno.test("each sensor has its configuration, and the printer one state and its availability", () => {
  const all = homeAssistant(colorPrinter, options);
  const of = (topic: string) => JSON.parse(all.find((each) => each.topic === topic)!.payload);
  assert.deepEqual(all.map(({ topic }) => topic), [
    "homeassistant/sensor/opendca_dev-1/meter_total/config",
    "homeassistant/sensor/opendca_dev-1/meter_print-color/config",
    "homeassistant/sensor/opendca_dev-1/meter_length/config",
    "homeassistant/sensor/opendca_dev-1/supply_1-1/config",
    "homeassistant/sensor/opendca_dev-1/supply_1-3/config",
    "homeassistant/sensor/opendca_dev-1/state/config",
    "opendca/cus-1/dev-1/state",
    "opendca/cus-1/dev-1/availability",
  ]);
  assert.deepEqual(of("homeassistant/sensor/opendca_dev-1/meter_total/config"), {
    name: "total",
    state_class: "total_increasing",
    unit_of_measurement: "pages",
    icon: "mdi:counter",
    unique_id: "opendca_dev-1_meter_total",
    state_topic: "opendca/cus-1/dev-1/state",
    value_template: "{{ value_json['meter_total'] }}",
    availability_topic: "opendca/cus-1/dev-1/availability",
    expire_after: 7200,
    device: {
      identifiers: ["opendca_dev-1"],
      name: "Example LX-100",
      manufacturer: "Example",
      model: "LX-100",
      serial_number: "ABC12345",
      sw_version: "1.2",
      suggested_area: "Head office",
    },
    origin: { name: "OpenDCA" },
  });
  const supply = of("homeassistant/sensor/opendca_dev-1/supply_1-1/config");
  assert.deepEqual([supply.name, supply.unit_of_measurement, supply.state_class], ["black toner", "%", "measurement"]);
  assert.deepEqual(of("opendca/cus-1/dev-1/state"), {
    "meter_total": 1000,
    "meter_print-color": 500,
    "meter_length": 12.5,
    "supply_1-1": 62.4,
    "supply_1-3": 0,
    "state": "idle",
  });
  assert.equal(all.at(-1)!.payload, "online");
});

Deno.test("the printer's own page is linked where that is wished, and discovery can have the customer", () => {
  const linked = (address: string) => {
    const [first] = homeAssistant({ ...colorPrinter, address }, {
      ...options,
      hasLinks: true,
      discovery: "ha/{customer}",
    });
    assert.match(first!.topic, /^ha\/cus-1\/sensor\//);
    return JSON.parse(first!.payload).device.configuration_url;
  };
  assert.deepEqual(["10.1.0.7", "2001:db8::7", "javascript:x", "fe80::1%eth0"].map(linked), [
    "http://10.1.0.7/",
    "http://[2001:db8::7]/",
    undefined,
    undefined,
  ]);
});

Deno.test("topics have no wildcards, levels or odd characters, and templates no texts of devices", () => {
  fc.assert(
    fc.property(hostileDevice, (device) => {
      for (const { topic, payload } of homeAssistant(device, { ...options, hasLinks: true })) {
        assert.match(topic, /^(homeassistant\/sensor\/opendca_dev-1\/[\w-]+\/config|opendca\/cus-1\/dev-1\/\w+)$/);
        // Home Assistant cannot store half a character.
        assert.doesNotMatch(payload.replaceAll("\\\\", ""), /\\ud[89a-f]/);
        if (!topic.endsWith("/config")) continue;
        const { value_template: template, unique_id: id } = JSON.parse(payload);
        assert.match(template, /^\{\{ value_json\['[\w-]+'\] \}\}$/);
        assert.match(id, /^[\w-]+$/);
      }
    }),
    { numRuns },
  );
});

Deno.test("different names are different parts of topics", () => {
  const name = fc.oneof(fc.string({ maxLength: 6, unit: fc.constantFrom("a", ".", "-", "_", "/", "ä") }), fc.string());
  fc.assert(
    fc.property(name, name, (a, b) => assert.equal(topicPart(a) === topicPart(b), a === b)),
    { numRuns },
  );
});
