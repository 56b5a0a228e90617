/**
 * A printer as Home Assistant finds it by MQTT: a retained `config` of each sensor, and topics of its state and of
 * whether it answers (Home Assistant: "MQTT Discovery", "MQTT Sensor"). Pure.
 */
import { createHash } from "node:crypto";
import { tryParseIp } from "../../common/core/ip.ts";
import { type FedDevice, isOfPages, titleOf } from "./fed_device.ts";

export interface HomeAssistantOptions {
  /** Of state topics; the customer's id follows. */
  prefix: string;
  /** Where Home Assistant looks for sensors; `{customer}` is the customer's id. */
  discovery: string;
  /** Whether the printer's own page is linked. */
  hasLinks: boolean;
  /** A state that is not sent again within this time is unknown. */
  expireSeconds: number;
}

export interface Publication {
  topic: string;
  /** Retained; an empty one takes the topic away. */
  payload: string;
}

/** A part of a topic, without levels and wildcards. Other names have a digest, so that no two are the same. */
export function topicPart(text: string): string {
  if (/^[A-Za-z0-9_.]{1,60}$/.test(text)) return text.replaceAll(".", "-");
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
  return `${text.replace(/[^A-Za-z0-9_]+/g, "_").slice(0, 40)}-${digest}`;
}

/* Half a character would make the message one that is no text. */
const plain = (text: string) => text.replace(/\p{Cc}+/gu, " ").slice(0, 200).toWellFormed();

interface Sensor {
  id: string;
  value: number | string;
  config: Record<string, unknown>;
}

function sensorsOf({ meters, supplies, state }: FedDevice): Sensor[] {
  return [
    ...meters.map((meter): Sensor => ({
      id: `meter_${topicPart(meter.name)}`,
      value: meter.value,
      config: {
        name: plain(meter.name.replaceAll(".", " ")),
        state_class: "total_increasing",
        unit_of_measurement: isOfPages(meter) ? "pages" : plain(meter.unit),
        icon: "mdi:counter",
      },
    })),
    ...supplies.flatMap(({ index, name, level }): Sensor[] =>
      level === "some" ? [] : [{
        id: `supply_${topicPart(index)}`,
        value: Math.round(level.percent * 10) / 10,
        config: {
          name: plain(name),
          state_class: "measurement",
          unit_of_measurement: "%",
          icon: "mdi:water-percent",
        },
      }]
    ),
    ...(state === undefined ? [] : [{ id: "state", value: state, config: { name: "state", icon: "mdi:printer" } }]),
  ];
}

/** Everything that is published of a device, its sensors' configurations first. */
export function homeAssistant(device: FedDevice, options: HomeAssistantOptions): Publication[] {
  const { customerId, deviceId, manufacturer, model, serial, firmware, address, site } = device;
  const base = `${options.prefix}/${customerId}/${deviceId}`;
  const discovery = options.discovery.replaceAll("{customer}", customerId);
  const sensors = sensorsOf(device), url = options.hasLinks ? pageOf(address) : undefined;
  const about = {
    identifiers: [`opendca_${deviceId}`],
    name: plain(titleOf(device)),
    ...(manufacturer === undefined ? {} : { manufacturer: plain(manufacturer) }),
    ...(model === undefined ? {} : { model: plain(model) }),
    ...(serial === undefined ? {} : { serial_number: plain(serial) }),
    ...(firmware === undefined ? {} : { sw_version: plain(firmware) }),
    suggested_area: plain(site),
    ...(url === undefined ? {} : { configuration_url: url }),
  };
  const configs = sensors.map(({ id, config }) => ({
    topic: `${discovery}/sensor/opendca_${deviceId}/${id}/config`,
    payload: JSON.stringify({
      ...config,
      unique_id: `opendca_${deviceId}_${id}`,
      state_topic: `${base}/state`,
      value_template: `{{ value_json['${id}'] }}`,
      availability_topic: `${base}/availability`,
      expire_after: options.expireSeconds,
      device: about,
      origin: { name: "OpenDCA" },
    }),
  }));
  return [
    ...configs,
    {
      topic: `${base}/state`,
      payload: JSON.stringify(Object.fromEntries(sensors.map(({ id, value }) => [id, value]))),
    },
    { topic: `${base}/availability`, payload: device.isOnline ? "online" : "offline" },
  ];
}

function pageOf(address: string | undefined): string | undefined {
  if (address === undefined || tryParseIp(address) === undefined || address.includes("%")) return undefined;
  return `http://${address.includes(":") ? `[${address}]` : address}/`;
}
