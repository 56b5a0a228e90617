/** Explains why there is no connection to a broker, with the same faults as for the platform. */
import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import type { Proxy } from "../../common/host/proxy.ts";
import type { ClientCertificate, TrustConfig } from "../../common/host/trust.ts";
import { MqttFrameError } from "../../common/protocol/mqtt.ts";
import { classifyTransportError } from "./classify_transport_error.ts";
import { BrokerError } from "./broker_error.ts";
import type { MqttEndpoint } from "./mqtt_connection.ts";
import { TransportError } from "./transport_error.ts";
import { faultAdvice, type TransportFaultName } from "./transport_fault.ts";

export interface ExplainOptions {
  trust: TrustConfig;
  proxy: Proxy | null;
  clock: Clock;
  certificate(): (ClientCertificate & { notAfter: Date }) | undefined;
  stepTimeoutMs?: number;
  signal: AbortSignal;
}

/** A refusal by the broker is reported as it is; for other failures a probe finds the fault on the way. */
export async function explainMqtt(cause: unknown, at: MqttEndpoint, options: ExplainOptions): Promise<TransportError> {
  const endpoint = formatEndpoint(at.host, at.port);
  const of = (name: TransportFaultName, why: string) =>
    new TransportError(
      { name, message: `Cannot use MQTT at ${endpoint}: ${why}`, advice: faultAdvice[name] },
      "unknown",
      { cause },
    );
  if (cause instanceof MqttFrameError) return of("not-the-broker", lower(cause.message));
  if (cause instanceof BrokerError) return of("broker-refused", lower(cause.message));
  try {
    const certificate = options.certificate();
    const { probeEndpoint } = await import("./probe_endpoint.ts");
    const stepTimeoutMs = Math.min(options.stepTimeoutMs ?? 15_000, 10_000);
    const probe = await probeEndpoint(at, { ...options, client: certificate, stepTimeoutMs, protocol: null });
    if (probe.failed === null) return of("broker-refused", lower(messageOf(cause)));
    const fault = classifyTransportError({ code: 14, details: messageOf(cause), reason: null }, {
      endpoint,
      now: options.clock.now(),
      connected: false,
      probe,
      clientNotAfter: certificate?.notAfter ?? null,
    });
    return new TransportError(fault, "none", { cause });
  } catch (error) {
    // Stopped during the probe.
    return of("broker-refused", messageOf(error));
  }
}

function lower(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
