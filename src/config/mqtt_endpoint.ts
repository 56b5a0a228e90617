import { formatEndpoint } from "../../common/core/ip.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";
import { mqttPath } from "../../common/protocol/mqtt.ts";
import type { MqttEndpoint } from "./agent_config.ts";
import { parseEndpoint } from "./endpoint.ts";

const defaultPorts = { wss: 443, mqtts: 8883 };

/**
 * Reads "dca.example.com", which is "wss://dca.example.com:443/mqtt", or "mqtts://dca.example.com", whose port is 8883.
 * Throws `ValueSyntaxError`.
 */
export function parseMqttEndpoint(text: string): MqttEndpoint {
  const [, scheme = "wss", place = "", path = ""] =
    /^(?:([a-z][a-z0-9+.-]*):\/\/)?([^/]*)(\/.*)?$/i.exec(text.trim()) ?? [];
  const kind = scheme.toLowerCase();
  if (kind !== "wss" && kind !== "mqtts") {
    throw new ValueSyntaxError(
      "is neither wss:// nor mqtts://",
      "write wss://HOST or mqtts://HOST; the connection is always encrypted",
    );
  }
  if (kind === "mqtts" && path.replace("/", "") !== "") {
    throw new ValueSyntaxError("has a path, which MQTT without WebSockets has not");
  }
  if (!/^[\x21-\x7e]{0,200}$/.test(path) || /[?#]/.test(path)) {
    throw new ValueSyntaxError("has a path that is none", `such as wss://dca.example.com${mqttPath}`);
  }
  const { host, port } = parseEndpoint(place);
  return {
    kind,
    host,
    port: /:\d+$/.test(place) ? port : defaultPorts[kind],
    path: kind === "mqtts" ? null : path.replace("/", "") === "" ? mqttPath : path,
  };
}

export function formatMqttEndpoint({ kind, host, port, path }: MqttEndpoint): string {
  return `${kind}://${formatEndpoint(host, port)}${path ?? ""}`;
}
