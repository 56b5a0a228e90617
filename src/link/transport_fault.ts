/** The faults on the way to the platform, by name, each with one sentence of advice. */
export const faultAdvice = {
  "name-not-found":
    "check the host name under platform.endpoints and the DNS server of this machine: it does not know the name",
  "name-server-silent": "check the DNS servers of this machine: none answers",
  "connection-refused": "check the port under platform.endpoints and the firewall: the connection was refused at once",
  "unreachable": "check the cable, the default route and the firewall of this machine: there is no way to the address",
  "connect-timeout":
    "allow this machine to reach the platform's port on the firewall: the connection was never answered",
  "connection-cut": "look for a firewall that cuts the connection: it was opened and then closed",
  "proxy-credentials": "set proxy.user and proxy.password in agent.yaml: the proxy asks for them (407)",
  "proxy-forbidden":
    "have the proxy's administrator allow CONNECT to the platform's host and port: the proxy forbids it",
  "proxy-failed": "check the proxy: it cannot reach the platform itself",
  "proxy-unreachable": "check proxy.url in agent.yaml: the proxy does not answer as one",
  "tls-inspected":
    "exempt the platform's host from TLS inspection, or trust the inspecting authority with platform.ca in agent.yaml",
  "unknown-authority":
    "name the authority of the platform's certificate with platform.ca in agent.yaml; if the platform has none of its own, a device in between inspects TLS",
  "weak-certificate":
    "have the operator of that server use certificates with SHA-256 and RSA keys of 2048 bits or more, or ECDSA",
  "wrong-name": "check platform.endpoints: the certificate shown is for another name",
  "pin-mismatch": "check platform.pin in agent.yaml: no certificate shown has a pinned key",
  "clock-wrong": "set the clock of this machine: valid certificates seem to be from another time",
  "server-certificate-expired": "have the platform's operator renew its certificate: it has expired",
  "client-certificate-refused": "activate again: the platform does not accept the certificate of this agent",
  "client-certificate-expired": "activate again: the certificate of this agent has expired",
  "tls-failed": "look for another service in place of the platform, or a device in between that is too old for TLS 1.2",
  "http2-blocked": "allow HTTP/2 on the proxy or firewall: the connection falls back to HTTP/1.1 or is reset",
  "not-the-platform": "check platform.endpoints: the peer is not an OpenDCA platform",
  "not-the-broker": "check platform.mqtt: the peer is not an MQTT broker, or sends what no platform sends",
  "broker-refused":
    "check that platform.mqtt has the scheme of that port, wss or mqtts; else report this to the platform's operator: the broker refuses this agent or ends its connections; polling continues",
  "deadline": "try again later: the platform took longer than its deadline",
  "message-too-large": "report this to the platform's operator: its answer is larger than 4 MB",
  "platform-busy": "nothing: the platform asked to wait, and the agent retries",
  "over-quota":
    "ask the platform's operator to raise the quota (--agent-quota or --customer-quota of serve), or wait: nothing is lost, and the agent sends it all after midnight UTC",
  "platform-failed": "report this to the platform's operator: the platform has a fault of its own",
  "revoked": "ask the dealer: an administrator revoked this agent; activate it again with a new code",
  "copied":
    "stop the other copy of this agent's state directory, or activate this one again: a later certificate is in use elsewhere",
  "request-refused": "update the agent, or report this: the platform does not understand what it sends",
  "unknown": "run opendca doctor, which tests each step",
} as const satisfies Record<string, string>;

export type TransportFaultName = keyof typeof faultAdvice;

/** A fault: what, where, and what to do. */
export interface TransportFault {
  name: TransportFaultName;
  /** One sentence that names the endpoint. */
  message: string;
  advice: string;
}
