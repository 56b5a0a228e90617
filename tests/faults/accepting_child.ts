/** Accepts more connections than its process has descriptors, as a program of the outside would bring about. */
import { acceptConnections } from "../../platform/edge/connections/accept_connections.ts";
import { ConnectionGate, defaultGateLimits } from "../../platform/edge/connections/connection_gate.ts";

const limits = { ...defaultGateLimits, anonymousOfSource: 10_000 };
const acceptor = await acceptConnections({
  option: "--listen",
  host: "127.0.0.1",
  port: 0,
  gate: new ConnectionGate(limits, () => performance.now()),
  take: (socket) => socket.write("taken"),
  log: (event) => console.error(event),
  tryAfterMs: 200,
});
console.log(acceptor.port);
