/** The broker, or another server in its place, refuses a request; the connection itself works. */
export class BrokerError extends Error {
  override readonly name = "BrokerError";
  /** It speaks another version of MQTT. */
  constructor(message: string, readonly isVersion = false) {
    super(message);
  }
}
